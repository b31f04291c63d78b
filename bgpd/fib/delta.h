// What the RIB wants of the kernel, as values. The only thing of fib/ that rib/ sees.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

struct FibNextHop {
  IpAddress gateway;
  IfIndex oif;
  auto operator<=>(const FibNextHop&) const = default;
};

/// Desired kernel state of one prefix; neither next hops nor a blackhole: the route goes. Next hops are ordered, at
/// most `multipath` of them.
struct FibDelta {
  Prefix prefix;
  std::vector<FibNextHop> next_hops;
  std::uint32_t metric = 0;          // 0: the configured one
  bool blackhole = false;            // what goes there is discarded; there are no next hops then
  std::vector<FibNextHop> backup{};  // what takes over when the only next hop dies; at most one
  bool is_removal() const { return next_hops.empty() && !blackhole; }
  bool operator==(const FibDelta&) const = default;
};

}  // namespace slash32::bgp
