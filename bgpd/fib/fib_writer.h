// The worker's side of FibSync: two tables (learned routes, aggregates), the socket that writes them, and the events
// that say somebody meddled. Knows no thread; calls block for as long as the kernel works. Only installed() and lose()
// may be called from another thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bgpd/fib/fib_sync.h"
#include "bgpd/fib/fib_table.h"
#include "bgpd/fib/next_hop_objects.h"
#include "bgpd/fib/next_hop_sets.h"
#include "common/clock.h"
#include "common/netlink/bulk.h"
#include "common/netlink/monitor.h"

namespace slash32::bgp {

class FibWriter {
 public:
  /// Opens the sockets in the calling thread's namespace and marks what is ours as stale.
  static Result<std::unique_ptr<FibWriter>> open(FibSettings settings);

  void reconfigure(FibSettings settings);
  void want(std::span<FibDelta> deltas);
  void want_aggregates(const std::vector<Prefix>& aggregates);
  void sweep();
  void heal(const std::vector<IfIndex>& links);
  void audit();
  Status lose(const FibNextHop& hop, std::uint64_t loss) { return objects_->lose(hop, loss); }
  void revive(std::uint64_t last_loss);
  void remove_all();

  /// Writes one batch, and does what is due. False: nothing is left to write.
  bool write_some();
  /// Takes the kernel's events; what they ask for is done by write_some() or on_time().
  void read_events();
  int event_fd() const { return monitor_.fd(); }
  /// Nothing is due now or later: write_some() writes what is wanted next, and reads no dump for anything else.
  bool is_at_rest() const;
  /// When on_time() is due; nothing when all is in order.
  std::optional<Instant> deadline() const;
  void on_time(Instant now);

  std::uint64_t found_at_start(AddressFamily family) const { return family == AddressFamily::IPv4 ? found4_ : found6_; }
  FibReport take_report();
  bool has_report() const;
  FibStatus status() const;
  bool installed(const Prefix& prefix) const;

 private:
  /// One of the two kinds of routes.
  struct Kind {
    FibTable table;
    netlink::RouteProtocol protocol;
    netlink::RouteType type;
  };
  /// Sets, each with a user, and the groups of an earlier life that dumped routes of theirs refer to.
  using Claims = std::map<SetId, netlink::NextHopId>;
  struct Dumped {
    Claims claims;
    std::vector<FibSeen> seen;           // at our key and of our shape
    std::vector<netlink::Route> strays;  // ours by protocol, but with another metric or shape
  };

  struct Kernel {
    netlink::Bulk bulk;
    std::optional<netlink::Bulk> urgent;  // for next-hop objects; nothing: they are not wanted
    std::vector<netlink::RouteRule> rules;
    netlink::Monitor monitor;
  };
  FibWriter(FibSettings settings, Kernel kernel);
  Status load();
  /// Of a route with this set; kNoRoute: of one without a metric of its own.
  std::uint32_t metric_of(const Kind& kind, SetId set) const;
  static netlink::RouteType type_of(const Kind& kind, std::span<const netlink::NextHop> next_hops);
  const std::optional<IpAddress>& pref_src(AddressFamily family) const;
  bool has_our_shape(const Kind& kind, const netlink::Route& route) const;
  FibSeen seen_as(const Kind& kind, const netlink::Route& route, Claims& claims);
  void place_unusual(const Kind& kind, std::vector<netlink::Route>& unusual, std::size_t begin, Dumped& out);
  Result<Dumped> dump(const Kind& kind, std::optional<IfIndex> link);
  void drop(std::vector<FibSeen>& seen);

  netlink::RouteWrite encode(const Kind& kind, const FibOp& op) const;
  bool moves(const Kind& kind, const FibOp& op) const;
  netlink::Route as_route(const Kind& kind, const Prefix& prefix, SetId set) const;
  bool write_batch();
  bool write_kind(Kind& kind);
  void settle_batch(Kind& kind, std::span<const FibOp> ops, const std::vector<netlink::RouteRefusal>& refusals);
  void tell_failures(Kind& kind);
  void place_aggregates();
  std::optional<std::map<Prefix, std::string>> others_in_place();
  void tell_ready_aggregates();
  void look_at_places();
  void remove_strays();
  void remove(const std::vector<netlink::Route>& routes);
  void adopt(Kind& kind, const netlink::Route& route);
  void remove_leftovers();
  // ------------------------------------------------------------ groups (fib_writer_objects.cc)
  bool refers_to_group(const FibOp& op) const {
    return op.verb != FibVerb::Delete && sets_.group(op.set) != netlink::NextHopId{};
  }
  int give_group(SetId set);
  void give_groups(Kind& kind, std::vector<FibOp>& ops);
  void look_at_objects();
  void forget_vanished();
  void tend_objects();
  bool may_remove_unknown();
  netlink::Route with_next_hops(const netlink::Route& route) const;
  bool is_exact(SetId set, const netlink::Route& route, Claims& claims);
  void take_claims(Claims& claims);
  void drop_claims(Claims& claims, const Claims& kept);

  void hear_removals();
  void inspect_conflicts();
  void inspect(Kind& kind, AddressFamily family, std::set<Prefix> prefixes);
  void on_event(const netlink::Event& event);
  void on_route(const netlink::RouteEvent& event);
  void problem(std::string text);
  void ask_for_audit();

  mutable std::mutex mutex_;  // over the tables, for installed()
  FibSettings settings_;
  netlink::Bulk bulk_;
  std::vector<netlink::RouteRule> rules_;  // what monitor_ hears all the time
  netlink::Monitor monitor_;
  bool hears_removals_ = false;
  NextHopSets sets_;
  Kind learned_;
  Kind aggregates_;
  std::unique_ptr<NextHopObjects> objects_;
  bool look_at_objects_ = false;
  bool restore_when_idle_ = false;
  std::optional<std::uint64_t> revive_when_idle_;
  bool remove_unknown_when_idle_ = false;
  bool objects_refused_ = false;  // not all of them are as they should be: on_time() has them looked at again
  std::vector<netlink::Route> strays_;
  bool remove_strays_when_idle_ = false;
  std::set<Prefix> conflicts_learned_;  // to be looked at: whose is the route in the way?
  std::set<Prefix> conflicts_aggregate_;
  std::set<Prefix> aggregates_wanted_;
  std::map<Prefix, std::string> occupied_;  // wanted, but another program has a route to the same prefix: which
  std::optional<Instant> place_at_;
  Instant last_place_{};
  std::uint64_t found4_ = 0;
  std::uint64_t found6_ = 0;
  bool swept_ = false;
  FibReport report_;
  std::uint64_t problems_untold_ = 0;
  std::optional<Instant> audit_at_;
  std::optional<Instant> inspect_at_;
  std::optional<Instant> retry_at_;
  static constexpr Duration kFirstRetry = std::chrono::seconds(1);
  Duration retry_after_ = kFirstRetry;
  std::uint64_t installed_at_retry_ = 0;
  Instant last_audit_{};
  Instant last_inspect_{};
};

}  // namespace slash32::bgp
