// Sets of next hops, each kept once and counted: a million routes share a handful. A set carries the metric of its
// routes as well, where policy gave them one of their own, and the group of next-hop objects that stands for it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "bgpd/fib/delta.h"
#include "common/netlink/types.h"
#include "common/strong.h"

namespace slash32::bgp {

/// A set's number; 0 is "no route". Equal sets have equal numbers as long as one user holds them.
using SetId = std::uint32_t;
inline constexpr SetId kNoRoute = 0;
inline constexpr SetId kBlackhole = 1;  // a route without next hops, of the usual metric; never freed

class NextHopSets {
 public:
  NextHopSets();

  /// The set of these next hops, in any order; one more user of it. None: a blackhole. `metric` 0: the usual one of
  /// its kind of route.
  SetId take(std::vector<FibNextHop> next_hops, std::uint32_t metric = 0, std::vector<FibNextHop> backup = {});
  /// One more user; one less (the last one frees the set).
  void hold(SetId id) { slots_[id].users += id > kBlackhole ? 1U : 0U; }
  void drop(SetId id);

  /// As netlink wants them; valid until the set is dropped by its last user or another is taken.
  std::span<const netlink::NextHop> hops(SetId id) const { return slots_[id].hops; }
  std::uint32_t metric(SetId id) const { return slots_[id].metric; }
  bool uses(SetId id, IfIndex link) const;
  /// Whether any set in use has a next hop through `link`.
  bool any_uses(IfIndex link) const;
  /// A set the kernel cannot use now (its link is down, say): the error, 0 when there is none. Whoever writes asks
  /// first, so that a dead next hop costs one batch and not one refusal a route.
  void block(SetId id, int error) { slots_[id].blocked = error; }
  int blocked(SetId id) const { return slots_[id].blocked; }
  void unblock_all();
  std::size_t size() const { return by_value_.size(); }

  // ------------------------------------------------------------ groups (next_hop_objects.h)
  /// Whether routes of this set should refer to a group: with several next hops, or a backup.
  bool wants_group(SetId id) const {
    return groups_ && !slots_[id].plain && (slots_[id].hops.size() > 1 || !slots_[id].backup.empty());
  }
  void use_groups() { groups_ = true; }
  bool use_of_groups() const { return groups_; }
  netlink::NextHopId group(SetId id) const { return slots_[id].group; }
  void set_group(SetId id, netlink::NextHopId group) { slots_[id].group = group; }
  /// Its routes do without: the kernel has no such groups.
  void set_plain(SetId id) { slots_[id].plain = true; }
  bool plain(SetId id) const { return slots_[id].plain; }
  const std::vector<FibNextHop>& backup(SetId id) const { return slots_[id].backup; }
  /// The sets of these groups, which are gone: they have none any more.
  std::vector<SetId> lose_groups(std::span<const netlink::NextHopId> gone);
  /// Groups of sets that were freed since the last call.
  std::vector<netlink::NextHopId> take_unused_groups() { return std::exchange(unused_groups_, {}); }

 private:
  struct Slot {
    std::vector<netlink::NextHop> hops;
    std::uint32_t users = 0;
    int blocked = 0;
    std::uint32_t metric = 0;
    std::vector<FibNextHop> backup;
    netlink::NextHopId group;
    bool plain = false;
  };
  struct Value {
    std::vector<FibNextHop> hops;
    std::uint32_t metric = 0;
    std::vector<FibNextHop> backup;
    auto operator<=>(const Value&) const = default;
  };
  SetId take_canonical(Value value);

  std::map<Value, SetId> by_value_;
  std::vector<Slot> slots_;
  std::vector<SetId> free_;
  Value last_;  // as given: routes come in runs of the same next hops
  SetId last_id_ = kNoRoute;
  std::vector<netlink::NextHopId> unused_groups_;
  bool groups_ = false;
};

}  // namespace slash32::bgp
