#include "agent/model/node.h"

#include <algorithm>
#include <charconv>

#include "agent/model/fields.h"
#include "config/special_address.h"

namespace slash32::agent::model {
namespace {

constexpr const char* kAsAnnotation = "slash32.io/as";
constexpr const char* kRouterIdAnnotation = "slash32.io/router-id";
constexpr const char* kAddressAnnotation = "slash32.io/address";
constexpr const char* kDrainAnnotation = "slash32.io/drain";
constexpr std::string_view kShuttingDown = "node is shutting down";  // the kubelet's words, since 1.20

std::string annotation_place(const std::string& key) {
  std::string escaped = key;  // RFC 6901 section 3
  escaped.replace(escaped.find('/'), 1, "~1");
  return "/metadata/annotations/" + escaped;
}

Result<Asn> read_as(const std::string& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return fail(7, "must be an AS number");
  const nlohmann::json value = number;
  return config::as_number(JsonField(value, annotation_place(kAsAnnotation)));
}

Result<RouterId> read_router_id(const std::string& text) {
  const nlohmann::json value = text;
  return config::router_id(JsonField(value, annotation_place(kRouterIdAnnotation)));
}

Result<std::vector<IpAddress>> read_addresses(const std::string& text) {
  auto out = TRY(address_list(text));
  for (const auto& address : out) {
    if (const auto* special = config::special_around(Prefix::host(address)))
      return fail(7, address.to_string() + " is " + std::string(special->text));
    if (std::ranges::count(out, address.family(), &IpAddress::family) > 1)
      return fail(7, "must have at most one address of each family");
  }
  return out;
}

Result<bool> read_drain(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  return fail(7, "must be \"true\" or \"false\"");
}

/// The value of an annotation, or nothing and an error that names its place.
template <class Reader>
auto annotation(const Meta& meta, const char* key, Reader read, std::vector<Error>& errors)
    -> std::optional<typename std::invoke_result_t<Reader, const std::string&>::value_type> {
  const auto at = meta.annotations.find(key);
  if (at == meta.annotations.end()) return std::nullopt;
  auto got = read(at->second);
  if (got) return *std::move(got);
  const auto place = annotation_place(key);
  const auto& error = got.error();
  errors.push_back(error.message.starts_with(place) ? error : in(place, error));
  return std::nullopt;
}

NodeOverrides read_overrides(const Meta& meta) {
  NodeOverrides out;
  out.as = annotation(meta, kAsAnnotation, read_as, out.errors);
  out.router_id = annotation(meta, kRouterIdAnnotation, read_router_id, out.errors);
  out.addresses = annotation(meta, kAddressAnnotation, read_addresses, out.errors).value_or(std::vector<IpAddress>{});
  std::vector<Error> drain_errors;
  out.drain = annotation(meta, kDrainAnnotation, read_drain, drain_errors);
  if (!drain_errors.empty()) out.drain_error = drain_errors.front();
  return out;
}

Result<std::vector<Prefix>> read_pod_cidrs(const JsonField& spec) {
  auto out = TRY(read_or(spec, "podCIDRs", json::array_of(config::pod_range), std::vector<Prefix>{}));
  if (!out.empty()) return out;
  const auto single = find(spec, "podCIDR");
  if (single && single->value() != "") out.push_back(TRY(config::pod_range(*single)));
  return out;
}

/// Host names and external addresses are passed over.
Result<std::vector<IpAddress>> read_internal_ips(const JsonField& status) {
  std::vector<IpAddress> out;
  const auto list = find(status, "addresses");
  if (!list) return out;
  for (const auto& one : TRY(list->each([](const JsonField& f) -> Result<JsonField> { return f; }))) {
    TRY(one.is_object());
    if (TRY(one.required("type", json::text)) != "InternalIP") continue;
    out.push_back(TRY(one.required("address", json::ip_address)));
  }
  return out;
}

Result<bool> is_condition_true(const JsonField& status, const std::string& type) {
  const auto list = find(status, "conditions");
  if (!list) return false;
  for (const auto& one : TRY(list->each([](const JsonField& f) -> Result<JsonField> { return f; }))) {
    TRY(one.is_object());
    if (TRY(one.required("type", json::text)) == type) return TRY(one.required("status", json::text)) == "True";
  }
  return false;
}

/// Of graceful node shutdown the API has no other sign than the message of the condition Ready, which is False then.
Result<bool> is_shutting_down(const JsonField& status) {
  const auto list = find(status, "conditions");
  if (!list) return false;
  for (const auto& one : TRY(list->each([](const JsonField& f) -> Result<JsonField> { return f; }))) {
    TRY(one.is_object());
    if (TRY(one.required("type", json::text)) != "Ready") continue;
    return TRY(one.required("status", json::text)) == "False" &&
           TRY(read_or(one, "message", json::text, std::string{})).find(kShuttingDown) != std::string::npos;
  }
  return false;
}

}  // namespace

std::optional<IpAddress> Node::address(AddressFamily family) const {
  const auto& list = overrides.addresses.empty() ? internal_ips : overrides.addresses;
  const auto at = std::ranges::find(list, family, &IpAddress::family);
  return at == list.end() ? std::nullopt : std::optional(*at);
}

Result<Node> read_node(const nlohmann::json& object) {
  const JsonField root(object);
  Node node;
  node.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  const auto status = TRY(section(root, "status"));
  node.pod_cidrs = TRY(read_pod_cidrs(spec));
  node.unschedulable = TRY(read_or(spec, "unschedulable", json::boolean, false));
  node.internal_ips = TRY(read_internal_ips(status));
  node.network_unavailable = TRY(is_condition_true(status, "NetworkUnavailable"));
  node.shutting_down = TRY(is_shutting_down(status));
  node.overrides = read_overrides(node.meta);
  return node;
}

}  // namespace slash32::agent::model
