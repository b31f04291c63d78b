#include "agent/plan/status.h"

#include <algorithm>
#include <limits>

#include "agent/plan/configuration.h"
#include "agent/plan/neighbors.h"
#include "agent/plan/node_peers.h"
#include "config/conf_readers.h"

namespace slash32::agent::plan {
namespace {

using nlohmann::json;

/// status.conditions as the object had it before; nothing: it had none of that type.
const json* before(const json& previous, const std::string& type) {
  const auto at = json::json_pointer("/status/conditions");
  if (!previous.is_object() || !previous.contains(at) || !previous.at(at).is_array()) return nullptr;
  for (const auto& one : previous.at(at))
    if (one.is_object() && one.value("type", json{}) == type) return &one;
  return nullptr;
}

json neighbor_json(const PlannedNeighbor& planned, const SessionView* session) {
  json out = {{"name", planned.name}, {"origin", planned.origin}};
  if (!planned.address.empty()) out["address"] = planned.address;
  if (!planned.problem.empty()) out["problem"] = planned.problem;
  if (session == nullptr) return out;
  out["state"] = session->state;
  if (!session->since.empty()) out["since"] = session->since;
  if (!session->reason.empty()) out["reason"] = session->reason;
  out["received"] = session->received;
  out["announced"] = session->announced;
  return out;
}

constexpr const char* kUp = "Established";
constexpr std::size_t kMaxNeighbors = 100;  // of a mesh of a thousand that is down, these say enough

/// BGPPeers always; other nodes only while something is wrong with them.
json neighbors_json(const Desired& desired, const std::map<std::string, SessionView>& sessions, std::uint32_t& up) {
  json out = json::array();
  for (const auto& planned : desired.neighbors) {
    const auto at = sessions.find(planned.name);
    const auto* session = at == sessions.end() ? nullptr : &at->second;
    const bool is_up = planned.configured && session != nullptr && session->state == kUp;
    if (is_up) ++up;
    const bool is_peer = planned.origin.starts_with("BGPPeer ");
    if ((is_peer || !is_up) && out.size() < kMaxNeighbors) out.push_back(neighbor_json(planned, session));
  }
  return out;
}

/// A world in which `peer` is all there is for one of its nodes: what is wrong with it then is wrong everywhere. Not
/// its keys, which only the nodes that need them ask for, nor its gateway, which is each node's own.
Condition condition_of(const World& world, model::BgpPeer peer, const model::Node& node, const std::string& selected) {
  World small;
  peer.password.reset();
  for (const auto& key : peer.tcp_ao) small.secrets[key.secret.name].data[key.secret.key] = "any";
  if (peer.default_gateway && world.default_gateways.empty()) {
    peer.address = *IpAddress::parse(*peer.default_gateway == AddressFamily::IPv4 ? "192.0.2.1" : "2001:db8::1");
    peer.default_gateway.reset();
  }
  small.filters = world.filters;
  small.default_gateways = world.default_gateways;
  small.nodes.emplace(node.meta.key.name, node);
  if (peer.peer_nodes) {
    const auto& other = *node_peers_of(world, peer, node).front().node;
    small.nodes.emplace(other.meta.key.name, other);
  }
  small.peers.emplace(peer.meta.key.name, peer);
  auto conf = configuration_of(world);
  conf.mesh.enabled = false;
  conf.reflectors.reset();
  const auto plan = plan_neighbors(small, conf, {&node, node.overrides.as.value_or(conf.as)}, {});
  for (const auto& planned : plan.planned)
    if (!planned.problem.empty()) return {"Accepted", false, "Invalid", planned.problem};
  return {"Accepted", true, "Accepted", selected};
}

/// The nodes that a selector matches; the first one is of use for looking what comes of it.
struct Matched {
  const model::Node* first = nullptr;
  std::size_t count = 0;
};

template <class Matches>
Matched nodes_that(const World& world, Matches matches) {
  Matched out;
  for (const auto& [name, node] : world.nodes) {
    if (!matches(node)) continue;
    if (out.first == nullptr) out.first = &node;
    ++out.count;
  }
  return out;
}

Condition condition_of(const World& world, const model::BgpPeer& peer) {
  const auto ours = nodes_that(world, [&](const auto& node) { return peer.nodes.matches(node.meta.labels); });
  const auto nodes = [](std::size_t count) { return std::to_string(count) + (count == 1 ? " node" : " nodes"); };
  if (ours.count == 0) return {"Accepted", false, "NoNodes", "/spec/nodeSelector matches no node"};
  if (!peer.peer_nodes) return condition_of(world, peer, *ours.first, "selects " + nodes(ours.count));
  const auto theirs = nodes_that(world, [&](const auto& node) { return peer.peer_nodes->matches(node.meta.labels); });
  if (theirs.count == 0) return {"Accepted", false, "NoNodes", "/spec/peerSelector matches no node"};
  const auto paired = nodes_that(world, [&](const auto& node) {
    return peer.nodes.matches(node.meta.labels) && !node_peers_of(world, peer, node).empty();
  });
  if (paired.count == 0)
    return {"Accepted", false, "NoNodes", "/spec/peerSelector matches no other node than /spec/nodeSelector"};
  return condition_of(world, peer, *paired.first,
                      "selects " + nodes(ours.count) + ", and as their peers " + nodes(theirs.count));
}

std::int64_t as_signed(std::uint64_t number) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(number, kMost));
}

}  // namespace

json condition_json(const Condition& condition, const json& previous, const std::string& now) {
  const auto* old = before(previous, condition.type);
  const std::string status = condition.status ? "True" : "False";
  const bool same = old != nullptr && old->value("status", json{}) == status && old->contains("lastTransitionTime");
  json out = {{"type", condition.type},
              {"status", status},
              {"reason", condition.reason},
              {"lastTransitionTime", same ? old->at("lastTransitionTime") : json(now)}};
  // Kubernetes 1.20 built with a newer Go takes an empty text for null, and refuses it.
  if (!condition.message.empty()) out["message"] = condition.message;
  return out;
}

Condition ready_condition(const std::vector<std::string>& unready, const std::vector<std::string>& troubles) {
  const auto* reason = !unready.empty() ? "NotReady" : troubles.empty() ? "Ready" : "ReadyWithTroubles";
  return {"Ready", unready.empty(), reason, joined_text(troubles)};
}

Condition speaker_condition(const std::optional<std::vector<std::string>>& conditions) {
  if (!conditions) return {"SpeakerHealthy", false, "NoAnswer", "slash32-bgpd does not answer"};
  return {"SpeakerHealthy", conditions->empty(), conditions->empty() ? "Healthy" : "Conditions",
          joined_text(*conditions)};
}

json node_status_object(const Desired& desired, const PlanOptions& options, const NodeView& view, const json& previous,
                        const std::string& now) {
  json status = json::object();
  if (desired.as) status["localAs"] = desired.as->value;
  if (desired.router_id) status["routerId"] = *desired.router_id;
  status["podCIDRs"] = json::array();
  for (const auto& prefix : desired.pod_cidrs) status["podCIDRs"].push_back(prefix.to_string());
  status["waiting"] = desired.waiting;
  std::uint32_t up = 0;
  status["neighbors"] = neighbors_json(desired, view.sessions, up);
  status["sessions"] = {{"established", up},
                        {"configured", std::ranges::count(desired.neighbors, true, &PlannedNeighbor::configured)}};
  status["services"] = {{"announced", desired.services.announced}, {"withheld", desired.services.withheld}};
  status["conditions"] = json::array();
  for (const auto* list : {&view.conditions, &desired.conditions})
    for (const auto& condition : *list) status["conditions"].push_back(condition_json(condition, previous, now));
  json metadata = {{"name", options.node_name}};
  if (!view.uid.empty())
    metadata["ownerReferences"] = {
        {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", options.node_name}, {"uid", view.uid}}};
  return {{"apiVersion", "slash32.io/v1alpha1"},
          {"kind", "BGPNodeStatus"},
          {"metadata", std::move(metadata)},
          {"status", std::move(status)}};
}

std::map<std::string, Condition> peer_conditions(const World& world) {
  std::map<std::string, Condition> out;
  for (const auto& [name, peer] : world.peers) out[name] = condition_of(world, peer);
  for (const auto& problem : world.left_out)
    if (problem.kind == model::Kind::BgpPeer) out[problem.key.name] = {"Accepted", false, "Invalid", problem.message};
  return out;
}

std::map<std::string, json> pool_counters(const LbPlan& plan) {
  std::map<std::string, json> out;
  for (const auto& [name, use] : plan.pools) {
    const auto free = use.total > use.used ? use.total - use.used : 0;
    out[name] = {{"total", as_signed(use.total)}, {"used", as_signed(use.used)}, {"free", as_signed(free)}};
  }
  return out;
}

std::map<std::string, Condition> pool_conditions(const World& world, const LbPlan& plan) {
  std::map<std::string, Condition> out;
  for (const auto& [name, use] : plan.pools)
    out[name] = use.problem.empty() ? Condition{"Accepted", true, "Accepted", ""}
                                    : Condition{"Accepted", false, "Overlaps", use.problem};
  for (const auto& problem : world.left_out)
    if (problem.kind == model::Kind::IpPool) out[problem.key.name] = {"Accepted", false, "Invalid", problem.message};
  return out;
}

}  // namespace slash32::agent::plan
