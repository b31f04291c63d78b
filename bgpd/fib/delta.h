// What the RIB wants of the kernel, as values. The only thing of fib/ that rib/ sees.
#pragma once

#include <compare>
#include <vector>

#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

struct FibNextHop {
  IpAddress gateway;
  IfIndex oif;
  auto operator<=>(const FibNextHop&) const = default;
};

/// Desired kernel state of one prefix; no next hops: the route goes. Next hops are ordered, at most `multipath` of
/// them.
struct FibDelta {
  Prefix prefix;
  std::vector<FibNextHop> next_hops;
  bool operator==(const FibDelta&) const = default;
};

}  // namespace slash32::bgp
