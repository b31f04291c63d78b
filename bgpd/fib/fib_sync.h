// Puts learned routes (protocol 134) and aggregates' blackholes (protocol 133) into the kernel: desired state in,
// batched netlink out, from worker threads of its own, so that keepalives do not wait for the kernel; a few routes at
// rest are written by who orders them, as long as the kernel is prompt (promptness.h). Of a prefix that was not yet
// written the last state wins. Ownership: the first install of a route is exclusive; only what we know is
// ours is replaced or deleted; every delete carries table, protocol, metric and type; a foreign route in the same place
// is a conflict, shown and retried, neither merged nor overwritten. The same worker keeps forward_drop.h's table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bgpd/fib/delta.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp {

struct FibSettings {
  bool install = true;  // false: keeps the tables, writes nothing learned
  TableId table{254};
  std::uint32_t metric = 512;
  std::uint32_t max_routes = 100000;  // beyond it nothing more is installed; shown as a condition
  std::optional<IpAddress> pref_src4{};
  std::optional<IpAddress> pref_src6{};
  bool next_hop_objects = false;  // where the kernel has them (next_hop_objects.h); cannot change later
  bool operator==(const FibSettings&) const = default;
};

struct AggregateFailure {
  Prefix prefix;
  std::string why;
};

struct FibReport {
  std::vector<Prefix> aggregates_ready;  // the blackhole is in place: may be announced
  std::vector<AggregateFailure> aggregates_failed;
  std::vector<std::string> problems;  // for the log: conflicts, errors of the kernel, with prefix and reason
};

struct FibStatus {
  std::uint64_t desired = 0;
  std::uint64_t installed = 0;
  std::uint64_t pending = 0;
  std::uint64_t conflicts = 0;
  bool over_limit = false;
  bool stale_marked = false;  // routes of an earlier life are still kept
  std::uint64_t stale = 0;
  std::uint64_t groups = 0;          // of next-hop objects
  bool without_objects = false;      // asked for, but this kernel has none, or the table has no numbers for them
  std::string forward_drop_trouble;  // empty, or why not everything that set_forward_drops() wants is dropped
  bool busy = false;                 // orders are not yet obeyed, or writes not yet answered
};

class FibSync {
 public:
  /// Opens sockets in the caller's namespace, dumps our own routes (133, 134 of this table) and marks them stale: they
  /// stay until confirmed by apply() or removed by sweep(). Starts the worker.
  static Result<FibSync> open(FibSettings settings);
  ~FibSync();  // stops the worker after what it is writing; routes stay
  FibSync(FibSync&&) noexcept;
  FibSync& operator=(FibSync&&) noexcept;

  void reconfigure(FibSettings settings);
  /// How many of our learned routes an earlier life left, per family, for the F bits (RFC 4724).
  std::uint64_t found_at_start(AddressFamily family) const;
  /// A few are in the kernel when it returns, where nothing else waits to be written; see above.
  void apply(std::vector<FibDelta> deltas);
  /// The desired set of aggregates; each is reported ready once its blackhole stands. What is gone is removed. Where
  /// another program has a route to the very prefix, of whatever metric, nothing is installed (a blackhole would beat
  /// an IPv6 link's own route): failed, until that one goes.
  void set_aggregates(std::vector<Prefix> aggregates);
  /// The desired set of prefixes to which nothing is forwarded (forward_drop.h). The first order also takes away what
  /// an earlier life left.
  void set_forward_drops(std::vector<Prefix> prefixes);
  /// Removes what is still marked stale from an earlier life.
  void sweep();
  /// Routes through these interfaces may have vanished silently: the plan for them is derived again from a dump.
  void heal(const std::vector<IfIndex>& links);
  /// A next hop is dead: routes with several, or with a backup, leave it at once, by one message to the kernel from a
  /// thread of its own, ahead of all that waits to be written (loss_thread.h). Does nothing without next-hop objects.
  /// Where the kernel refuses, which is reported, the worker takes it out, group by group.
  void lose(const FibNextHop& next_hop);
  /// What was lost before this call may come back, once all that was desired by then is written: what is desired no
  /// longer counts on its death.
  void revive();
  /// The slow audit: the plan for everything is derived again from a dump (there should be nothing to do).
  void audit();
  /// Removes every route of ours, learned and aggregates, and forward drops, and waits for it (leaving for good).
  void remove_all();

  /// Readable when take_report() has something.
  int fd() const;
  FibReport take_report();
  FibStatus status() const;
  /// Whether the kernel has this learned route as desired (for `/v1/routes`).
  bool installed(const Prefix& prefix) const;

 private:
  struct Impl;
  explicit FibSync(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
