// What is said back to the API: the status of BGPNodeStatus, of BGPPeers and of IPPools, as JSON values. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
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

/// The whole object BGPNodeStatus NODE with its status. `now` (RFC 3339) stands for the last transition of conditions
/// that differ from those of `previous` (the object as it was, or null).
nlohmann::json node_status_object(const Desired& desired, const PlanOptions& options,
                                  const std::map<std::string, SessionView>& sessions, const nlohmann::json& previous,
                                  const std::string& now);

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
