// Addresses for Services of type LoadBalancer: pools and Services in, assignments out. Pure; the holder of the lease
// asks, and writes status.loadBalancer.ingress. What a Service has it keeps: nothing is kept between two calls, so a
// restart changes nothing.
//   slash32.io/load-balancer-ips: "192.0.2.7,2001:db8::7"   asks for addresses; so does spec.loadBalancerIP
//   slash32.io/pool: "public"                               asks for a pool
//   slash32.io/sharing-key: "dns"                           Services with one key may share an address
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "agent/plan/plan.h"
#include "agent/plan/world.h"
#include "common/ip.h"

namespace slash32::agent::plan {

/// spec.loadBalancerClass of the Services that are ours beside those that name none.
inline constexpr const char* kLoadBalancerClass = "slash32.io/bgp";

/// A Service whose status.loadBalancer.ingress is to be replaced by these addresses (empty: cleared).
struct LbAssignment {
  model::ObjectKey service;
  std::vector<IpAddress> addresses;
  bool operator==(const LbAssignment&) const = default;
};

struct PoolUse {
  std::uint64_t total = 0;  // addresses; the greatest number there is where there are more
  std::uint64_t used = 0;
  std::string problem;  // empty, or why the pool is not used as it is
  bool operator==(const PoolUse&) const = default;
};

struct LbPlan {
  std::vector<LbAssignment> assignments;  // only what differs from the Services' status
  std::map<std::string, PoolUse> pools;   // by name
  std::vector<Event> events;              // of Services that could not get what they ask for
  bool operator==(const LbPlan&) const = default;
};

/// Deterministic: Services keep what they have; then those that ask for addresses, then the others are served, the
/// oldest first.
LbPlan plan_load_balancers(const World& world);

}  // namespace slash32::agent::plan
