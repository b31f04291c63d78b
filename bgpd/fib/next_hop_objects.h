// The kernel's next-hop objects of learned routes: one for each next hop, and a group for each set of them that a route
// could survive in. Routes refer to groups only, so that one message takes a dead next hop out of all of them, whatever
// the table's size; with a lost link the kernel does the same by itself, and in silence. A group of one way and its
// backup is a resilient one, whose table of places is too small for the backup's weight: it forwards over the second
// only once the first is gone. The numbers are of a range of the routing table's own, and every object carries our
// protocol: nothing else is touched.
// Threading: lose() may come from any thread, everything else from the worker's.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "bgpd/fib/delta.h"
#include "common/netlink/bulk.h"
#include "common/result.h"

namespace slash32::bgp {

/// What a group is for: ways that share the traffic, or one way and the backup that takes over.
struct GroupShape {
  std::vector<FibNextHop> ways;  // sorted
  std::vector<FibNextHop> backup;
  auto operator<=>(const GroupShape&) const = default;
};

class NextHopObjects {
 public:
  /// `bulk` is the worker's and outlives this; `urgent` is for lose() alone: without it only an earlier life's are
  /// here.
  NextHopObjects(TableId table, netlink::Bulk& bulk, std::optional<netlink::Bulk> urgent);
  /// Reads what an earlier life left. A kernel without such objects, or a table beyond 65535, leaves nothing to be read
  /// and nothing to be made.
  void load();
  bool usable() const { return usable_; }

  /// A group of this shape, made if there is none that is free. Its number, or the errno value why it cannot be now
  /// (ENETDOWN, say); EOPNOTSUPP: never, such routes must do without. Who cannot be reached is left out until
  /// restore().
  std::expected<netlink::NextHopId, int> make(const GroupShape& shape);
  /// No route refers to these any more.
  void release(std::span<const netlink::NextHopId> groups);
  /// Somebody has it: a group of an earlier life that nobody claims goes with remove_unknown().
  void claim(netlink::NextHopId group);
  bool is_claimed(netlink::NextHopId group) const;

  struct Found {
    GroupShape shape;
    bool whole = false;  // all of the shape is known; else ways are what is left of it
  };
  /// What stands behind a number in a dumped route; nothing: no object of ours.
  std::optional<Found> find(netlink::NextHopId group) const;

  /// Takes a next hop out of every group, now, and keeps it out of those that are still to be made. Losses are numbered
  /// upwards from 1; it stays out until this one is revived. Error: the kernel refused, or was not to be spoken to:
  /// look() and restore() take it out then.
  Status lose(const FibNextHop& hop, std::uint64_t loss);
  /// What was lost by this loss or an earlier one, and by none since, may be tried again, with the next restore().
  void revive(std::uint64_t last_loss);

  /// Looks what the kernel really has. Groups that are gone, and their routes with them, are told by take_vanished().
  Status look();
  /// Puts back what is missing and can be there now. Error: the first that the kernel refused; the others were put
  /// back.
  Status restore();
  /// Groups of ours that the kernel took away since the last call.
  std::vector<netlink::NextHopId> take_vanished();
  bool uses(std::span<const IfIndex> links) const;
  bool stands(netlink::NextHopId id) const;

  /// Removes objects of ours that nobody claims; `all`: and the others.
  Status remove_unknown(bool all);
  /// Whether the kernel kept an object that was to go, since the last call: remove_unknown() is due once more.
  bool take_left_behind();
  std::size_t groups() const;

 private:
  struct Member {
    netlink::NextHopId id;
    bool stands = false;
    std::uint64_t lost = 0;  // by which loss; 0: it is not
    bool adopted = false;    // what refers to it may be a group that is not in groups_: stays until remove_unknown()
    std::size_t groups = 0;
  };
  struct Group {
    GroupShape shape;
    std::set<FibNextHop> standing;  // in the kernel's group
    bool claimed = false;
    bool doubtful = false;  // its weights or kind are not what we wrote
  };

  Status look_locked();
  Result<std::map<netlink::NextHopId, netlink::NextHopObject>> dump();
  void adopt(const std::map<netlink::NextHopId, netlink::NextHopObject>& objects);
  bool is_ours(netlink::NextHopId id) const { return id.value >= first_ && id.value < first_ + kIds; }
  netlink::NextHopId next_id();
  std::expected<netlink::NextHopId, int> create(netlink::NextHopObject object);
  int make_member(const FibNextHop& hop, Member& member);
  netlink::NextHopObject as_object(netlink::NextHopId id, const GroupShape& shape,
                                   const std::set<FibNextHop>& standing) const;
  std::set<FibNextHop> possible(const GroupShape& shape) const;
  void count(const GroupShape& shape, bool add);
  void drop_group(std::map<netlink::NextHopId, Group>::iterator at);
  void drop_idle_members();
  void remove(netlink::NextHopId id);
  Result<int> write_again(netlink::NextHopId id, Group& group);

  static constexpr std::uint32_t kIds = 1U << 14;
  std::uint32_t first_ = 0;
  bool usable_ = false;
  mutable std::mutex mutex_;  // over what follows
  netlink::Bulk& bulk_;
  std::optional<netlink::Bulk> urgent_;
  std::map<FibNextHop, Member> members_;
  std::map<netlink::NextHopId, Group> groups_;
  std::map<netlink::NextHopId, Found> found_;
  std::set<netlink::NextHopId> taken_;  // ids, ours or a stranger's
  std::vector<netlink::NextHopId> vanished_;
  std::uint32_t cursor_ = 0;
  bool left_behind_ = false;
};

}  // namespace slash32::bgp
