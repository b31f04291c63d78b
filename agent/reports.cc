#include "agent/reports.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "common/json_field.h"
#include "common/sha256.h"

namespace slash32::agent {
namespace {

using model::Kind;
using nlohmann::json;

constexpr const char* kOurGroup = "slash32.io";
constexpr const char* kOurVersion = "v1alpha1";
constexpr const char* kDiscovery = "discovery.k8s.io";
constexpr const char* kDefaultNamespace = "default";  // of Events about what has none
constexpr std::size_t kMaxEventMessage = 1024;        // the API's own limit
constexpr std::size_t kMaxNamePart = 200;             // of the 253 octets of a name

const kube::Resource kNodeStatus{.group = kOurGroup, .version = kOurVersion, .plural = "bgpnodestatuses"};

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string api_version(Kind kind) {
  const auto resource = resource_of(kind);
  return resource.group.empty() ? resource.version : resource.group + "/" + resource.version;
}

/// Cut at a character's beginning.
std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

std::uint64_t number(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Result<plan::SessionView> read_session(const JsonField& field, std::int64_t now_seconds) {
  plan::SessionView out;
  out.state = TRY(field.required("state", slash32::json::text));
  out.reason = TRY(field.optional("lastError", slash32::json::text, std::string()));
  const auto& object = field.value();
  if (out.state == "Established")
    out.since = rfc3339(now_seconds - static_cast<std::int64_t>(number(object, "uptimeSeconds")));
  if (field.has("families") && object.at("families").is_object())
    for (const auto& family : object.at("families")) {
      if (!family.is_object()) continue;
      out.received += number(family, "received");
      out.announced += number(family, "advertised");
    }
  return out;
}

}  // namespace

kube::Resource resource_of(Kind kind) {
  switch (kind) {
    case Kind::Node:
      return {.group = {}, .version = "v1", .plural = "nodes"};
    case Kind::Service:
      return {.group = {}, .version = "v1", .plural = "services"};
    case Kind::EndpointSlice:
      return {.group = kDiscovery, .version = "v1", .plural = "endpointslices"};
    case Kind::Secret:
      return {.group = {}, .version = "v1", .plural = "secrets"};
    case Kind::BgpConfiguration:
      return {.group = kOurGroup, .version = kOurVersion, .plural = "bgpconfigurations"};
    case Kind::BgpPeer:
      return {.group = kOurGroup, .version = kOurVersion, .plural = "bgppeers"};
    case Kind::BgpFilter:
      return {.group = kOurGroup, .version = kOurVersion, .plural = "bgpfilters"};
    case Kind::BgpAdvertisement:
      return {.group = kOurGroup, .version = kOurVersion, .plural = "bgpadvertisements"};
    case Kind::IpPool:
      break;
  }
  return {.group = kOurGroup, .version = kOurVersion, .plural = "ippools"};
}

Result<std::string> endpoint_slice_version(std::string_view group) {
  const auto document = json::parse(group, nullptr, false);
  bool beta = false;
  if (document.is_object() && document.contains("versions") && document["versions"].is_array())
    for (const auto& entry : document["versions"]) {
      if (!entry.is_object() || !entry.contains("version")) continue;
      if (entry["version"] == "v1") return "v1";
      beta = beta || entry["version"] == "v1beta1";
    }
  if (beta) return "v1beta1";
  return fail(7, "/apis/discovery.k8s.io names neither v1 nor v1beta1: " + kube::message_of(group));
}

kube::Request clear_network_unavailable(const std::string& node, const std::string& now) {
  // A strategic merge finds the condition by its type; a plain merge patch would replace all of the node's conditions.
  const json patch = {{"status",
                       {{"conditions",
                         {{{"type", "NetworkUnavailable"},
                           {"status", "False"},
                           {"reason", "Slash32IsReady"},
                           {"message", "slash32 gives pods of this node addresses and routes"},
                           {"lastHeartbeatTime", now},
                           {"lastTransitionTime", now}}}}}}};
  return {.method = "PATCH",
          .target = kube::object_path(resource_of(Kind::Node), {}, node, "status"),
          .body = dump(patch),
          .content_type = "application/strategic-merge-patch+json"};
}

kube::Request event_request(const plan::Event& event, const std::string& node, const std::string& node_uid,
                            const std::string& now) {
  const auto space = event.key.space.empty() ? kDefaultNamespace : event.key.space;
  const auto kind = std::string(to_string(event.kind));
  const auto name =
      cut(event.key.name, kMaxNamePart) + "." +
      // Of Services whoever leads tells: the same Event by the next one is the same.
      sha256_hex((event.kind == Kind::Service ? std::string() : node) + '\0' + kind + '\0' + event.key.to_string() +
                     '\0' + event.reason + '\0' + event.message + (event.uid.empty() ? "" : '\0' + event.uid),
                 16);
  json about = {{"apiVersion", api_version(event.kind)}, {"kind", kind}, {"name", event.key.name}};
  if (!event.key.space.empty()) about["namespace"] = event.key.space;
  // kubectl describe looks for Events by the uid.
  if (!event.uid.empty()) about["uid"] = event.uid;
  // kubectl describe node looks for Events by this uid or the node's name, which stands there for kubelet's own.
  if (event.kind == Kind::Node && event.key.name == node) about["uid"] = node_uid.empty() ? node : node_uid;
  const json object = {{"apiVersion", "v1"},
                       {"kind", "Event"},
                       {"metadata", {{"name", name}, {"namespace", space}}},
                       {"involvedObject", std::move(about)},
                       {"type", event.warning ? "Warning" : "Normal"},
                       {"reason", event.reason},
                       {"message", cut(event.message, kMaxEventMessage)},
                       {"source", {{"component", "slash32-agent"}, {"host", node}}},
                       {"reportingComponent", "slash32-agent"},
                       {"reportingInstance", node},
                       {"count", 1},
                       {"firstTimestamp", now},
                       {"lastTimestamp", now}};
  return {.method = "POST",
          .target = kube::collection_path({.group = {}, .version = "v1", .plural = "events"}, space),
          .body = dump(object),
          .content_type = "application/json"};
}

kube::Request get_node_status(const std::string& node) {
  return {.method = "GET", .target = kube::object_path(kNodeStatus, {}, node), .body = {}, .content_type = {}};
}

kube::Request create_node_status(const json& object) {
  auto bare = object;
  bare.erase("status");
  return {.method = "POST",
          .target = kube::collection_path(kNodeStatus),
          .body = dump(bare),
          .content_type = "application/json"};
}

kube::Request patch_node_status(const std::string& node, const json& object) {
  // A JSON patch (RFC 6902) replaces the whole of it, also what is not there any more.
  const json patch = {{{"op", "add"}, {"path", "/status"}, {"value", object.value("status", json::object())}}};
  return {.method = "PATCH",
          .target = kube::object_path(kNodeStatus, {}, node, "status"),
          .body = dump(patch),
          .content_type = "application/json-patch+json"};
}

Result<std::map<std::string, plan::SessionView>> read_sessions(std::string_view answer, std::int64_t now_seconds) {
  const auto document = TRY(parse_json(answer));
  const JsonField root(document);
  std::map<std::string, plan::SessionView> out;
  const auto read = [&](const JsonField& field) -> Result<bool> {
    const auto name = TRY(field.required("name", slash32::json::text));
    out[name] = TRY(read_session(field, now_seconds));
    return true;
  };
  TRY(root.required("neighbors", slash32::json::array_of(read)));
  return out;
}

Result<std::vector<std::string>> read_conditions(std::string_view answer) {
  const auto document = TRY(parse_json(answer));
  return JsonField(document).required("conditions", slash32::json::array_of(slash32::json::text));
}

std::string rfc3339(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

}  // namespace slash32::agent
