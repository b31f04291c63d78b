// The next hops that accepted paths use, each asked about once; and the sets of kernel next hops that prefixes share.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "bgpd/fib/delta.h"
#include "bgpd/rib/chunked.h"
#include "bgpd/rib/interner.h"
#include "bgpd/rib/rib.h"

namespace slash32::bgp {

/// What to resolve: the next hop, or its link-local address where that is to be used (import.h: located) or the global
/// one is not given (RFC 2545).
NextHop effective_next_hop(const PathAttributes& attributes);

class NextHops {
 public:
  explicit NextHops(NextHopResolver resolve) : resolve_(std::move(resolve)) { entries_.emplace_back(); }

  /// The number of a next hop with one more user; asks the resolver when it is new. 0 is never given.
  std::uint32_t acquire(const NextHop& hop);
  /// One user less. The last ones that lost all users stay known, and are asked about again as the others are.
  void release(std::uint32_t id);
  const NextHopState& state(std::uint32_t id) const { return entries_[id].state; }
  const NextHop& hop(std::uint32_t id) const { return entries_[id].hop; }
  /// What the kernel is to have of it.
  FibNextHop in_kernel(std::uint32_t id) const {
    return {entries_[id].state.gateway.value_or(entries_[id].hop.address), entries_[id].state.oif};
  }
  /// Where the prefixes are that may use it.
  BlockIndex& index(std::uint32_t id, std::size_t family) { return entries_[id].index[family]; }
  /// Asks again. The number when something changed, 0 otherwise or when nobody uses it.
  std::uint32_t ask_again(const NextHop& hop);
  /// Those in use, and the last ones that were.
  std::vector<NextHop> all() const;
  /// Whether some next hop in use is reached by this gateway, or is it.
  bool uses(const FibNextHop& gateway) const { return gateways_.contains(gateway); }

 private:
  struct Entry {
    NextHop hop;
    NextHopState state;
    std::uint32_t users = 0;
    BlockIndex index[kFamilies];
  };
  void count(std::uint32_t id, int by);

  NextHopResolver resolve_;
  std::map<FibNextHop, unsigned> gateways_;  // and how many next hops in use they lead to
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> unused_;  // known still, so that the next route by it need not ask; oldest first
  std::unordered_map<NextHop, std::uint32_t> by_hop_;
};

/// What the kernel is to have for a prefix: a FibDelta without it.
struct FibRoute {
  std::vector<FibNextHop> next_hops;
  std::uint32_t metric = 0;
  bool blackhole = false;
  std::vector<FibNextHop> backup{};
  bool operator==(const FibRoute&) const = default;
};

/// Interned kernel routes: a prefix keeps a number, and two tables are compared by numbers.
class FibGroups {
 public:
  FibGroups() { entries_.push(); }  // 0: no route

  std::uint32_t intern(const FibRoute& route);  // one more reference; 0 where nothing is to stand
  std::uint32_t add_reference(std::uint32_t id) {
    if (id != 0) ++entries_[id].references;
    return id;
  }
  void release(std::uint32_t id);
  FibDelta delta(const Prefix& prefix, std::uint32_t id) const {
    const FibRoute& route = entries_[id].route;
    return {prefix, route.next_hops, route.metric, route.blackhole, route.backup};
  }

 private:
  struct Entry {
    FibRoute route;
    std::uint32_t references = 0;
    std::uint32_t hash = 0;
  };
  ChunkedVector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  IdSet index_;
};

}  // namespace slash32::bgp
