// Every route of one kind (learned, or aggregates): what is desired of it, what the kernel is known to have, and what
// is left to write. Work is taken in batches and answered by the kernel's errors; of a prefix that was not yet written
// the last state wins. Pure: no socket, no clock; one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "bgpd/fib/delta.h"
#include "bgpd/fib/fib_plan.h"
#include "bgpd/fib/next_hop_sets.h"
#include "bgpd/fib/prefix_map.h"
#include "common/ip.h"

namespace slash32::bgp {

/// One write: of Create and Replace `set` is what shall stand there, of Delete what stands there.
struct FibOp {
  FibVerb verb = FibVerb::Nothing;
  Prefix prefix;
  SetId set = kNoRoute;
  bool operator==(const FibOp&) const = default;
};

/// A write that the kernel refused; told once until it succeeds.
struct FibFailure {
  FibVerb verb = FibVerb::Nothing;
  Prefix prefix;
  int error = 0;  // errno value; EEXIST: a conflict
};

/// A route of ours as a dump shows it. `exact`: protocol, type and preferred source are as we would write them now.
struct FibSeen {
  Prefix prefix;
  SetId set = kNoRoute;  // carries one user of the set
  bool exact = true;
};

struct FibCounts {
  std::uint64_t desired = 0;
  std::uint64_t installed = 0;  // desired, and the kernel has exactly that
  std::uint64_t in_kernel = 0;  // ours there, desired or not
  std::uint64_t conflicts = 0;
  std::uint64_t failed = 0;
  std::uint64_t held = 0;  // beyond the limit
  std::uint64_t stale = 0;
};

class FibTable {
 public:
  /// `seed` as PrefixMap's.
  explicit FibTable(NextHopSets& sets, std::uint64_t seed = 0) : sets_(sets), entries_(seed) {}

  // ------------------------------------------------------------ what is desired
  void want(FibDelta delta);
  /// With the usual metric; empty `next_hops`: the route goes.
  void want(const Prefix& prefix, std::vector<FibNextHop> next_hops) { want({prefix, std::move(next_hops)}); }
  void want_blackhole(const Prefix& prefix) { want_set(prefix, kBlackhole); }
  /// Disabled, the table keeps what is desired and wants nothing in the kernel.
  void set_enabled(bool enabled);
  /// At most this many routes of ours in the kernel; creations beyond are held back.
  void set_limit(std::uint64_t limit);
  /// Attributes common to all changed (a preferred source): everything of `family` is replaced in place.
  void rewrite_all(AddressFamily family);
  /// Nothing is desired any more.
  void want_nothing();

  // ------------------------------------------------------------ what the kernel has
  /// A route of an earlier life: kept until it is wanted (and then not touched when identical) or swept.
  void found(const FibSeen& seen);
  /// Deletes what is still stale. How many.
  std::uint64_t sweep();
  /// The truth about all routes whose set satisfies `in_scope`: what is missing in `seen` is gone, what failed is tried
  /// again, what nobody wants is deleted (or stale, before the sweep).
  void reconcile(std::span<const FibSeen> seen, const std::function<bool(SetId)>& in_scope);
  /// The kernel has none of ours with such a set any more (another table, say): all of them are written again.
  void forget_kernel(const std::function<bool(SetId)>& which);
  /// The stranger's route at this prefix went, or it is worth asking again for another reason.
  void ask_again(const Prefix& prefix);
  /// A stranger's route took the place of ours.
  void displaced(const Prefix& prefix);
  /// Takes up to `count` of those that failed or are in conflict for another try, oldest first.
  std::size_t retry(std::size_t count);

  // ------------------------------------------------------------ work
  /// Up to `max` writes: changes of what stands before creations, so that traffic leaves dead next hops first. Each
  /// must be answered by done() before anything else is called.
  std::vector<FibOp> next(std::size_t max);
  /// The kernel's answer: 0 or an errno value.
  void done(const FibOp& op, int error);
  bool has_work() const { return !changes_.empty() || !creations_.empty(); }
  bool has_failed() const { return counts_.failed + counts_.conflicts > 0; }
  std::vector<FibFailure> take_failures() { return std::exchange(failures_, {}); }

  // ------------------------------------------------------------ views
  const FibCounts& counts() const { return counts_; }
  bool installed(const Prefix& prefix) const;
  bool conflicting(const Prefix& prefix) const;
  bool known(const Prefix& prefix) const { return entries_.contains(prefix); }
  /// What is desired at this prefix, and what the kernel is known to have; kNoRoute: nothing.
  SetId desired(const Prefix& prefix) const;
  SetId in_kernel(const Prefix& prefix) const;
  /// Every route of ours the kernel is known to have.
  void each_in_kernel(const std::function<void(const Prefix&, SetId)>& each) const;
  /// Prefixes that are desired.
  std::vector<Prefix> wanted() const;

 private:
  struct Entry {
    SetId desired = kNoRoute;
    SetId kernel = kNoRoute;
    bool queued : 1 = false;    // in changes_ or creations_
    bool waiting : 1 = false;   // in retry_
    bool held : 1 = false;      // in held_
    bool stale : 1 = false;     // found at start, nobody wanted it yet
    bool rewrite : 1 = false;   // stands there with other attributes than it should
    bool foreign : 1 = false;   // a stranger's route is in the place
    bool failed : 1 = false;    // refused; waits for retry() or reconcile()
    bool reported : 1 = false;  // its failure was told
    bool seen : 1 = false;      // during reconcile()
  };

  void want_set(const Prefix& prefix, SetId set);
  SetId target(const Entry& e) const { return enabled_ ? e.desired : kNoRoute; }
  FibVerb verb_for(const Entry& e) const;
  void tally(const Entry& e, std::int64_t sign);
  template <class Change>
  void change(Entry& e, Change apply) {
    tally(e, -1);
    apply();
    tally(e, +1);
  }
  void put_kernel(Entry& e, SetId set);
  void refuse(const Prefix& prefix, Entry& e, FibVerb verb, int error);
  void enqueue(const Prefix& prefix, Entry& e);
  /// Queues what needs writing; false: nothing is known of the prefix any more, and its entry must go.
  bool settle(const Prefix& prefix, Entry& e);
  void settle_all();
  void release_held();
  bool take(const Prefix& prefix, std::uint64_t& creations, std::vector<FibOp>& out);

  NextHopSets& sets_;
  PrefixMap<Entry> entries_;
  std::deque<Prefix> changes_;
  std::deque<Prefix> creations_;
  std::deque<Prefix> held_;
  std::deque<Prefix> retry_;
  std::vector<FibFailure> failures_;
  FibCounts counts_;
  std::uint64_t limit_ = ~std::uint64_t{0};
  bool enabled_ = true;
  bool swept_ = false;
};

}  // namespace slash32::bgp
