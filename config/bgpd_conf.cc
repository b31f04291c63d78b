#include "config/bgpd_conf.h"

#include <algorithm>
#include <set>

#include "common/json_field.h"
#include "config/bgpd_keys.h"
#include "config/conf_readers.h"
#include "config/neighbor_conf.h"
#include "config/policy_conf.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

using nlohmann::ordered_json;

constexpr Seconds kLeastRotation{60};
constexpr std::uint64_t kLeastMrtBytes = 8 << 20;  // more than is ever written at once
constexpr std::uint64_t kMostMrtBytes = std::uint64_t{1} << 40;
constexpr std::size_t kMaxSocketPath = 107;  // unix(7): sun_path with its closing zero

// ---------------------------------------------------------------- sections

/// "10.0.0.1", "10.0.0.1:1790", "::" or "[::]:1790".
Result<ListenConf> read_listen_text(const JsonField& field) {
  const auto text = TRY(json::text(field));
  std::string address = text, port;
  if (text.starts_with('[')) {
    const auto end = text.find("]:");
    if (end == std::string::npos) return field.bad("must be \"[ADDRESS]:PORT\"");
    address = text.substr(1, end - 1);
    port = text.substr(end + 2);
  } else if (std::ranges::count(text, ':') == 1) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  const auto parsed = IpAddress::parse(address);
  if (!parsed) return field.bad(parsed.error().message);
  if (address == text) return ListenConf{*parsed, 179};
  const bool digits = !port.empty() && port.size() <= 5 && port.front() != '0' &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(port) < 1 || std::stoi(port) > 65535) return field.bad("the port must be from 1 to 65535");
  return ListenConf{*parsed, static_cast<std::uint16_t>(std::stoi(port))};
}

/// `place` says it. An interface cannot be named here, and without one a link-local IPv6 address is none.
Status check_listen_address(const JsonField& place, const IpAddress& address) {
  if (address.is_unspecified()) return ok();
  if (const auto* special = special_around(Prefix::host(address), {Special::Loopback, Special::LinkLocal}))
    return place.bad("must be an address of this node, 0.0.0.0 or ::; " + address.to_string() + " is " +
                     std::string(special->text));
  if (address.is_v6() && address.is_link_local()) return place.bad("is link-local, on every link: listen on ::");
  return ok();
}

Result<ListenConf> read_listen(const JsonField& field) {
  if (field.value().is_string()) {
    const auto listen = TRY(read_listen_text(field));
    TRY(check_listen_address(field, listen.address));
    return listen;
  }
  if (!field.value().is_object()) return field.bad("must be an address, or {\"address\": ..., \"port\": ...}");
  TRY(field.only(keys::kListen));
  const ListenConf listen{TRY(field.required("address", json::ip_address)),
                          TRY(field.optional("port", json::integer<std::uint16_t>(1), std::uint16_t{179}))};
  TRY(check_listen_address(field.child("address"), listen.address));
  return listen;
}

Result<OriginatedPrefix> read_originated(const JsonField& field) {
  OriginatedPrefix out;
  if (field.value().is_string()) {
    out.prefix = TRY(json::prefix(field));
  } else {
    if (!field.value().is_object()) return field.bad("must be a prefix, or {\"prefix\": ..., \"communities\": ...}");
    TRY(field.only(keys::kOriginated));
    out.prefix = TRY(field.required("prefix", json::prefix));
    out.blackhole = TRY(field.optional("blackhole", json::boolean, true));
    out.communities = TRY(field.optional("communities", one_or_many(community), out.communities));
    out.local_pref = TRY(field.maybe("localPref", json::integer<std::uint32_t>()));
    out.med = TRY(field.maybe("med", json::integer<std::uint32_t>()));
    out.withdrawn_by_drain =
        TRY(field.optional("onDrain", one_of<bool>({{"depref", false}, {"withdraw", true}}), false));
    out.drop_forwarded = TRY(field.optional("dropForwarded", json::boolean, false));
  }
  const auto place = field.value().is_string() ? field : field.child("prefix");
  if (out.prefix.is_default() && out.blackhole)
    return place.bad("a blackhole for the default route would cut the node off; give {\"prefix\": \"" +
                     out.prefix.to_string() + "\", \"blackhole\": false}");
  if (out.prefix.is_default() && out.drop_forwarded)
    return field.child("dropForwarded").bad("must be false for the default route: nothing would be forwarded any more");
  if (const auto* special = special_around(out.prefix))
    return place.bad("must be a unicast prefix of pods; " + out.prefix.to_string() + " is " +
                     std::string(special->text));
  return out;
}

Result<OriginateConf> read_originate(const JsonField& field) {
  TRY(field.only(keys::kOriginate));
  OriginateConf out;
  if (field.has("prefixes")) {
    const auto prefixes = field.child("prefixes");
    out.prefixes = TRY(prefixes.each(read_originated));
    std::set<Prefix> seen;
    for (std::size_t i = 0; i < out.prefixes.size(); ++i)
      if (!seen.insert(out.prefixes[i].prefix).second)
        return prefixes.element(i).bad(out.prefixes[i].prefix.to_string() + " is there twice");
  }
  const auto words = one_of<PodRoutes>(
      {{"outside-aggregates", PodRoutes::OutsideAggregates}, {"all", PodRoutes::All}, {"none", PodRoutes::None}});
  out.pod_routes = TRY(field.optional("podRoutes", words, out.pod_routes));
  return out;
}

Result<std::optional<IpAddress>> read_source(const JsonField& field, const std::string& key, AddressFamily family) {
  auto address = TRY(field.maybe(key, [](const JsonField& f) { return host_address(f, {Special::LinkLocal}); }));
  if (address && address->family() != family)
    return field.child(key).bad("must be an " + std::string(to_string(family)) + " address of this node");
  return address;
}

Result<KernelConf> read_kernel(const JsonField& field) {
  TRY(field.only(keys::kKernel));
  KernelConf out;
  out.install = TRY(field.optional("install", json::boolean, out.install));
  out.table = TableId{TRY(field.optional("table", json::integer<std::uint32_t>(1), out.table.value))};
  if (out.table.value == 255) return field.child("table").bad("255 is the kernel's own table (local)");
  out.metric = TRY(field.optional("metric", json::integer<std::uint32_t>(), out.metric));
  if (out.metric < kLeastMetric)
    return field.child("metric").bad("must be above 128: pods' routes have 64, aggregates 128, and both must win");
  out.multipath = TRY(field.optional("multipath", json::integer<std::uint16_t>(1, 256), out.multipath));
  out.multipath_relax = TRY(field.optional("multipathRelax", json::boolean, out.multipath_relax));
  out.max_routes = TRY(field.optional("maxRoutes", json::integer<std::uint32_t>(1), out.max_routes));
  out.next_hop_objects =
      TRY(field.optional("nextHopObjects", one_of<bool>({{"off", false}, {"auto", true}}), out.next_hop_objects));
  out.next_hop_neighbors =
      TRY(field.optional("nextHopNeighbors", one_of<bool>({{"off", false}, {"auto", true}}), out.next_hop_neighbors));
  out.pref_src4 = TRY(read_source(field, "prefSrc4", AddressFamily::IPv4));
  out.pref_src6 = TRY(read_source(field, "prefSrc6", AddressFamily::IPv6));
  return out;
}

Result<GuardConf> read_guard(const JsonField& field) {
  TRY(field.only(keys::kGuard));
  GuardConf out;
  if (!field.has("ranges")) return out;
  out.ranges = TRY(field.child("ranges").each(json::prefix));
  for (std::size_t i = 0; i < out.ranges.size(); ++i)
    if (out.ranges[i].is_default())
      return field.child("ranges").element(i).bad("would refuse everything; see neighbors[].import");
  return out;
}

Result<ControlConf> read_control(const JsonField& field) {
  TRY(field.only(keys::kControl));
  ControlConf out;
  out.socket = TRY(field.optional("socket", json::absolute_path, out.socket));
  out.group = TRY(field.optional("group", json::non_empty_text, out.group));
  out.read_only_socket = TRY(field.maybe("readOnlySocket", json::absolute_path));
  out.read_only_group = TRY(field.optional("readOnlyGroup", json::non_empty_text, out.read_only_group));
  out.read_only_mode = TRY(field.optional("readOnlyMode", one_of<unsigned>({{"0660", 0660}, {"0666", 0666}}), 0660U));
  const auto check_length = [&](const char* key, const std::string& path) -> Status {
    if (path.size() <= kMaxSocketPath) return ok();
    return field.child(key).bad("must be at most " + std::to_string(kMaxSocketPath) + " bytes long (unix(7))");
  };
  TRY(check_length("socket", out.socket));
  TRY(check_length("readOnlySocket", out.read_only_socket.value_or("")));
  if (out.read_only_socket == out.socket) return field.child("readOnlySocket").bad("is control.socket as well");
  return out;
}

Result<MetricsConf> read_metrics(const JsonField& field) {
  TRY(field.only(keys::kMetrics));
  const auto with_port = [](const JsonField& place) -> Result<ListenConf> {
    if (IpAddress::parse(TRY(json::text(place)))) return place.bad("must have a port, as in \"127.0.0.1:9179\"");
    const auto address = TRY(read_listen_text(place));
    TRY(check_listen_address(place, address.address));
    return address;
  };
  return MetricsConf{TRY(field.maybe("address", with_port))};
}

/// Of strftime(3) those that every reader of file names understands alike.
Status check_file_pattern(const JsonField& field, const std::string& pattern, bool rotates) {
  bool has_time = false;
  for (auto at = pattern.find('%'); at != std::string::npos; at = pattern.find('%', at + 2)) {
    if (at + 1 == pattern.size() || std::string_view("YmdHMS%").find(pattern[at + 1]) == std::string_view::npos)
      return field.bad("after % must be one of Y m d H M S %");
    has_time = has_time || pattern[at + 1] != '%';
  }
  if (rotates && !has_time)
    return field.bad("must tell the files apart, as in \"updates.%Y%m%d.%H%M.mrt\" (rotateSeconds)");
  return ok();
}

Result<MrtUpdatesConf> read_mrt_updates(const JsonField& field) {
  TRY(field.only(keys::kMrtUpdates));
  MrtUpdatesConf out;
  out.file = TRY(field.required("file", json::absolute_path));
  out.rotate = Seconds{TRY(field.optional("rotateSeconds", json::integer<std::uint32_t>(0, 86400), 0U))};
  if (out.rotate.count() > 0 && out.rotate < kLeastRotation)
    return field.child("rotateSeconds").bad("must be 0 (never), or from 60 to 86400");
  out.rotate_bytes =
      TRY(field.optional("rotateBytes", json::integer<std::uint64_t>(0, kMostMrtBytes), std::uint64_t{0}));
  if (out.rotate_bytes > 0 && out.rotate_bytes < kLeastMrtBytes)
    return field.child("rotateBytes").bad("must be 0 (never), or from 8388608 to 1099511627776");
  out.sent = TRY(field.optional("sent", json::boolean, out.sent));
  TRY(check_file_pattern(field.child("file"), out.file, out.rotate.count() > 0));
  return out;
}

Result<MrtConf> read_mrt(const JsonField& field) {
  TRY(field.only(keys::kMrt));
  return MrtConf{TRY(field.maybe("updates", read_mrt_updates))};
}

Result<std::string> read_log_level(const JsonField& field) {
  return one_of<std::string>({{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}})(field);
}

// ---------------------------------------------------------------- the whole

/// Reads one section into `out`, or notes what is wrong with it and leaves `out` as it is.
template <class Reader, class T>
void section(const JsonField& root, const char* key, const Reader& read, T& out, std::vector<Error>& errors) {
  if (!root.has(key)) return;
  auto got = read(root.child(key));
  if (got)
    out = *std::move(got);
  else
    errors.push_back(got.error());
}

void read_scalars(const JsonField& root, BgpdConf& out, std::vector<Error>& errors) {
  if (const auto as = root.required("localAs", as_number))
    out.local_as = *as;
  else
    errors.push_back(as.error());
  section(root, "routerId", router_id, out.router_id, errors);
  section(root, "clusterId", router_id, out.cluster_id, errors);
  section(root, "listen", json::array_of(read_listen), out.listen, errors);
  section(root, "originate", read_originate, out.originate, errors);
  section(root, "kernel", read_kernel, out.kernel, errors);
  section(root, "guard", read_guard, out.guard, errors);
  section(root, "control", read_control, out.control, errors);
  section(root, "metrics", read_metrics, out.metrics, errors);
  section(root, "mrt", read_mrt, out.mrt, errors);
  section(root, "logLevel", read_log_level, out.log_level, errors);
  section(root, "stateFile", json::absolute_path, out.state_file, errors);
  section(root, "onStop", one_of<OnStop>({{"restart", OnStop::Restart}, {"final", OnStop::Final}}), out.on_stop,
          errors);
  section(root, "drain", json::boolean, out.drain, errors);
}

/// A neighbour's name; or, for all of a range, the range's own name or anything with "*" at its end.
bool is_known(std::string_view wanted, const BgpdConf& conf) {
  const bool open = wanted.ends_with('*');
  const auto stem = wanted.substr(0, wanted.size() - (open ? 1 : 0));
  const auto fits = [&](const std::string& name) { return open ? name.starts_with(stem) : name == stem; };
  return std::ranges::any_of(conf.neighbors, [&](const auto& n) { return fits(n.name); }) ||
         std::ranges::any_of(conf.dynamic_neighbors, [&](const auto& n) {
           return fits(n.settings.name) || stem.starts_with(n.settings.name + "-");
         });
}

bool is_range(const std::string& name, const BgpdConf& conf) {
  return std::ranges::none_of(conf.neighbors, [&](const auto& n) { return n.name == name; }) &&
         std::ranges::any_of(conf.dynamic_neighbors, [&](const auto& n) { return n.settings.name == name; });
}

/// Names are looked up, and a range's becomes the pattern of those who come from it: "NAME-*".
void check_policy_neighbors(const JsonField& root, BgpdConf& conf, std::vector<Error>& errors) {
  for (auto& [name, policy] : conf.policies) {
    for (std::size_t i = 0; i < policy.size(); ++i) {
      for (auto& wanted : policy[i].match.neighbors) {
        const auto place = root.child("policies").child(name).element(i);
        if (!is_known(wanted, conf))
          errors.push_back(place.child("match").child("neighbor").bad_error("no neighbour \"" + wanted + "\""));
        else if (is_range(wanted, conf))
          wanted += "-*";
      }
    }
  }
}

void check_listen(const JsonField& root, const BgpdConf& conf, std::vector<Error>& errors) {
  for (std::size_t i = 0; i < conf.listen.size(); ++i)
    if (std::find(conf.listen.begin(), conf.listen.begin() + static_cast<std::ptrdiff_t>(i), conf.listen[i]) !=
        conf.listen.begin() + static_cast<std::ptrdiff_t>(i))
      errors.push_back(root.child("listen").element(i).bad_error("is there twice"));
}

}  // namespace

bool is_external(Asn local_as, const NeighborConf& neighbor) {
  if (neighbor.remote_as.kind != RemoteAsKind::Number) return neighbor.remote_as.kind == RemoteAsKind::External;
  return neighbor.remote_as.asn != neighbor.local_as.value_or(local_as);
}

BgpdConfCheck check_bgpd_conf(std::string_view text) {
  BgpdConfCheck out;
  const auto document = parse_json(text);
  if (!document) {
    out.errors.push_back(document.error());
    return out;
  }
  const JsonField root(*document);
  if (const auto known = root.only(keys::kTop); !known) out.errors.push_back(known.error());
  if (!document->is_object()) return out;

  read_scalars(root, out.conf, out.errors);
  if (root.has("policies")) out.conf.policies = read_policies(root.child("policies"), out.errors);
  NeighborContext context{.local_as = out.conf.local_as, .policies = &out.conf.policies, .groups = nullptr};
  std::optional<JsonField> groups;
  if (root.has("peerGroups")) {
    groups = root.child("peerGroups");
    check_groups(*groups, context, out.errors);
    context.groups = &*groups;
  }
  if (root.has("neighbors")) out.conf.neighbors = read_neighbors(root.child("neighbors"), context, out.errors);
  if (root.has("dynamicNeighbors"))
    out.conf.dynamic_neighbors = read_dynamic_neighbors(root.child("dynamicNeighbors"), context, out.errors);
  if (out.errors.empty()) {  // names can only be looked up when all of them were read
    check_policy_neighbors(root, out.conf, out.errors);
    check_listen(root, out.conf, out.errors);
  }
  return out;
}

Result<BgpdConf> read_bgpd_conf(std::string_view text) {
  auto checked = check_bgpd_conf(text);
  if (!checked.errors.empty()) return fail(std::move(checked.errors.front()));
  return std::move(checked.conf);
}

}  // namespace slash32::config
