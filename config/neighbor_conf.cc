#include "config/neighbor_conf.h"

#include <algorithm>
#include <cctype>

#include "config/bgpd_keys.h"
#include "config/conf_readers.h"
#include "config/neighbor_settings.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxName = 64;

/// The place of `key`: where the neighbour says it, else its group, else the neighbour itself.
JsonField place_of(const JsonField& field, const std::string& key) {
  if (field.has(key)) return field.child(key);
  return field.has("group") ? field.child("group") : field;
}

bool is_internal(const NeighborConf& neighbor, const NeighborContext& context) {
  if (neighbor.remote_as.kind != RemoteAsKind::Number) return neighbor.remote_as.kind == RemoteAsKind::Internal;
  return neighbor.remote_as.asn == neighbor.local_as.value_or(context.local_as);
}

/// What only the settings together can get wrong. `family` is that of the transport.
Status check_whole(const JsonField& field, const NeighborConf& n, const NeighborContext& context,
                   AddressFamily family) {
  if (n.remote_as == RemoteAs{}) return field.missing("remoteAs");
  if (n.local_address && n.local_address->family() != family)
    return place_of(field, "localAddress")
        .bad("must be an " + std::string(to_string(family)) + " address, as the neighbour's is");
  if (n.password_file && !n.tcp_ao.empty())
    return place_of(field, "tcpAo").bad("excludes passwordFile: a connection is signed one way (RFC 5925 section 1)");
  if (n.route_reflector_client && !is_internal(n, context))
    return place_of(field, "routeReflectorClient").bad("only an iBGP neighbour can be a client (RFC 4456 section 4)");
  if (n.role && is_internal(n, context))
    return place_of(field, "role").bad("only an eBGP neighbour has one (RFC 9234 section 4)");
  if (n.role_strict && !n.role) return place_of(field, "roleStrict").bad("needs role (RFC 9234 section 4.2)");
  if (n.multihop && n.ttl_security)
    return place_of(field, "multihop").bad("excludes ttlSecurity, which counts hops itself (RFC 5082)");
  if (n.keepalive_time && n.hold_time.count() > 0 && *n.keepalive_time * 3 > n.hold_time)
    return place_of(field, "keepaliveTime").bad("must be at most a third of holdTime (RFC 4271 section 4.4)");
  return ok();
}

Status check_group(const JsonField& group, const NeighborContext& context) {
  TRY(group.only(keys::kNeighbor));
  for (const auto key : keys::kIdentity)
    if (group.has(std::string(key))) return group.child(std::string(key)).bad("belongs to a neighbour, not to a group");
  NeighborConf scratch;
  return apply_settings(group, context, scratch);
}

Status apply_group(const JsonField& field, const NeighborContext& context, NeighborConf& out) {
  out.group = TRY(field.optional("group", json::non_empty_text, std::string{}));
  if (out.group.empty()) return ok();
  if (!context.groups || !context.groups->has(out.group))
    return field.child("group").bad("no group \"" + out.group + "\" in /peerGroups");
  const auto group = context.groups->child(out.group);
  if (!check_group(group, context)) return ok();  // told once, at the group's own place
  return apply_settings(group, context, out);
}

/// Names stand in URLs and log lines.
Result<std::string> read_name(const JsonField& field) {
  auto name = TRY(json::text(field));
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("._:-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (name.empty() || name.size() > kMaxName || !std::ranges::all_of(name, plain))
    return field.bad("must be 1 to 64 letters, digits, '.', '_', ':' or '-'");
  return name;
}

Result<IpAddress> read_neighbor_address(const JsonField& field) {
  return host_address(field, {Special::Loopback, Special::LinkLocal});
}

/// A neighbour without an address: whoever advertises itself on the link (RFC 4861).
Status read_unnumbered(const JsonField& field, NeighborConf& out) {
  const auto place = field.child("interface");
  if (field.has("address")) return place.bad("excludes address; beside a link-local one give bindInterface");
  out.interface = TRY(read_interface_name(place));
  out.address = IpAddress::v6({});
  return ok();
}

/// What an unnumbered neighbour's settings can get wrong; `bindInterface` is its link.
Status check_unnumbered(const JsonField& field, NeighborConf& out) {
  if (out.bind_interface && out.bind_interface != out.interface)
    return place_of(field, "bindInterface").bad("is another link than interface");
  if (out.multihop.value_or(1) > 1) return place_of(field, "multihop").bad("cannot be: interface is one hop away");
  if (out.bfd && out.bfd->multihop.value_or(false))
    return place_of(field, "bfd").child("multihop").bad("cannot be: interface is one hop away");
  if (out.local_address && !out.local_address->is_link_local())
    return place_of(field, "localAddress").bad("must be a link-local address, as the neighbour's will be");
  out.bind_interface = out.interface;
  return ok();
}

Result<NeighborConf> read_neighbor(const JsonField& field, const NeighborContext& context) {
  TRY(field.only(keys::kNeighbor));
  NeighborConf out;
  if (field.has("interface"))
    TRY(read_unnumbered(field, out));
  else
    out.address = TRY(field.required("address", read_neighbor_address));
  TRY(apply_group(field, context, out));
  TRY(apply_settings(field, context, out));
  if (out.interface) TRY(check_unnumbered(field, out));
  out.name = TRY(field.has("name") || !out.interface ? field.optional("name", read_name, out.address.to_string())
                                                     : read_name(field.child("interface")));
  if (out.address.is_v6() && out.address.is_link_local() && !out.bind_interface)
    return field.child("address").bad("is link-local: give bindInterface as well");
  if (out.address.is_link_local() && out.bfd && out.bfd->multihop.value_or(false))
    return place_of(field, "bfd").child("multihop").bad("cannot be: a link-local address is one hop away");
  TRY(check_whole(field, out, context, out.address.family()));
  if (out.local_address == out.address) return place_of(field, "localAddress").bad("is the neighbour's own address");
  return out;
}

Status only_dynamic(const JsonField& field) {
  TRY(field.is_object());
  const auto among = [](const keys::List& list, std::string_view key) {
    return std::ranges::find(list, key) != list.end();
  };
  for (const auto& [key, value] : field.value().items()) {
    if (key == "address" || key == "interface") return field.child(key).bad("a dynamic neighbour has a range instead");
    if (!among(keys::kNeighbor, key) && !among(keys::kDynamic, key) && !key.starts_with("x-") && !key.starts_with("_"))
      return field.child(key).bad("unknown key; known here: those of a neighbour, range, limit");
  }
  return ok();
}

Result<DynamicNeighborConf> read_dynamic(const JsonField& field, const NeighborContext& context) {
  TRY(only_dynamic(field));
  DynamicNeighborConf out;
  out.range = TRY(field.required("range", json::prefix));
  if (const auto* special = special_around(out.range, {Special::Loopback, Special::LinkLocal}))
    return field.child("range").bad("must be a unicast prefix; " + out.range.to_string() + " is " +
                                    std::string(special->text));
  out.limit = TRY(field.optional("limit", json::integer<std::uint32_t>(1, 10000), out.limit));
  TRY(apply_group(field, context, out.settings));
  TRY(apply_settings(field, context, out.settings));
  out.settings.name = TRY(field.optional("name", read_name, out.range.address().to_string()));
  out.settings.passive = true;  // there is no address to call
  TRY(check_whole(field, out.settings, context, out.range.family()));
  return out;
}

ordered_json print_remote_as(const RemoteAs& remote) {
  if (remote.kind == RemoteAsKind::Number) return remote.asn.value;
  return remote.kind == RemoteAsKind::External ? "external" : "internal";
}

ordered_json print_allow(const Allow& allow) {
  ordered_json out = ordered_json::array();
  if (allow.default_route) out.push_back("default");
  if (allow.own_ranges) out.push_back("ownRanges");
  if (allow.martians) out.push_back("martians");
  if (allow.connected) out.push_back("connected");
  return out;
}

ordered_json print_graceful_restart(const GracefulRestartConf& restart) {
  ordered_json out = {{"enabled", restart.enabled},
                      {"restartTime", restart.restart_time.count()},
                      {"notification", restart.notification},
                      {"staleTime", restart.stale_time.count()}};
  if (const auto& long_lived = restart.long_lived)
    out["longLived"] = {{"staleTime4", long_lived->stale_time4.count()},
                        {"staleTime6", long_lived->stale_time6.count()},
                        {"maxStaleTime", long_lived->max_stale_time.count()},
                        {"partialDeployment", long_lived->partial_deployment}};
  return out;
}

ordered_json print_bfd(const BfdConf& bfd) {
  ordered_json out = {{"minTx", bfd.min_tx.count()}, {"minRx", bfd.min_rx.count()}, {"multiplier", bfd.multiplier}};
  if (bfd.multihop) out["multihop"] = *bfd.multihop;
  return out;
}

void print_session(const NeighborConf& n, ordered_json& out) {
  out["remoteAs"] = print_remote_as(n.remote_as);
  if (n.local_as) out["localAs"] = n.local_as->value;
  out["port"] = n.port;
  out["passive"] = n.passive;
  out["enabled"] = n.enabled;
  if (!n.description.empty()) out["description"] = n.description;
  if (n.local_address) out["localAddress"] = n.local_address->to_string();
  if (n.bind_interface && !n.interface) out["bindInterface"] = *n.bind_interface;
  if (n.password_file) out["passwordFile"] = *n.password_file;
  for (const auto& key : n.tcp_ao)
    out["tcpAo"]["keys"].push_back(
        {{"sendId", key.send_id},
         {"receiveId", key.receive_id},
         {"algorithm", key.algorithm == TcpAoAlgorithm::HmacSha1 ? "hmac-sha-1-96" : "aes-128-cmac-96"},
         {"keyFile", key.key_file}});
  out["holdTime"] = n.hold_time.count();
  if (n.keepalive_time) out["keepaliveTime"] = n.keepalive_time->count();
  out["delayOpen"] = n.delay_open.count();
  out["connectRetryTime"] = static_cast<double>(n.connect_retry_time.count()) / 1000;
  if (n.ttl_security) out["ttlSecurity"] = *n.ttl_security;
  if (n.multihop) out["multihop"] = *n.multihop;
  out["connectedCheck"] = n.connected_check;
  for (const auto family : n.families) out["families"].push_back(print_family(family));
  out["gracefulRestart"] = print_graceful_restart(n.graceful_restart);
  if (n.bfd) out["bfd"] = print_bfd(*n.bfd);
}

void print_routes(const NeighborConf& n, ordered_json& out) {
  static constexpr const char* kNextHop[] = {"auto", "self", "keep"};
  out["routeReflectorClient"] = n.route_reflector_client;
  out["allowOwnAs"] = n.allow_own_as;
  out["nextHop"] = kNextHop[static_cast<std::size_t>(n.next_hop)];
  out["nextHopResolution"] = to_string(n.next_hop_resolution);
  out["addPath"] = {{"receive", n.add_path.receive}, {"send", n.add_path.send}};
  if (n.role) out["role"] = to_string(*n.role);
  if (n.role_strict) out["roleStrict"] = true;
  if (n.enforce_first_as) out["enforceFirstAs"] = *n.enforce_first_as;
  out["allow"] = print_allow(n.allow);
  out["gracefulShutdown"] = n.graceful_shutdown;
  if (n.drain) out["drain"] = true;
  out["allowAsSet"] = n.allow_as_set;
  out["enhancedRouteRefresh"] = n.enhanced_refresh;
  out["extendedMessages"] = n.extended_messages;
  if (n.extended_next_hop) out["extendedNextHop"] = *n.extended_next_hop;
  out["maxPrefixes"] = {{"warn", n.max_prefixes.warn}, {"restart", n.max_prefixes.restart.count()}};
  if (n.max_prefixes.in) out["maxPrefixes"]["in"] = *n.max_prefixes.in;
  if (n.max_prefixes.out) out["maxPrefixes"]["out"] = *n.max_prefixes.out;
  if (n.import_policies) out["import"] = *n.import_policies;
  if (n.export_policies) out["export"] = *n.export_policies;
}

}  // namespace

NeighborKey key_of(const NeighborConf& neighbor) {
  const bool of_link = neighbor.address.is_v6() && neighbor.address.is_link_local();
  if (neighbor.interface) return {IpAddress::v6({}), *neighbor.interface};
  return {neighbor.address, of_link ? neighbor.bind_interface.value_or("") : ""};
}

void check_groups(const JsonField& field, const NeighborContext& context, std::vector<Error>& errors) {
  if (const auto shape = field.is_object(); !shape) {
    errors.push_back(shape.error());
    return;
  }
  for (const auto& [name, value] : field.value().items())
    if (const auto good = check_group(field.child(name), context); !good) errors.push_back(good.error());
}

std::vector<NeighborConf> read_neighbors(const JsonField& field, const NeighborContext& context,
                                         std::vector<Error>& errors) {
  std::vector<NeighborConf> out;
  if (!field.value().is_array()) {
    errors.push_back(field.bad_error("must be an array"));
    return out;
  }
  for (std::size_t i = 0; i < field.value().size(); ++i) {
    const auto element = field.element(i);
    auto neighbor = read_neighbor(element, context);
    if (!neighbor) {
      errors.push_back(neighbor.error());
      continue;
    }
    for (const auto& other : out) {
      if (key_of(other) == key_of(*neighbor) && other.interface)
        errors.push_back(element.child("interface").bad_error("is that of neighbour " + other.name + " as well"));
      else if (key_of(other) == key_of(*neighbor))
        errors.push_back(element.child("address").bad_error("is the address of neighbour " + other.name + " as well"));
      else if (other.name == neighbor->name)
        errors.push_back(place_of(element, "name").bad_error("there is another neighbour \"" + other.name + "\""));
    }
    out.push_back(*std::move(neighbor));
  }
  return out;
}

std::vector<DynamicNeighborConf> read_dynamic_neighbors(const JsonField& field, const NeighborContext& context,
                                                        std::vector<Error>& errors) {
  std::vector<DynamicNeighborConf> out;
  if (!field.value().is_array()) {
    errors.push_back(field.bad_error("must be an array"));
    return out;
  }
  for (std::size_t i = 0; i < field.value().size(); ++i) {
    auto neighbor = read_dynamic(field.element(i), context);
    if (!neighbor) {
      errors.push_back(neighbor.error());
      continue;
    }
    for (const auto& other : out)
      if (other.range == neighbor->range)
        errors.push_back(
            field.element(i).child("range").bad_error("is the range of " + other.settings.name + " as well"));
    out.push_back(*std::move(neighbor));
  }
  return out;
}

ordered_json print_neighbor(const NeighborConf& neighbor) {
  ordered_json out = {{"name", neighbor.name}};
  if (neighbor.interface)
    out["interface"] = *neighbor.interface;
  else
    out["address"] = neighbor.address.to_string();
  print_session(neighbor, out);
  print_routes(neighbor, out);
  return out;
}

ordered_json print_dynamic_neighbor(const DynamicNeighborConf& neighbor) {
  ordered_json out = {
      {"name", neighbor.settings.name}, {"range", neighbor.range.to_string()}, {"limit", neighbor.limit}};
  print_session(neighbor.settings, out);
  print_routes(neighbor.settings, out);
  return out;
}

}  // namespace slash32::config
