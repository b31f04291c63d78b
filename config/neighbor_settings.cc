#include "config/neighbor_settings.h"

#include <algorithm>
#include <cmath>

#include "config/bgpd_keys.h"
#include "config/conf_readers.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

constexpr std::uint16_t kMaxHoldTime = 65535;  // RFC 4271 section 4.2: two octets
constexpr std::size_t kMaxIfname = 15;         // IFNAMSIZ without the closing zero

// ---------------------------------------------------------------- values of a neighbour

Result<RemoteAs> read_remote_as(const JsonField& field) {
  if (field.value().is_string())
    return RemoteAs{
        TRY(one_of<RemoteAsKind>({{"external", RemoteAsKind::External}, {"internal", RemoteAsKind::Internal}})(field)),
        {}};
  if (!field.value().is_number_integer()) return field.bad("must be an AS number, \"external\" or \"internal\"");
  return RemoteAs{RemoteAsKind::Number, TRY(as_number(field))};
}

Result<Seconds> read_hold_time(const JsonField& field) {
  const auto seconds = TRY(json::integer<std::uint16_t>(0, kMaxHoldTime)(field));
  if (seconds == 1 || seconds == 2) return field.bad("must be 0 or at least 3 (RFC 4271 section 4.2)");
  return Seconds{seconds};
}

Result<Seconds> read_keepalive_time(const JsonField& field) {
  return Seconds{TRY(json::integer<std::uint16_t>(1, kMaxHoldTime / 3)(field))};
}

Result<Milliseconds> read_retry_time(const JsonField& field) {
  constexpr double kLeast = 0.1, kMost = 3600;
  const std::string expected = "must be seconds from 0.1 to 3600";
  if (!field.value().is_number()) return field.bad(expected);
  const auto seconds = field.value().get<double>();
  if (!(seconds >= kLeast && seconds <= kMost)) return field.bad(expected);
  return Milliseconds{static_cast<std::int64_t>(std::lround(seconds * 1000))};
}

}  // namespace

Result<std::string> read_interface_name(const JsonField& field) {
  auto name = TRY(json::non_empty_text(field));
  const auto plain = [](unsigned char c) { return c > 0x20 && c != 0x7f && c != '/' && c != ':'; };  // as the kernel
  if (name.size() > kMaxIfname || name == "." || name == ".." || !std::ranges::all_of(name, plain))
    return field.bad("must be an interface name (at most 15 characters, no slash, colon, space or control character)");
  return name;
}

namespace {

Result<std::vector<AddressFamily>> read_families(const JsonField& field) {
  auto families = TRY(field.each(address_family));
  if (families.empty()) return field.bad("must name at least one of \"ipv4\", \"ipv6\"");
  std::ranges::sort(families);
  if (std::ranges::adjacent_find(families) != families.end()) return field.bad("names a family twice");
  return families;
}

/// `true`: every family, for a day; `false`: none, where a group has it. An object goes over what is there, key by key;
/// it must say which families it is about (RFC 9494 section 5: "affirmative configuration per AFI/SAFI").
Result<std::optional<LongLivedConf>> read_long_lived(const JsonField& field,
                                                     const std::optional<LongLivedConf>& before) {
  constexpr std::uint32_t kMost = 0xffffff;  // RFC 9494 section 3.1: 24 bits
  constexpr Seconds kDay{86400};
  if (field.value().is_boolean() && !field.value().get<bool>()) return std::nullopt;
  if (field.value().is_boolean()) return std::optional{LongLivedConf{.stale_time4 = kDay, .stale_time6 = kDay}};
  TRY(field.only(keys::kLongLived));
  const bool says = field.has("staleTime") || field.has("staleTime4") || field.has("staleTime6");
  LongLivedConf conf = before.value_or(LongLivedConf{});
  const auto time = [](const JsonField& value) -> Result<Seconds> {
    return Seconds{TRY(json::integer<std::uint32_t>(0, kMost)(value))};
  };
  if (const auto both = TRY(field.maybe("staleTime", time))) conf.stale_time4 = conf.stale_time6 = *both;
  conf.stale_time4 = TRY(field.optional("staleTime4", time, conf.stale_time4));
  conf.stale_time6 = TRY(field.optional("staleTime6", time, conf.stale_time6));
  conf.max_stale_time = TRY(field.optional("maxStaleTime", time, conf.max_stale_time));
  conf.partial_deployment = TRY(field.optional("partialDeployment", json::boolean, conf.partial_deployment));
  if (!says && !before && !conf.partial_deployment)
    return field.bad("enables no family: give staleTime (both), staleTime4 or staleTime6 (RFC 9494 section 5)");
  return std::optional{conf};
}

Result<GracefulRestartConf> read_graceful_restart(const JsonField& field, GracefulRestartConf conf) {
  constexpr std::uint16_t kMaxRestartTime = 4095;  // RFC 4724 section 3: 12 bits
  constexpr std::uint16_t kMaxStaleTime = 3600;
  TRY(field.only(keys::kGracefulRestart));
  conf.enabled = TRY(field.optional("enabled", json::boolean, conf.enabled));
  if (const auto time = TRY(field.maybe("restartTime", json::integer<std::uint16_t>(0, kMaxRestartTime))))
    conf.restart_time = Seconds{*time};
  conf.notification = TRY(field.optional("notification", json::boolean, conf.notification));
  if (const auto time = TRY(field.maybe("staleTime", json::integer<std::uint16_t>(1, kMaxStaleTime))))
    conf.stale_time = Seconds{*time};
  if (field.has("longLived")) conf.long_lived = TRY(read_long_lived(field.child("longLived"), conf.long_lived));
  if (conf.long_lived && !conf.enabled && field.has("longLived"))
    return field.child("longLived").bad("needs graceful restart, which is switched off (RFC 9494 section 4.1)");
  return conf;
}

/// `true`: with every default; `false`: none, where a group has it. An object goes over what is there, key by key.
Result<std::optional<BfdConf>> read_bfd(const JsonField& field, const std::optional<BfdConf>& before) {
  constexpr std::uint16_t kLeast = 10, kMost = 60000;
  if (field.value().is_boolean()) return field.value().get<bool>() ? std::optional{BfdConf{}} : std::nullopt;
  TRY(field.only(keys::kBfd));
  BfdConf conf = before.value_or(BfdConf{});
  const auto interval = [](const JsonField& value) -> Result<Milliseconds> {
    return Milliseconds{TRY(json::integer<std::uint16_t>(kLeast, kMost)(value))};
  };
  conf.min_tx = TRY(field.optional("minTx", interval, conf.min_tx));
  conf.min_rx = TRY(field.optional("minRx", interval, conf.min_rx));
  conf.multiplier = TRY(field.optional("multiplier", json::integer<std::uint8_t>(1), conf.multiplier));
  if (field.has("multihop")) conf.multihop = TRY(json::boolean(field.child("multihop")));
  return std::optional{conf};
}

Result<MaxPrefixes> read_max_prefixes(const JsonField& field) {
  constexpr std::uint32_t kMaxRest = 86400;  // a day
  TRY(field.only(keys::kMaxPrefixes));
  MaxPrefixes out;
  out.in = TRY(field.maybe("in", json::integer<std::uint32_t>(1)));
  out.out = TRY(field.maybe("out", json::integer<std::uint32_t>(1)));
  out.warn = TRY(field.optional("warn", json::integer<std::uint8_t>(1, 100), out.warn));
  if (const auto rest = TRY(field.maybe("restart", json::integer<std::uint32_t>(0, kMaxRest))))
    out.restart = Seconds{*rest};
  return out;
}

Result<std::uint8_t> read_paths_to_send(const JsonField& field) {
  if (field.value().is_string()) return TRY(one_of<std::uint8_t>({{"all", AddPathConf::kAll}})(field));
  if (field.value().is_number_integer() && field.value() == 0) return std::uint8_t{0};
  return json::integer<std::uint8_t>(2, AddPathConf::kAll)(field);
}

Result<AddPathConf> read_add_path(const JsonField& field, AddPathConf conf) {
  TRY(field.only(keys::kAddPath));
  conf.receive = TRY(field.optional("receive", json::boolean, conf.receive));
  conf.send = TRY(field.optional("send", read_paths_to_send, conf.send));
  return conf;
}

Result<BgpRole> read_role(const JsonField& field) {
  std::vector<std::pair<std::string_view, BgpRole>> words;
  for (const auto role : {BgpRole::Provider, BgpRole::Rs, BgpRole::RsClient, BgpRole::Customer, BgpRole::Peer})
    words.emplace_back(to_string(role), role);
  return one_of<BgpRole>(std::move(words))(field);
}

Result<NextHopResolution> read_resolution(const JsonField& field) {
  std::vector<std::pair<std::string_view, NextHopResolution>> words;
  for (const auto how :
       {NextHopResolution::OnLink, NextHopResolution::Recursive, NextHopResolution::RecursiveViaDefault})
    words.emplace_back(to_string(how), how);
  return one_of<NextHopResolution>(std::move(words))(field);
}

Result<Allow> read_allow(const JsonField& field) {
  enum class Word : std::uint8_t { Default, OwnRanges, Martians, Connected };
  Allow allow;
  for (const auto word : TRY(field.each(one_of<Word>({{"default", Word::Default},
                                                      {"ownRanges", Word::OwnRanges},
                                                      {"martians", Word::Martians},
                                                      {"connected", Word::Connected}})))) {
    if (word == Word::Default) allow.default_route = true;
    if (word == Word::OwnRanges) allow.own_ranges = true;
    if (word == Word::Martians) allow.martians = true;
    if (word == Word::Connected) allow.connected = true;
  }
  return allow;
}

Result<std::optional<std::uint8_t>> read_ttl_security(const JsonField& field) {
  if (field.value().is_boolean())  // true: a neighbour on the same link
    return field.value().get<bool>() ? std::optional<std::uint8_t>{1} : std::nullopt;
  return std::optional{TRY(json::integer<std::uint8_t>(1, 254)(field))};
}

auto policy_names(const NeighborContext& context) {
  return [&context](const JsonField& field) -> Result<std::vector<std::string>> {
    auto names = TRY(field.each(json::non_empty_text));
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!context.policies->contains(names[i]))
        return field.element(i).bad("no policy \"" + names[i] + "\" in /policies");
    for (std::size_t i = 0; i < names.size(); ++i)
      if (std::ranges::find(names, names[i]) != names.begin() + static_cast<std::ptrdiff_t>(i))
        return field.element(i).bad("\"" + names[i] + "\" is there twice");
    return names;
  };
}

Result<TcpAoKeyConf> read_tcp_ao_key(const JsonField& field) {
  TRY(field.only(keys::kTcpAoKey));
  TcpAoKeyConf out;
  const auto id = TRY(field.maybe("id", json::integer<std::uint8_t>()));
  for (const char* key : {"sendId", "receiveId"})
    if (id && field.has(key)) return field.child(key).bad("excludes id, which is both");
  out.send_id = id ? *id : TRY(field.required("sendId", json::integer<std::uint8_t>()));
  out.receive_id = id ? *id : TRY(field.required("receiveId", json::integer<std::uint8_t>()));
  const auto algorithms = one_of<TcpAoAlgorithm>(
      {{"hmac-sha-1-96", TcpAoAlgorithm::HmacSha1}, {"aes-128-cmac-96", TcpAoAlgorithm::AesCmac}});
  out.algorithm = TRY(field.optional("algorithm", algorithms, out.algorithm));
  out.key_file = TRY(field.required("keyFile", json::absolute_path));
  return out;
}

Result<std::vector<TcpAoKeyConf>> read_tcp_ao(const JsonField& field) {
  TRY(field.only(keys::kTcpAo));
  auto out = TRY(field.required("keys", json::array_of(read_tcp_ao_key)));
  const auto keys = field.child("keys");
  if (out.empty()) return keys.bad("must have a key");
  for (std::size_t i = 0; i < out.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)  // RFC 5925 section 3.1: each identifies one key of a connection
      if (out[i].send_id == out[j].send_id || out[i].receive_id == out[j].receive_id)
        return keys.element(i).bad("has an identifier of key " + std::to_string(j) + " as well (RFC 5925 section 3.1)");
  return out;
}

// ---------------------------------------------------------------- a neighbour's settings

Status apply_session(const JsonField& field, NeighborConf& out) {
  out.remote_as = TRY(field.optional("remoteAs", read_remote_as, out.remote_as));
  out.port = TRY(field.optional("port", json::integer<std::uint16_t>(1), out.port));
  out.passive = TRY(field.optional("passive", json::boolean, out.passive));
  out.enabled = TRY(field.optional("enabled", json::boolean, out.enabled));
  out.description = TRY(field.optional("description", json::line, out.description));
  if (field.has("localAddress"))
    out.local_address = TRY(host_address(field.child("localAddress"), {Special::Loopback, Special::LinkLocal}));
  if (field.has("bindInterface")) out.bind_interface = TRY(read_interface_name(field.child("bindInterface")));
  if (field.has("passwordFile")) out.password_file = TRY(json::absolute_path(field.child("passwordFile")));
  if (field.has("tcpAo")) out.tcp_ao = TRY(read_tcp_ao(field.child("tcpAo")));
  out.hold_time = TRY(field.optional("holdTime", read_hold_time, out.hold_time));
  if (field.has("keepaliveTime")) out.keepalive_time = TRY(read_keepalive_time(field.child("keepaliveTime")));
  out.connect_retry_time = TRY(field.optional("connectRetryTime", read_retry_time, out.connect_retry_time));
  out.delay_open =
      Seconds{TRY(field.optional("delayOpen", json::integer<std::int64_t>(0, 240), out.delay_open.count()))};
  out.ttl_security = TRY(field.optional("ttlSecurity", read_ttl_security, out.ttl_security));
  if (field.has("multihop")) out.multihop = TRY(json::integer<std::uint8_t>(1)(field.child("multihop")));
  out.connected_check = TRY(field.optional("connectedCheck", json::boolean, out.connected_check));
  out.families = TRY(field.optional("families", read_families, out.families));
  if (field.has("gracefulRestart"))
    out.graceful_restart = TRY(read_graceful_restart(field.child("gracefulRestart"), out.graceful_restart));
  if (field.has("bfd")) out.bfd = TRY(read_bfd(field.child("bfd"), out.bfd));
  if (field.has("addPath")) out.add_path = TRY(read_add_path(field.child("addPath"), out.add_path));
  if (field.has("role")) out.role = TRY(read_role(field.child("role")));
  out.role_strict = TRY(field.optional("roleStrict", json::boolean, out.role_strict));
  if (field.has("enforceFirstAs")) out.enforce_first_as = TRY(json::boolean(field.child("enforceFirstAs")));
  out.allow_as_set = TRY(field.optional("allowAsSet", json::boolean, out.allow_as_set));
  if (field.has("extendedNextHop")) out.extended_next_hop = TRY(json::boolean(field.child("extendedNextHop")));
  out.enhanced_refresh = TRY(field.optional("enhancedRouteRefresh", json::boolean, out.enhanced_refresh));
  out.extended_messages = TRY(field.optional("extendedMessages", json::boolean, out.extended_messages));
  if (field.has("localAs")) out.local_as = TRY(as_number(field.child("localAs")));
  return ok();
}

Status apply_routes(const JsonField& field, const NeighborContext& context, NeighborConf& out) {
  out.route_reflector_client = TRY(field.optional("routeReflectorClient", json::boolean, out.route_reflector_client));
  out.allow_own_as = TRY(field.optional("allowOwnAs", json::integer<std::uint8_t>(0, 10), out.allow_own_as));
  const auto next_hop =
      one_of<NextHopMode>({{"auto", NextHopMode::Auto}, {"self", NextHopMode::Self}, {"keep", NextHopMode::Keep}});
  out.next_hop = TRY(field.optional("nextHop", next_hop, out.next_hop));
  out.next_hop_resolution = TRY(field.optional("nextHopResolution", read_resolution, out.next_hop_resolution));
  out.graceful_shutdown = TRY(field.optional("gracefulShutdown", json::boolean, out.graceful_shutdown));
  out.drain = TRY(field.optional("drain", json::boolean, out.drain));
  out.allow = TRY(field.optional("allow", read_allow, out.allow));
  out.max_prefixes = TRY(field.optional("maxPrefixes", read_max_prefixes, out.max_prefixes));
  if (field.has("import")) out.import_policies = TRY(policy_names(context)(field.child("import")));
  if (field.has("export")) out.export_policies = TRY(policy_names(context)(field.child("export")));
  return ok();
}

}  // namespace

Status apply_settings(const JsonField& field, const NeighborContext& context, NeighborConf& out) {
  TRY(apply_session(field, out));
  return apply_routes(field, context, out);
}

}  // namespace slash32::config
