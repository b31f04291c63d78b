#include "bgpd/fib/fib_plan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace slash32::bgp {
namespace {

constexpr std::array kOrder{FibVerb::Delete, FibVerb::Replace, FibVerb::Create, FibVerb::Conflict};

int rank(FibVerb verb) { return static_cast<int>(std::ranges::find(kOrder, verb) - kOrder.begin()); }

}  // namespace

std::vector<FibOperation> plan(const std::map<RouteKey, RouteValue>& desired,
                               const std::map<RouteKey, RouteValue>& ours, const std::set<RouteKey>& foreign) {
  std::vector<FibOperation> out;
  for (const auto& [key, value] : desired) {
    const auto own = ours.find(key);
    const FibVerb verb = decide({.desired = true,
                                 .ours = own != ours.end(),
                                 .identical = own != ours.end() && own->second == value,
                                 .foreign = foreign.contains(key)});
    if (verb != FibVerb::Nothing) out.push_back({verb, key, value});
  }
  for (const auto& [key, value] : ours)
    if (!desired.contains(key)) out.push_back({decide({.ours = true}), key, value});
  std::ranges::sort(out, {}, [](const FibOperation& o) { return std::pair(rank(o.verb), o.key); });
  return out;
}

std::vector<FibNextHop> canonical(std::vector<FibNextHop> next_hops) {
  std::ranges::sort(next_hops);
  const auto twice = std::ranges::unique(next_hops);
  next_hops.erase(twice.begin(), twice.end());
  return next_hops;
}

}  // namespace slash32::bgp
