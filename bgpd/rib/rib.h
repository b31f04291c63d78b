// The routing information bases (RFC 4271 section 3.2), sans I/O: Adj-RIB-In, Loc-RIB and Adj-RIB-Out behind one door.
// Routes go in as decoded UPDATEs; work is done in bounded turns; out come deltas for the kernel and, per peer, encoded
// UPDATE messages of a route-level queue in which the last state wins. No clock, no socket, no log.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/fib/delta.h"
#include "bgpd/rib/withheld.h"
#include "bgpd/wire/message.h"
#include "common/bgp_role.h"
#include "common/ip.h"
#include "common/next_hop_resolution.h"
#include "common/strong.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

using PeerId = std::uint32_t;  // allotted by the owner, never used twice while the process lives

/// A neighbour as the RIB sees it while its session is Established.
struct RibPeer {
  std::string name;
  bool external = false;
  Asn local_as;  // the AS the session shows (localAs of the neighbour, or the speaker's)
  Asn remote_as;
  RouterId remote_id;
  IpAddress address;
  std::vector<AddressFamily> families;  // negotiated
  bool four_octet_as = true;
  bool long_lived_offered = false;     // LLGR_STALE in what it says makes a route the last resort (RFC 9494)
  bool long_lived_understood = false;  // it may be told of such routes ...
  bool long_lived_partial = false;     // ... or, by iBGP, all the same as section 4.6 has it
  bool extended_next_hop = false;      // negotiated: IPv4 routes may go with an IPv6 next hop (RFC 8950)
  bool enhanced_refresh = false;       // negotiated (RFC 7313)
  std::optional<IpAddress> local_v4;   // next hop self, per family; a family without one is held: nothing of it is sent
  std::optional<IpAddress> local_v6;
  std::optional<IpAddress> local_link_local;  // only where the peer is on that link (RFC 2545 section 3)
  IfIndex link;  // the one we share with the peer: there its link-local next hops are; 0: none
  NextHopResolution resolution = NextHopResolution::OnLink;  // of its other next hops
  bool route_reflector_client = false;
  std::array<std::uint8_t, 2>
      add_path{};                // IPv4, IPv6: how many paths to a prefix it is told (RFC 7911); 0: one, no path id
  std::optional<BgpRole> role;   // eBGP: ours towards it (RFC 9234)
  bool enforce_first_as = true;  // eBGP: its AS comes first in a path (RFC 4271 section 6.3)
  std::uint8_t allow_own_as = 0;
  config::NextHopMode next_hop = config::NextHopMode::Auto;
  config::Allow allow;
  std::optional<std::vector<std::string>> import_policies;  // absent: eBGP rejects all, iBGP accepts all
  std::optional<std::vector<std::string>> export_policies;  // absent: eBGP sends what we originate, iBGP all
  std::optional<std::uint32_t> max_prefixes_in;             // per family
  std::optional<std::uint32_t> max_prefixes_out;            // per family
  bool graceful_shutdown = true;                            // heed the community (RFC 8326)
  bool draining = false;                                    // used last both ways, as RibSettings has it for all
  bool allow_as_set = true;                                 // may be told of routes with an AS_SET (RFC 9774)
  std::uint16_t max_message_size = 4096;
  bool operator==(const RibPeer&) const = default;
};

/// A route of our own: an aggregate, or a pod's /32 or /128.
struct LocalRoute {
  Prefix prefix;
  std::vector<Community> communities;
  std::optional<std::uint32_t> local_pref;
  std::optional<std::uint32_t> med;
  bool operator==(const LocalRoute&) const = default;
};

/// What is to be resolved: an address, and the link on which a link-local one is (RFC 4007); else 0, and how it may be
/// done.
struct NextHop {
  IpAddress address;
  IfIndex link;
  NextHopResolution how = NextHopResolution::OnLink;
  bool operator==(const NextHop&) const = default;
};

/// What the kernel can do with a next hop. `igp_cost` is RFC 4271 section 9.1.2.2 e)'s interior cost. `gateway`: the
/// one on link that leads to it; nothing: it is on link itself.
struct NextHopState {
  bool resolved = false;
  IfIndex oif;
  std::uint32_t igp_cost = 0;
  std::optional<IpAddress> gateway{};
  bool silent = false;  // the gateway answers no ARP or ND: used only where nothing else is (decision.h)
  bool operator==(const NextHopState&) const = default;
};
using NextHopResolver = std::function<NextHopState(const NextHop& next_hop)>;

struct RibSettings {
  Asn local_as;
  RouterId router_id;
  RouterId cluster_id;
  bool install = true;  // off: the desired kernel table is empty
  std::uint16_t multipath = 16;
  bool multipath_relax = true;  // ECMP over AS_PATHs of one length, whatever is in them
  bool backups = false;         // a route with one next hop tells the kernel which one takes over
  std::map<std::string, config::Policy> policies;
  bool draining = false;  // what we send is to be used last, and so is what we learn (RFC 8326 section 4.2)
  bool operator==(const RibSettings&) const = default;
};

/// One path of one prefix, for `/v1/routes`.
struct PathView {
  Prefix prefix;
  std::optional<PeerId> peer;  // nothing: local
  AttributesPtr attributes;    // after import policy
  PathId path_id = 0;          // the peer's own (RFC 7911)
  bool best = false;
  bool multipath = false;  // in the ECMP set
  bool stale = false;
  bool long_lived_stale = false;  // RFC 9494: of the neighbour's own telling or by the time it is away
  bool resolved = false;
  bool silent = false;               // the next hop's gateway is
  std::optional<IpAddress> gateway;  // that leads to the next hop, where it is not on link; at this cost:
  std::uint32_t igp_cost = 0;
  std::string why_not;  // why it was refused or lost; empty for the best
  /// The step of the decision process at which it lost, or the best one's last rival did: "localPref", "notEligible",
  /// "onlyPath".
  std::string_view step;
  std::string_view won_by;  // the same of the best in words: "higher LOCAL_PREF"; empty for others
};

/// A path that import policy let in, or one of our own.
struct AcceptedPath {
  std::optional<PeerId> peer;  // nothing: our own
  PathId path_id = 0;          // the peer's own (RFC 7911)
  AttributesPtr attributes;    // after import policy
};

/// Prefixes whose best path is another one, or has other attributes, or that have none any more.
struct BestChanges {
  std::vector<Prefix> prefixes;
  std::uint64_t lost = 0;  // so many were not kept
};

/// Why a peer is not told of a prefix.
struct NotTold {
  Withheld why = Withheld::No;  // it is
  std::string detail;           // the policy and its term
  std::string text() const;     // for people; empty when it is
};

struct FamilyCounts {
  std::uint64_t received = 0;    // in Adj-RIB-In
  std::uint64_t accepted = 0;    // past guard and import policy
  std::uint64_t advertised = 0;  // in Adj-RIB-Out, as sent
  std::uint64_t held_back = 0;   // not sent, for maxPrefixes.out
  std::uint64_t too_many = 0;    // so often a path was not kept, being beyond 64 to its prefix (RFC 7911)
  std::uint64_t too_long = 0;    // so often attributes were not sent, fitting no message (RFC 4271 section 9.2)
};

/// A neighbour that must be torn down: its prefix limit was passed (Cease/1).
struct PrefixLimitExceeded {
  PeerId peer = 0;
  AddressFamily family = AddressFamily::IPv4;
  std::uint32_t limit = 0;
};

/// What becomes of routes that are stale already when their session is lost again: RFC 4724 section 4.2 deletes them,
/// RFC 8538 section 4.1 keeps them.
enum class StaleBefore : std::uint8_t { Deleted, Kept };

class Rib {
 public:
  Rib(RibSettings settings, NextHopResolver resolve);
  ~Rib();

  // ------------------------------------------------------------ settings and what is ours
  /// New policies or AS: routes are evaluated again; what comes out the same is not sent again. Equal settings cost
  /// nothing.
  void reconfigure(RibSettings settings);
  /// The desired set of own routes; the difference is computed here.
  void set_local_routes(const std::vector<LocalRoute>& routes);
  /// The node's own ranges, for the guard before import policy (design: exact own range and what covers it refused; a
  /// more specific accepted from iBGP, refused from eBGP; nothing of a default route unless allowed).
  void set_own_ranges(std::vector<Prefix> ranges);
  /// What the guard refuses from eBGP: the node's connected subnets, and ranges of the configuration.
  void set_guarded(std::vector<Prefix> connected, std::vector<Prefix> ranges);
  /// A pod's /32 or /128 came up or went: no peer may claim it while it lives.
  void set_live_pod(const Prefix& pod, bool live);

  // ------------------------------------------------------------ peers
  /// The session is Established. A peer with stale routes keeps those of `preserved` families until End-of-RIB and
  /// loses the others at once (RFC 4724 section 4.2).
  void peer_up(PeerId id, RibPeer peer, const std::vector<AddressFamily>& preserved);
  /// The same session with other policies or flags (reload): evaluated again both ways.
  void peer_changed(PeerId id, RibPeer peer);
  /// The link that we share with the peer is another one, as when it was made anew; also while its session is down. Its
  /// link-local next hops follow.
  void peer_moved(PeerId id, IfIndex link, std::optional<IpAddress> link_local);
  /// Routes of `retain` families become stale, all others go; `before` of those families that were stale already.
  void peer_down(PeerId id, const std::vector<AddressFamily>& retain, StaleBefore before = StaleBefore::Deleted);
  /// What is stale of these becomes the last resort, with LLGR_STALE, but for routes with NO_LLGR, which go (RFC 9494
  /// section 4.2).
  void long_lived_stale(PeerId id, const std::vector<AddressFamily>& families);
  /// Drops what is still stale.
  void stale_expired(PeerId id, const std::vector<AddressFamily>& families);
  /// The neighbour is no longer configured.
  void peer_removed(PeerId id);

  // ------------------------------------------------------------ routes
  /// Applies a decoded UPDATE, End-of-RIB included (which sweeps stale routes of its family).
  std::optional<PrefixLimitExceeded> update(PeerId id, const Update& update);
  /// ROUTE-REFRESH: the family's Adj-RIB-Out is sent again (RFC 2918), where it was negotiated between a beginning and
  /// an end (RFC 7313), and then not before End-of-RIB.
  void refresh(PeerId id, AddressFamily family);
  /// The peer begins or ends a refresh of its own: what it did not say again between the two is gone (RFC 7313 section
  /// 4). Not for requests.
  void peer_refreshes(PeerId id, const RouteRefresh& refresh);
  /// How many places of prefixes End-of-RIBs and the peers' refreshes made us look at so far.
  std::uint64_t visits() const;
  /// These next hops resolve differently now; every route through them is evaluated again.
  void next_hops_changed(const std::vector<NextHop>& next_hops);
  /// The next hops that some path uses, and the last few that some path used, for tracking.
  std::vector<NextHop> next_hops() const;
  /// Whether some path's next hop is reached by this gateway, or is it.
  bool uses(const FibNextHop& gateway) const;
  /// While on, learned routes are neither selected, installed nor sent on, and no End-of-RIB is sent; local routes are
  /// selected and sent at once (RFC 4724 section 4.1's deferral; announcing local prefixes first deviates on purpose).
  void set_deferral(bool on);
  /// While on, no End-of-RIB is sent: our own routes are not all here yet (aggregates whose discard routes are not in
  /// place, pods not read). An End-of-RIB ahead of them would make a helper drop them (RFC 4724 section 4.2).
  void hold_end_of_rib(bool on);

  // ------------------------------------------------------------ work and results
  /// Evaluates up to `budget` changed prefixes. True while some are left.
  bool run(std::size_t budget);
  /// What changed for the kernel since the last call; last state wins.
  std::vector<FibDelta> take_fib_deltas();
  /// The whole desired kernel table, for a resync.
  std::vector<FibDelta> fib() const;
  /// There is something to send to this peer.
  bool has_output(PeerId id) const;
  /// Whole UPDATE messages, withdrawals first, about `max_bytes` in all; End-of-RIB behind the initial table of each
  /// family; the ROUTE-REFRESH messages around a refresh (RFC 7313).
  struct Output {
    std::vector<std::uint8_t> bytes;
    std::uint64_t messages = 0;
  };
  Output take_output(PeerId id, std::size_t max_bytes);
  /// What waits to be sent to this peer: prefixes (AdjRibOut::waiting), and octets of messages that are made already.
  struct Waiting {
    std::size_t prefixes = 0;
    std::size_t octets = 0;
  };
  Waiting waiting(PeerId id) const;
  /// Prefixes that wait for run(); one may be counted twice.
  std::size_t undecided() const;

  // ------------------------------------------------------------ for show
  FamilyCounts counts(PeerId id, AddressFamily family) const;
  /// The family was negotiated, but nothing of it is sent, for want of an own address as next hop (only End-of-RIB is,
  /// so that nobody waits for us).
  bool is_held(PeerId id, AddressFamily family) const;
  /// Appends the prefixes that have a place in the table from `cursor` on, at most `count` of them and in no order;
  /// moves `cursor`. False when there is nothing behind it.
  bool list_prefixes(AddressFamily family, std::size_t& cursor, std::size_t count, std::vector<Prefix>& out) const;
  /// Calls `visit` for every prefix that has accepted paths, from `cursor` on and in no order, looking at `count`
  /// places at most; moves `cursor`. False when there is nothing behind it.
  bool visit_accepted(AddressFamily family, std::size_t& cursor, std::size_t count,
                      const std::function<void(const Prefix&, const std::vector<AcceptedPath>&)>& visit) const;
  /// Calls `visit` for every path, in prefix order within a family. With `only`: that prefix. All of a large table at
  /// once takes seconds: RouteWalk has it in turns.
  void visit_paths(const std::optional<Prefix>& only, const std::function<void(const PathView&)>& visit) const;
  /// What was last sent to this peer (Adj-RIB-Out), in prefix order.
  void visit_advertised(PeerId id, const std::function<void(const Prefix&, const AttributesPtr&)>& visit) const;
  /// The same for one prefix; nothing when it was not sent.
  AttributesPtr advertised(PeerId id, const Prefix& prefix) const;
  /// Why this peer was not told of the prefix. Where it may be told of several paths: of the best one that is not its
  /// own.
  NotTold why_not_told(PeerId id, const Prefix& prefix) const;
  /// The same for people; empty when it was.
  std::string why_not_advertised(PeerId id, const Prefix& prefix) const;
  std::size_t prefixes() const;
  /// While on, changes of best paths are kept for take_best_changes().
  void watch_best(bool on);
  BestChanges take_best_changes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slash32::bgp

template <>
struct std::hash<slash32::bgp::NextHop> {
  std::size_t operator()(const slash32::bgp::NextHop& hop) const noexcept {
    return std::hash<slash32::IpAddress>{}(hop.address) ^ static_cast<std::size_t>(hop.link.value) ^
           static_cast<std::size_t>(hop.how) << 32;
  }
};
