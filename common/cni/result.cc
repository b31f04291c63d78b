#include "common/cni/result.h"

#include <string_view>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

using nlohmann::json;

/// An address with its length, host bits and all: "10.244.1.7/24".
struct Cidr {
  IpAddress address;
  std::uint8_t length = 0;
};

Result<Cidr> read_cidr(const JsonField& field) {
  const auto text = TRY(slash32::json::text(field));
  const auto prefix = Prefix::parse(text, /*mask_host_bits=*/true);
  if (!prefix) return field.bad(prefix.error().message);
  return Cidr{TRY(IpAddress::parse(std::string_view(text).substr(0, text.find('/')))), prefix->length()};
}

/// An address, or nothing where a plugin prints "".
Result<std::optional<IpAddress>> read_optional_address(const JsonField& field) {
  if (field.value().is_null() || (field.value().is_string() && field.value().get<std::string>().empty()))
    return std::optional<IpAddress>{};
  return std::optional<IpAddress>{TRY(slash32::json::ip_address(field))};
}

Result<std::string> read_optional_text(const JsonField& field) {
  if (field.value().is_null()) return std::string{};
  return slash32::json::text(field);
}

Result<std::optional<std::uint32_t>> read_optional_number(const JsonField& field, const std::string& key) {
  if (!field.has(key) || field.value().at(key).is_null()) return std::optional<std::uint32_t>{};
  return std::optional<std::uint32_t>{TRY(slash32::json::integer<std::uint32_t>()(field.child(key)))};
}

/// An array; null and absent are empty.
template <class Reader>
auto read_list(const JsonField& field, const std::string& key, Reader read) -> decltype(field.each(read)) {
  if (!field.has(key) || field.value().at(key).is_null()) return decltype(field.each(read)){std::in_place};
  return field.child(key).each(read);
}

Result<Interface> read_interface(const JsonField& field) {
  TRY(field.is_object());
  Interface out;
  out.name = TRY(field.required("name", slash32::json::text));
  out.mac = TRY(field.optional("mac", read_optional_text, std::string{}));
  out.sandbox = TRY(field.optional("sandbox", read_optional_text, std::string{}));
  out.mtu = TRY(read_optional_number(field, "mtu"));
  out.socket_path = TRY(field.optional("socketPath", read_optional_text, std::string{}));
  out.pci_id = TRY(field.optional("pciID", read_optional_text, std::string{}));
  return out;
}

Result<IpConfig> read_ip(const JsonField& field, const std::string& address_key) {
  TRY(field.is_object());
  const auto cidr = TRY(field.required(address_key, read_cidr));
  IpConfig out{.address = cidr.address, .prefix_length = cidr.length, .gateway = {}, .interface = {}};
  out.gateway = TRY(field.optional("gateway", read_optional_address, std::optional<IpAddress>{}));
  if (const auto index = TRY(read_optional_number(field, "interface"))) out.interface = *index;
  return out;
}

/// 0.1.0 and 0.2.0: `ip4` and `ip6`, each {ip, gateway, routes}.
Status read_old_family(const JsonField& root, const std::string& key, AddResult& out) {
  if (!root.has(key) || root.value().at(key).is_null()) return ok();
  const auto field = root.child(key);
  out.ips.push_back(TRY(read_ip(field, "ip")));
  const auto routes = TRY(read_list(field, "routes", read_route));
  out.routes.insert(out.routes.end(), routes.begin(), routes.end());
  return ok();
}

Result<Version> version_of(const JsonField& field, Version fallback) {
  if (!field.has("cniVersion")) return fallback;
  const auto text = TRY(slash32::json::text(field.child("cniVersion")));
  if (text.empty()) return fallback;
  const auto version = parse_version(text);
  if (!version) return field.child("cniVersion").bad("\"" + text + "\" is not a version of a result we can read");
  return *version;
}

Status check_indexes(const JsonField& field, const AddResult& result) {
  for (std::size_t i = 0; i < result.ips.size(); ++i) {
    const auto& index = result.ips[i].interface;
    if (index && *index >= result.interfaces.size())
      return field.child("ips")
          .element(i)
          .child("interface")
          .bad("must be below " + std::to_string(result.interfaces.size()) + ", the number of interfaces");
  }
  return ok();
}

Result<AddResult> read_result(const JsonField& field, Version fallback) {
  TRY(field.is_object());
  const Version version = TRY(version_of(field, fallback));
  AddResult out;
  if (version <= Version::V0_2_0) {
    TRY(read_old_family(field, "ip4", out));
    TRY(read_old_family(field, "ip6", out));
  } else {
    out.interfaces = TRY(read_list(field, "interfaces", read_interface));
    out.ips = TRY(read_list(field, "ips", [](const JsonField& f) { return read_ip(f, "address"); }));
    out.routes = TRY(read_list(field, "routes", read_route));
    TRY(check_indexes(field, out));
  }
  out.dns = TRY(field.optional("dns", read_dns, Dns{}));
  return out;
}

void put(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}
void put(json& object, const char* key, const std::optional<std::uint32_t>& value) {
  if (value) object[key] = *value;
}
void put(json& object, const char* key, const std::optional<IpAddress>& value) {
  if (value) object[key] = value->to_string();
}
void put(json& object, const char* key, const std::vector<std::string>& value) {
  if (!value.empty()) object[key] = value;
}

json interface_json(const Interface& interface, Version version) {
  json out = {{"name", interface.name}};
  put(out, "mac", interface.mac);
  put(out, "sandbox", interface.sandbox);
  if (version < Version::V1_1_0) return out;
  put(out, "mtu", interface.mtu);
  put(out, "socketPath", interface.socket_path);
  put(out, "pciID", interface.pci_id);
  return out;
}

json ip_json(const IpConfig& ip, Version version) {
  json out = {{"address", ip.address.to_string() + "/" + std::to_string(ip.prefix_length)}};
  if (version < Version::V1_0_0) out["version"] = ip.address.is_v4() ? "4" : "6";  // CNI 1.0.0 removed it
  put(out, "gateway", ip.gateway);
  if (ip.interface) out["interface"] = *ip.interface;
  return out;
}

json route_json(const RouteConfig& route, Version version) {
  json out = {{"dst", route.dst.to_string()}};
  put(out, "gw", route.gw);
  if (version < Version::V1_1_0) return out;
  put(out, "mtu", route.mtu);
  put(out, "advmss", route.advmss);
  put(out, "priority", route.priority);
  put(out, "table", route.table);
  put(out, "scope", route.scope);
  return out;
}

}  // namespace

Result<Dns> read_dns(const JsonField& field) {
  if (field.value().is_null()) return Dns{};
  TRY(field.is_object());
  Dns out;
  out.nameservers = TRY(read_list(field, "nameservers", slash32::json::text));
  out.domain = TRY(field.optional("domain", read_optional_text, std::string{}));
  out.search = TRY(read_list(field, "search", slash32::json::text));
  out.options = TRY(read_list(field, "options", slash32::json::text));
  return out;
}

Result<RouteConfig> read_route(const JsonField& field) {
  TRY(field.is_object());
  RouteConfig out;
  const auto cidr = TRY(field.required("dst", read_cidr));
  out.dst = Prefix(cidr.address, cidr.length);
  out.gw = TRY(field.optional("gw", read_optional_address, std::optional<IpAddress>{}));
  if (out.gw && out.gw->family() != out.dst.family()) return field.child("gw").bad("must be of the family of dst");
  out.mtu = TRY(read_optional_number(field, "mtu"));
  out.advmss = TRY(read_optional_number(field, "advmss"));
  out.priority = TRY(read_optional_number(field, "priority"));
  out.table = TRY(read_optional_number(field, "table"));
  out.scope = TRY(read_optional_number(field, "scope"));
  return out;
}

nlohmann::json to_json(const AddResult& result, Version version) {
  json out = {{"cniVersion", to_string(version)}, {"ips", json::array()}};
  if (!result.interfaces.empty()) out["interfaces"] = json::array();
  for (const auto& interface : result.interfaces) out["interfaces"].push_back(interface_json(interface, version));
  for (const auto& ip : result.ips) out["ips"].push_back(ip_json(ip, version));
  if (!result.routes.empty()) out["routes"] = json::array();
  for (const auto& route : result.routes) out["routes"].push_back(route_json(route, version));
  if (result.dns.empty()) return out;
  json dns = json::object();
  put(dns, "nameservers", result.dns.nameservers);
  put(dns, "domain", result.dns.domain);
  put(dns, "search", result.dns.search);
  put(dns, "options", result.dns.options);
  out["dns"] = std::move(dns);
  return out;
}

Result<AddResult> parse_add_result(const JsonField& field, Version fallback) {
  auto result = read_result(field, fallback);
  if (!result) return fail(kDecodingFailure, result.error().message, result.error().details);  // not ours to configure
  return result;
}

nlohmann::json to_json(const Error& error, Version version) {
  json out = {{"cniVersion", to_string(version)}, {"code", error.code}, {"msg", error.message}};
  put(out, "details", error.details);
  return out;
}

}  // namespace slash32::cni
