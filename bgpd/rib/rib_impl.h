// Inside the RIB. Split by what is done: rib.cc (settings, peers), rib_in.cc (Adj-RIB-In), rib_select.cc (Loc-RIB, the
// kernel's view), rib_out.cc (groups), rib_paths.cc (several paths to a prefix), rib_show.cc,
// rib_why.cc.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bgpd/rib/adj_rib_out.h"
#include "bgpd/rib/decision.h"
#include "bgpd/rib/guard.h"
#include "bgpd/rib/import.h"
#include "bgpd/rib/next_hops.h"
#include "bgpd/rib/rib.h"
#include "bgpd/rib/work_queue.h"

namespace slash32::bgp {

/// What a session was told, by family and prefix.
using Told = std::array<std::vector<SetId>, kFamilies>;

/// What a set became when it was sent, remembered: consecutive prefixes mostly share a set. Where they do not, since
/// they changed in another order than they came, there is room for more sets.
struct ExportMemo {
  bool valid = false;
  std::uint32_t serial = 0;  // of the set
  PeerSlot slot = kNoSlot;   // it came from
  std::uint8_t family = 0;
  SetId encoded = 0;  // with a reference; 0: not sent
};

/// maxPrefixes.out of one family: what is told, and what waits until there is room.
struct OutLimit {
  std::uint64_t told = 0;
  std::set<PrefixId> waiting;
};

inline constexpr std::size_t kFewMemos = 64;
inline constexpr std::size_t kMostMemos = 16384;  // 400 KB, a group

struct Group {
  Group(ExportSettings settings, OutTables tables, bool prefixes_matter)
      : out(std::move(settings), tables), prefix_matters(prefixes_matter) {}
  AdjRibOut out;
  std::vector<std::unique_ptr<AdjRibOut>> more;  // for path identifiers from 2 on (RFC 7911)
  bool prefix_matters = false;                   // export policy looks at prefixes
  std::vector<ExportMemo> memo = std::vector<ExportMemo>(kFewMemos);
  std::size_t forgotten = 0;  // so often a set was rendered to what there was already
  std::array<OutLimit, kFamilies> limit;
  std::array<std::uint64_t, kFamilies> too_long{};
};

/// Our answer to a ROUTE-REFRESH of one family, where RFC 7313 was negotiated.
struct OutRefresh {
  bool wanted = false;   // to be begun, after End-of-RIB and after the one under way
  bool running = false;  // begun, not yet ended
};

/// The peer's refresh of one family (RFC 7313 section 4). What a beginning costs must follow from what the peer said:
/// a second one marks only what was said since the first.
struct InRefresh {
  bool begun = false;          // every path is marked, but for those in `said`
  bool much = false;           // `said` was given up: it named more than there is
  std::vector<PrefixId> said;  // since it began; may name one twice
};

struct RibPeerState {
  PeerId id = 0;
  RibPeer conf;
  bool up = false;
  bool prefix_matters = false;  // import policy looks at prefixes
  std::array<std::uint64_t, kFamilies> received{};
  std::array<std::uint64_t, kFamilies> accepted{};
  std::array<std::uint64_t, kFamilies> too_many_paths{};
  std::array<BlockIndex, kFamilies> index;  // where its paths are
  Group* group = nullptr;                   // while up
  OutMember out;
  std::vector<std::unique_ptr<OutMember>> more;  // as many as the group has
  std::array<OutRefresh, kFamilies> refresh{};
  std::array<InRefresh, kFamilies> in_refresh;
  std::array<bool, kFamilies> may_be_stale{};  // otherwise a sweep has nothing to find
  WorkQueue::Mark table_mark{};                // decided up to here: the initial table is in Adj-RIB-Out
  std::size_t ahead = 0;                       // prefixes that it had decided ahead of others' tables in this
  std::uint64_t ahead_in = 0;                  // of Impl::lulls
};

struct Rib::Impl {
  Impl(RibSettings given, NextHopResolver resolve);

  // ------------------------------------------------------------ rib.cc
  RibPeerState* find(PeerId id) const;
  RibPeerState& find_or_make(PeerId id);
  void reconfigure(RibSettings given);
  void peer_up(PeerId id, RibPeer peer, const std::vector<AddressFamily>& preserved);
  void peer_changed(PeerId id, RibPeer peer);
  void peer_moved(PeerId id, IfIndex link, std::optional<IpAddress> link_local);
  void peer_down(RibPeerState& peer, const std::vector<AddressFamily>& retain, StaleBefore before);
  void peer_removed(PeerId id);
  void set_deferral(bool on);
  void hold_end_of_rib(bool on);
  void set_local_routes(const std::vector<LocalRoute>& routes);
  void set_local(const Prefix& prefix, SetId set);
  void set_own_ranges(std::vector<Prefix> ranges);
  void set_guarded(std::vector<Prefix> connected, std::vector<Prefix> ranges);
  /// Everything that overlaps with one of these.
  void evaluate_overlapping(const std::vector<Prefix>& touched);
  void evaluate_covering(const Prefix& host);
  void set_live_pod(const Prefix& pod, bool live);
  /// Everything, or what `wanted(prefix)` says, is evaluated again, import included.
  template <class Wanted>
  void evaluate_again(Wanted wanted);
  void evaluate_peer_again(RibPeerState& peer);

  // ------------------------------------------------------------ rib_in.cc
  std::optional<PrefixLimitExceeded> update(RibPeerState& peer, const Update& update);
  void announce(RibPeerState& peer, const Update::Reach& reach);
  struct NewPath {
    PathId path_id;
    SetId received;
  };
  /// A stale path of the peer that becomes the one it says now; none where none is to.
  Path* take_over_stale(const RibPeerState& peer, std::size_t family, PrefixId id, const NewPath& said);
  void withdraw(RibPeerState& peer, const Update& update);
  void withdraw(RibPeerState& peer, std::size_t family, PrefixId id, PathId path_id);
  /// Removes the peer's paths to a prefix for which `stays(path)` is false; true when one is left.
  template <class Stays>
  bool remove_unless(std::size_t family, PrefixId id, PeerSlot peer, Stays stays);
  void remove_path(std::size_t family, PrefixId id, Path* path);
  void sweep(RibPeerState& peer, AddressFamily family);
  void begin_long_lived(RibPeerState& peer, std::size_t family);
  bool mark_unsaid(RibPeerState& peer, std::size_t family, PrefixId id);
  void note_said(RibPeerState& peer, std::size_t family, PrefixId id);
  void refresh_begins(RibPeerState& peer, std::size_t family);
  void refresh_ends(RibPeerState& peer, std::size_t family);
  /// Guard and policy on `path.received`; sets `accepted` and `refusal`, keeps counts.
  struct Imported {
    Refusal refusal = Refusal::None;
    SetId accepted = 0;  // with a reference
  };
  Imported import(const RibPeerState& peer, const Prefix& prefix, SetId received, Refusal attributes_refusal);
  Imported apply_policy(const RibPeerState& peer, const Prefix& prefix, SetId received);
  bool is_draining(const RibPeerState& peer) const { return settings.draining || peer.conf.draining; }
  void decide_announced(RibPeerState& peer, std::size_t family, PrefixId id);
  void assign(RibPeerState& peer, std::size_t family, PrefixId id, Path& path, const Imported& imported);
  void import_again(std::size_t family, PrefixId id);
  Imported as_last_resort(Imported imported);
  void release_set(SetId id);
  void next_hops_changed(const std::vector<NextHop>& changed);

  // ------------------------------------------------------------ rib_select.cc
  bool run(std::size_t budget);
  void evaluate(std::size_t family, PrefixId id);
  void note_best(std::size_t family, PrefixId id);
  /// Fills `candidates` for the node's paths, in their order, and decides.
  std::optional<std::size_t> select(const Node& node, std::vector<Candidate>& candidates) const;
  Candidate candidate(const Path& path) const;
  std::uint32_t kernel_group(const Node& node, std::size_t best);
  std::vector<FibNextHop> backup_of(const Node& node, const FibNextHop& first);
  void set_fib(std::size_t family, PrefixId id, std::uint32_t group);
  std::vector<FibDelta> take_fib_deltas();
  std::vector<FibDelta> fib() const;

  // ------------------------------------------------------------ rib_out.cc
  Group& group_for(const ExportSettings& wanted);
  void leave_group(RibPeerState& peer);
  Told told_by(const AdjRibOut& out, const OutMember& member);
  void change_group(RibPeerState& peer, const ExportSettings& wanted);
  void export_to(Group& group, std::size_t family, PrefixId id);
  OutState within_limit(Group& group, const AdjRibOut& out, std::size_t family, PrefixId id, OutState next);
  bool build(Group& group, std::size_t& budget);
  SetId encoded_for(Group& group, std::size_t family, PrefixId id, const Path& best);
  SetId encode(Group& group, const ExportRoute& route, bool policy_changed);
  ExportRoute export_route(const Prefix& prefix, const Path& best) const;
  void remember_more(Group& group);
  void forget_memos();
  bool end_of_rib_due(const RibPeerState& peer, std::size_t family) const;
  void refresh(RibPeerState& peer, std::size_t family);
  void say_again(RibPeerState& peer, std::size_t family);
  bool refresh_due(const RibPeerState& peer, std::size_t family) const;
  static bool all_said_again(const RibPeerState& peer, std::size_t family);
  bool refresh_done(const RibPeerState& peer, std::size_t family) const;
  void mark_refresh(RibPeerState& peer, std::size_t family, RefreshKind kind, Output& out);
  bool has_output(const RibPeerState& peer) const;
  Output take_output(RibPeerState& peer, std::size_t max_bytes);

  // ------------------------------------------------------------ rib_paths.cc
  AdjRibOut& lane(Group& group, std::size_t n);
  OutMember& add_member(RibPeerState& peer);
  void join_group(RibPeerState& peer, Group& group);
  std::vector<std::size_t> ranked(const Node& node, std::size_t most) const;
  void export_paths(Group& group, std::size_t family, PrefixId id);
  bool lanes_have_output(const RibPeerState& peer) const;
  void take_lanes(RibPeerState& peer, std::size_t max_bytes, Output& out);

  // ------------------------------------------------------------ rib_show.cc
  void visit_node(std::size_t family, PrefixId id, const std::function<void(const PathView&)>& visit) const;
  std::vector<PrefixId> in_order(std::size_t family) const;
  /// A set as the peer was told it.
  AttributesPtr decoded(const RibPeerState& peer, const Prefix& prefix, SetId set) const;

  // ------------------------------------------------------------ rib_why.cc
  std::string why_not(const Prefix& prefix, const Path& path, const Candidate& candidate) const;
  static DecisionStep won_at(const std::vector<Candidate>& candidates, std::size_t best);
  NotTold why_not_told(const RibPeerState& peer, std::size_t family, PrefixId id, const Path& path) const;

  RibSettings settings;
  Guard guard;
  NextHops next_hops;
  AttributeSets sets;
  EncodedSets encoded;
  FibGroups fib_groups;
  std::array<PrefixTable, kFamilies> tables{PrefixTable{AddressFamily::IPv4}, PrefixTable{AddressFamily::IPv6}};
  WorkQueue work{tables};
  std::uint64_t lulls = 0;  // how often nothing was left to decide
  OutTables out_tables{&tables, &encoded};
  std::vector<std::unique_ptr<RibPeerState>> slots;  // [0] is nobody: our own routes
  std::vector<PeerSlot> free_slots;
  std::unordered_map<PeerId, PeerSlot> slot_of;
  std::vector<std::unique_ptr<Group>> groups;  // destroyed before what they point to
  struct FibChange {
    PrefixId id = kNoPrefix;
    std::uint32_t before = 0;  // the group last reported, with a reference
  };
  std::array<std::vector<FibChange>, kFamilies> fib_changed;  // each prefix once
  bool deferral = false;
  bool end_of_rib_held = false;
  bool watching_best = false;
  BestChanges best_changes;
  std::uint64_t visits = 0;          // see Rib::visits()
  std::unordered_set<Prefix> local;  // where we have a route of our own
  std::vector<Candidate> scratch;
  std::vector<FibNextHop> scratch_hops;
  std::vector<Candidate> scratch_others;
  std::vector<FibNextHop> scratch_backups;
};

template <class Stays>
bool Rib::Impl::remove_unless(std::size_t family, PrefixId id, PeerSlot peer, Stays stays) {
  if (!tables[family].used(id)) return false;
  PathList& paths = tables[family].node(id).paths;
  bool left = false;
  for (std::size_t i = 0; i < paths.size();) {
    Path& path = paths.all()[i];
    if (path.peer != peer) {
      ++i;
    } else if (stays(path)) {
      left = true;
      ++i;
    } else {
      remove_path(family, id, &path);  // another one takes its place
    }
  }
  return left;
}

template <class Wanted>
void Rib::Impl::evaluate_again(Wanted wanted) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (PrefixId id = 0; id < tables[family].end(); ++id) {
      if (!tables[family].used(id) || !wanted(tables[family].prefix(id))) continue;
      tables[family].node(id).reimport = true;
      work.push(family, id, false);
    }
}

inline bool contains(const std::vector<AddressFamily>& families, AddressFamily family) {
  for (const AddressFamily f : families)
    if (f == family) return true;
  return false;
}

}  // namespace slash32::bgp
