// A walk over a table's prefixes, in order, in bounded turns: a million of them must not keep a keepalive waiting.
// Pure.
//
// What one sees: every prefix that stayed in the table during the walk, once, in order. One that came or went meanwhile
// may be there or not. Paths are not part of it: who renders a prefix asks the RIB for them at that moment.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "bgpd/rib/rib.h"

namespace slash32::bgp {

class RouteWalk {
 public:
  /// Of one family or of both; IPv4 comes first. `rib` must outlive it.
  explicit RouteWalk(const Rib& rib, std::optional<AddressFamily> family = std::nullopt);
  /// One turn: the next prefixes, at most `count`; none while it still gathers; nothing when all were told.
  std::optional<std::vector<Prefix>> next(std::size_t count);

 private:
  using Run = std::vector<Prefix>;  // sorted backwards, so that the first one is at the end
  void gather();

  const Rib& rib_;
  std::vector<AddressFamily> families_;  // still to be gathered, the last one first
  std::size_t cursor_ = 0;
  std::vector<Run> runs_;  // a heap by their first prefix once all is gathered
  bool gathered_ = false;
  std::optional<Prefix> last_;
};

}  // namespace slash32::bgp
