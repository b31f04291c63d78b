// Which Service addresses this node announces, and why not the others. The rules as tables: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/advertise.h"
#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

struct ServicePlan {
  /// Each prefix once, however many Services are behind it, with the advertisements that ask for it (indices).
  std::map<Prefix, std::set<std::size_t>> routes;
  /// Those of them that lead to endpoints of this node alone, of a Service with policy Local.
  std::set<Prefix> only_here;
  std::uint32_t withheld = 0;
  std::vector<std::string> refused;  // addresses that may not be announced at all, in sentences; at most kMaxRefused
  std::uint32_t refused_count = 0;
};

inline constexpr std::size_t kMaxRefused = 10;

ServicePlan plan_services(const World& world, const model::BgpConfiguration& conf, const model::Node& node,
                          const std::vector<Advertisement>& advertisements);

}  // namespace slash32::agent::plan
