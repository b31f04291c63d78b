#include "config/net_conf.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/pod_routes_conf.h"
#include "config/spec_keys.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

constexpr std::uint32_t kMinMtu = 68;  // RFC 791 section 3.2
constexpr std::uint32_t kMaxMtu = 65535;
constexpr std::uint64_t kMinLogSize = 4096;
constexpr std::uint64_t kMaxLogSize = 1ULL << 40;

constexpr std::array<std::string_view, 16> kOwnKeys = {"type",         "ipam",
                                                       "mtu",          "gateway",
                                                       "hostSource",   "log",
                                                       "antiSpoofing", "dns",
                                                       "stateDir",     "nodeFile",
                                                       "defaultRoute", "routes",
                                                       "ipMasq",       "masqueradeExempt",
                                                       "hostSysctl",   "allowIpForwarding"};
// Keys of the specification and of runtimes (CNI 1.1.0 section 1, CONVENTIONS.md), which others read.
constexpr std::array<std::string_view, 11> kForeignKeys = {"cniVersion", "cniVersions",   "name",       "capabilities",
                                                           "args",       "runtimeConfig", "prevResult", "disableCheck",
                                                           "disableGC",  "deviceID",      "pciBusID"};

Status check_keys(const JsonField& root) {
  TRY(root.is_object());
  for (const auto& [key, value] : root.value().items()) {
    if (key.starts_with("x-") || key.starts_with("_") || key.starts_with("cni.dev/")) continue;
    if (std::ranges::find(kOwnKeys, key) != kOwnKeys.end()) continue;
    if (std::ranges::find(kForeignKeys, key) != kForeignKeys.end()) continue;
    std::string known;
    for (const auto own : kOwnKeys) known += (known.empty() ? "" : ", ") + std::string(own);
    return root.child(key).bad("unknown key; known here: " + known);
  }
  return ok();
}

Result<IpAddress> address_of(const JsonField& field, AddressFamily family) {
  const auto address = TRY(host_address(field, {Special::LinkLocal}));
  if (address.family() != family) return field.bad("must be an " + std::string(to_string(family)) + " address");
  return address;
}

/// {"v4": ADDRESS, "v6": ADDRESS}, both optional.
Result<PerFamily> per_family(const JsonField& field) {
  TRY(field.only({"v4", "v6"}));
  PerFamily out;
  out.v4 = TRY(field.maybe("v4", [](const JsonField& f) { return address_of(f, AddressFamily::IPv4); }));
  out.v6 = TRY(field.maybe("v6", [](const JsonField& f) { return address_of(f, AddressFamily::IPv6); }));
  return out;
}

Status read_log(const JsonField& field, LogConf& out) {
  TRY(field.only({"level", "file", "maxSize"}));
  if (field.has("level")) {
    constexpr std::array<std::pair<std::string_view, log::Level>, 4> kLevels = {{{"debug", log::Level::Debug},
                                                                                 {"info", log::Level::Info},
                                                                                 {"warn", log::Level::Warn},
                                                                                 {"error", log::Level::Error}}};
    const auto name = TRY(json::text(field.child("level")));
    const auto* const level = std::ranges::find(kLevels, name, &std::pair<std::string_view, log::Level>::first);
    if (level == kLevels.end()) return field.child("level").bad("must be debug, info, warn or error");
    out.level = level->second;
  }
  if (field.has("file")) {
    if (TRY(json::text(field.child("file"))).empty())
      out.file.clear();
    else
      out.file = TRY(json::absolute_path(field.child("file")));
  }
  out.max_size = TRY(field.optional("maxSize", json::integer<std::uint64_t>(kMinLogSize, kMaxLogSize), out.max_size));
  return ok();
}

LogConf default_log(const GetEnv& getenv) {
  LogConf log;
  if (const auto file = getenv("SLASH32_LOG_FILE")) log.file = *file;
  return log;
}

NetConf defaults(const GetEnv& getenv) {
  NetConf conf;
  conf.log = default_log(getenv);
  if (const auto path = getenv("SLASH32_STATE_DIR")) conf.state_dir = *path;
  if (const auto path = getenv("SLASH32_NODE_FILE")) conf.node_file = *path;
  if (const auto path = getenv("SLASH32_DATA_DIR")) conf.data_dir = *path;
  return conf;
}

Status read_mtu(const JsonField& root, NetConf& conf) {
  const auto mtu = TRY(root.maybe("mtu", json::integer<std::uint32_t>(kMinMtu, kMaxMtu)));
  if (mtu) conf.mtu = Mtu{*mtu};
  return ok();
}

Status read_gateway(const JsonField& root, NetConf& conf) {
  if (!root.has("gateway")) return ok();
  const auto gateway = TRY(per_family(root.child("gateway")));
  if (gateway.v4) conf.gateway4 = *gateway.v4;
  if (gateway.v6) conf.gateway6 = *gateway.v6;
  return ok();
}

Status read_host_source(const JsonField& root, NetConf& conf) {
  conf.host_source = TRY(root.optional("hostSource", per_family, PerFamily{}));
  return ok();
}

Status read_anti_spoofing(const JsonField& root, NetConf& conf) {
  conf.anti_spoofing = TRY(root.optional("antiSpoofing", json::boolean, true));
  return ok();
}

Status read_default_route(const JsonField& root, NetConf& conf) {
  conf.default_route = TRY(root.maybe("defaultRoute", json::boolean));
  return ok();
}

Status read_paths(const JsonField& root, NetConf& conf) {
  conf.state_dir = TRY(root.optional("stateDir", json::absolute_path, conf.state_dir.string()));
  conf.node_file = TRY(root.optional("nodeFile", json::absolute_path, conf.node_file.string()));
  return ok();
}

Status read_log_section(const JsonField& root, NetConf& conf) {
  if (!root.has("log")) return ok();
  return read_log(root.child("log"), conf.log);
}

Status read_ipam_type(const JsonField& root, NetConf& conf) {
  const auto type = [](const JsonField& ipam) -> Result<std::string> {
    TRY(ipam.is_object());
    return ipam.required("type", plugin_name);
  };
  conf.ipam_type = TRY(root.required("ipam", type));
  return ok();
}

Status read_dns_section(const JsonField& root, NetConf& conf) {
  if (!root.has("dns")) return ok();
  conf.dns = TRY(read_dns_conf(root.child("dns")));
  return ok();
}

Status read_routes(const JsonField& root, NetConf& conf) {
  conf.routes = TRY(root.optional("routes", read_pod_routes, std::vector<cni::RouteConfig>{}));
  return ok();
}

Status read_masquerade(const JsonField& root, NetConf& conf) {
  conf.masquerade = TRY(root.maybe("ipMasq", json::boolean));
  conf.masquerade_exempt = TRY(root.optional("masqueradeExempt", exempt_ranges, std::vector<Prefix>{}));
  return ok();
}

Status read_settings(const JsonField& root, NetConf& conf) {
  conf.host_sysctl = TRY(root.optional("hostSysctl", read_host_sysctl, std::vector<HostSetting>{}));
  conf.allow_ip_forwarding = TRY(root.maybe("allowIpForwarding", json::boolean));
  return ok();
}

Status read_spec_keys(const JsonField& root, NetConf&) { return check_spec_keys(root); }

using Reader = Status (*)(const JsonField&, NetConf&);
constexpr std::array<Reader, 13> kReaders = {read_spec_keys,     read_mtu,           read_gateway, read_host_source,
                                             read_anti_spoofing, read_default_route, read_paths,   read_log_section,
                                             read_ipam_type,     read_dns_section,   read_routes,  read_masquerade,
                                             read_settings};

}  // namespace

NetConf::NetConf()
    : gateway4(IpAddress::v4(0xa9fe0101)),  // 169.254.1.1: RFC 3927's range, not assigned to any interface
      gateway6(IpAddress::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})) {}

Result<NetConf> read_net_conf(const JsonField& root, const GetEnv& getenv) {
  TRY(check_keys(root));
  NetConf conf = defaults(getenv);
  for (const auto read : kReaders) TRY(read(root, conf));
  return conf;
}

NetConf read_net_conf_leniently(const JsonField& root, const GetEnv& getenv, std::vector<std::string>& complaints) {
  NetConf conf = defaults(getenv);
  if (const auto known = check_keys(root); !known) complaints.push_back(known.error().message);
  if (!root.value().is_object()) return conf;
  for (const auto read : kReaders)
    if (const auto done = read(root, conf); !done) complaints.push_back(done.error().message);
  return conf;
}

LogConf read_log_conf(const JsonField& root, const GetEnv& getenv) {
  LogConf conf = default_log(getenv);
  // A bad section is reported when the whole configuration is read; until then the defaults do.
  if (root.has("log")) (void)read_log(root.child("log"), conf);
  return conf;
}

}  // namespace slash32::config
