#include "agent/model/service.h"

#include <algorithm>
#include <array>

#include "agent/model/fields.h"

namespace slash32::agent::model {
namespace {

Result<TrafficPolicy> traffic_policy(const JsonField& field) {
  return config::one_of<TrafficPolicy>({{"Cluster", TrafficPolicy::Cluster}, {"Local", TrafficPolicy::Local}})(field);
}

Result<ServicePort> service_port(const JsonField& field) {
  TRY(field.is_object());
  ServicePort out;
  out.protocol = TRY(read_or(field, "protocol", json::text, out.protocol));
  out.port = TRY(field.required("port", json::integer<std::uint16_t>(1)));
  return out;
}

/// clusterIPs, or clusterIP where an older server has no list. "None" makes it headless.
Status read_cluster_ips(const JsonField& spec, Service& out) {
  auto texts = TRY(read_or(spec, "clusterIPs", json::texts, std::vector<std::string>{}));
  const bool listed = !texts.empty();
  if (!listed) texts.push_back(TRY(read_or(spec, "clusterIP", json::text, std::string{})));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i] == "None") out.headless = true;
    if (texts[i].empty() || texts[i] == "None") continue;
    out.cluster_ips.push_back(
        TRY(json::ip_address(listed ? spec.child("clusterIPs").element(i) : spec.child("clusterIP"))));
  }
  return ok();
}

Result<AddressFamily> ip_family(const JsonField& field) {
  return config::one_of<AddressFamily>({{"IPv4", AddressFamily::IPv4}, {"IPv6", AddressFamily::IPv6}})(field);
}

Status read_families(const JsonField& spec, Service& out) {
  out.ip_families = TRY(read_or(spec, "ipFamilies", json::array_of(ip_family), std::vector<AddressFamily>{}));
  if (out.ip_families.empty())
    for (const auto& address : out.cluster_ips) out.ip_families.push_back(address.family());
  out.require_dual_stack = TRY(read_or(spec, "ipFamilyPolicy", json::text, std::string{})) == "RequireDualStack";
  return ok();
}

/// An ingress may be a host name: another's load balancer, since ours never writes one.
Status read_ingress(const JsonField& root, Service& out) {
  const auto status = TRY(section(root, "status"));
  const auto balancer = TRY(section(status, "loadBalancer"));
  const auto list = find(balancer, "ingress");
  if (!list) return ok();
  for (const auto& one : TRY(list->each([](const JsonField& f) -> Result<JsonField> { return f; }))) {
    TRY(one.is_object());
    const auto ip = find(one, "ip");
    if (ip && ip->value() != "") {
      out.ingress.push_back(TRY(json::ip_address(*ip)));
      if (TRY(read_or(one, "ipMode", json::text, std::string{})) == "Proxy") out.proxied.push_back(out.ingress.back());
    } else if (!TRY(read_or(one, "hostname", json::text, std::string{})).empty()) {
      out.ingress_by_name = true;
    }
  }
  return ok();
}

Result<std::optional<std::string>> text_if_any(const JsonField& field, const std::string& key) {
  auto text = TRY(read_maybe(field, key, json::text));
  if (text && text->empty()) text.reset();
  return text;
}

Status read_spec(const JsonField& spec, Service& out) {
  out.type = TRY(read_or(spec, "type",
                         config::one_of<ServiceType>({{"ClusterIP", ServiceType::ClusterIp},
                                                      {"NodePort", ServiceType::NodePort},
                                                      {"LoadBalancer", ServiceType::LoadBalancer},
                                                      {"ExternalName", ServiceType::ExternalName}}),
                         ServiceType::ClusterIp));
  if (out.type == ServiceType::ExternalName) return ok();
  TRY(read_cluster_ips(spec, out));
  TRY(read_families(spec, out));
  out.external_ips = TRY(read_or(spec, "externalIPs", addresses, std::vector<IpAddress>{}));
  out.load_balancer_ip = TRY(read_or(spec, "loadBalancerIP", json::text, std::string{}));
  out.load_balancer_class = TRY(text_if_any(spec, "loadBalancerClass"));
  out.external_policy = TRY(read_or(spec, "externalTrafficPolicy", traffic_policy, TrafficPolicy::Cluster));
  out.internal_policy = TRY(read_or(spec, "internalTrafficPolicy", traffic_policy, TrafficPolicy::Cluster));
  out.selector = TRY(read_or(spec, "selector", labels, Labels{}));
  out.ports = TRY(read_or(spec, "ports", json::array_of(service_port), std::vector<ServicePort>{}));
  return ok();
}

// ---------------------------------------------------------------- endpoints

/// v1 has nodeName; v1beta1 before 1.20 says it in the topology.
Result<std::string> node_of(const JsonField& endpoint) {
  auto name = TRY(read_or(endpoint, "nodeName", json::text, std::string{}));
  if (!name.empty()) return name;
  for (const char* topology : {"topology", "deprecatedTopology"}) {
    const auto field = TRY(section(endpoint, topology));
    name = TRY(read_or(field, "kubernetes.io/hostname", json::text, std::string{}));
    if (!name.empty()) return name;
  }
  return name;
}

Status count_endpoint(const JsonField& endpoint, std::string_view node, EndpointSlice& out) {
  TRY(endpoint.is_object());
  // The API: "ready" that is absent is to be read as true, "serving" that is absent as "ready".
  const auto conditions = TRY(section(endpoint, "conditions"));
  const bool ready = TRY(read_or(conditions, "ready", json::boolean, true));
  const bool serving = TRY(read_or(conditions, "serving", json::boolean, ready));
  const bool terminating = TRY(read_or(conditions, "terminating", json::boolean, false));
  if (!(terminating ? serving : ready)) return ok();
  const bool here = TRY(node_of(endpoint)) == node;
  auto& count = out.endpoints;
  ++(terminating ? count.leaving : count.ready);
  if (here) ++(terminating ? count.leaving_here : count.ready_here);
  return ok();
}

// ---------------------------------------------------------------- Secret

/// RFC 4648 section 4, padded. The API server wrote it.
Result<std::string> base64(const JsonField& field) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto text = TRY(json::text(field));
  std::string out;
  std::uint32_t bits = 0;
  unsigned have = 0;
  const auto end = text.find('=');
  for (const char c : std::string_view(text).substr(0, end)) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return field.bad("must be base64");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out.push_back(static_cast<char>(bits >> have & 0xff));
  }
  if (text.size() % 4 != 0) return field.bad("must be base64");
  return out;
}

}  // namespace

std::vector<IpAddress> addresses_in(const nlohmann::json& object) {
  static const nlohmann::json::json_pointer kIngress("/status/loadBalancer/ingress");
  std::vector<IpAddress> out;
  if (!object.is_object() || !object.contains(kIngress) || !object[kIngress].is_array()) return out;
  for (const auto& one : object[kIngress]) {
    if (!one.is_object() || !one.contains("ip") || !one["ip"].is_string()) continue;
    if (const auto address = IpAddress::parse(one["ip"].get_ref<const std::string&>())) out.push_back(*address);
  }
  return out;
}

Result<Service> read_service(const nlohmann::json& object) {
  const JsonField root(object);
  Service out;
  out.meta = TRY(read_meta(root));
  const auto metadata = TRY(section(root, "metadata"));
  out.version.value = TRY(read_or(metadata, "resourceVersion", json::text, std::string{}));
  const auto spec = TRY(section(root, "spec"));
  TRY(read_spec(spec, out));
  TRY(read_ingress(root, out));
  return out;
}

Result<EndpointSlice> read_endpoint_slice(const nlohmann::json& object, std::string_view node) {
  const JsonField root(object);
  const auto meta = TRY(read_meta(root));
  EndpointSlice out;
  if (const auto at = meta.labels.find("kubernetes.io/service-name"); at != meta.labels.end())
    out.service = {meta.key.space, at->second};
  const auto type = TRY(root.required("addressType", json::text));
  if (type == "IPv6") out.family = AddressFamily::IPv6;
  out.fqdn = type != "IPv4" && type != "IPv6";
  const auto list = find(root, "endpoints");
  if (!list) return out;
  if (!list->value().is_array()) return list->bad("must be an array");
  for (std::size_t i = 0; i < list->value().size(); ++i) TRY(count_endpoint(list->element(i), node, out));
  return out;
}

Result<Secret> read_secret(const nlohmann::json& object) {
  const JsonField root(object);
  Secret out;
  out.key = TRY(read_meta(root)).key;
  const auto data = TRY(section(root, "data"));
  for (const auto& [key, value] : data.value().items()) out.data.emplace(key, TRY(base64(data.child(key))));
  return out;
}

}  // namespace slash32::agent::model
