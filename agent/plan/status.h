// What is said back to the API: the status of BGPNodeStatus, of BGPPeers and of IPPools, as JSON values (of our other
// resources: accepted.h). Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/plan/lb_ipam.h"
#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// What bgpd says of a session (GET /v1/neighbors).
struct SessionView {
  std::string state;  // "Established"
  std::string since;  // RFC 3339; empty: never
  std::string reason;
  std::uint64_t received = 0;
  std::uint64_t announced = 0;
  bool operator==(const SessionView&) const = default;
};

/// What is said of a node beside its plan.
struct NodeView {
  std::string uid;  // of the Node; empty: not known
  std::map<std::string, SessionView> sessions;
  std::vector<Condition> conditions;  // of agent and speaker, before those of the plan
};

/// Whether pods of the node can have a network: `unready` has what keeps them from it, `troubles` all that a person
/// should know, that included.
Condition ready_condition(const std::vector<std::string>& unready, const std::vector<std::string>& troubles);
/// What bgpd says is wrong with itself; no list: it does not answer.
Condition speaker_condition(const std::optional<std::vector<std::string>>& conditions);

/// The whole object BGPNodeStatus NODE with its status, owned by the Node: it goes when the Node goes. `now` (RFC 3339)
/// stands for the last transition of conditions that differ from those of `previous` (the object as it was, or null).
nlohmann::json node_status_object(const Desired& desired, const PlanOptions& options, const NodeView& view,
                                  const nlohmann::json& previous, const std::string& now);

/// status.conditions of each BGPPeer, by name: whether it is accepted, and on how many nodes it is in use. For the
/// holder of the lease.
std::map<std::string, Condition> peer_conditions(const World& world);

/// The counters of each IPPool's status, by name.
std::map<std::string, nlohmann::json> pool_counters(const LbPlan& plan);
/// status.conditions of each IPPool, by name.
std::map<std::string, Condition> pool_conditions(const World& world, const LbPlan& plan);

/// A condition as the API has it. The time of its last transition is that of `previous` (the object as it was, or
/// null) as long as its status is the same, else `now`.
nlohmann::json condition_json(const Condition& condition, const nlohmann::json& previous, const std::string& now);

}  // namespace slash32::agent::plan
