// Adj-RIB-Out (RFC 4271 section 3.2) of a group of neighbours with equal export settings: one table, one evaluation of
// policy and one encoding for all of them.
//
// A member is *attached* while it is in step with the group: the group's queue is encoded once, into segments that the
// others find in their backlog. A member that does not take its backlog, or that just came up, is *detached*: it has a
// queue of its own, bounded by the number of prefixes, and is attached again when it has caught up. The initial table
// is a walk over the table, not a queue.
//
// Split horizon stays per member: a route is not told to the peer it came from, nor to a peer whose own address would
// be the next hop (RFC 4271 section 5.1.3). Such members get what they need beside the others' segments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bgpd/rib/export.h"
#include "bgpd/rib/out_batch.h"
#include "bgpd/rib/out_queue.h"
#include "bgpd/rib/rib.h"

namespace slash32::bgp {

struct OutSegment {
  Audience audience;
  std::vector<std::uint8_t> bytes;
  std::uint64_t messages = 0;
};

/// End-of-RIB of one family (RFC 4724 section 2), from the session's start on.
struct EndOfRib {
  enum class Phase : std::uint8_t { Waiting, TableReady, Marked, Sent } phase = Phase::Waiting;
  OutQueue::Mark mark;  // for Marked
};

/// A neighbour's place in a group.
struct OutMember {
  PeerSlot slot = kNoSlot;
  IpAddress address;
  bool attached = false;
  struct Walk {
    bool active = false;
    PrefixId next = 0;  // nothing from here on was told yet
  };
  std::array<Walk, kFamilies> walk;
  OutQueue queue;  // while detached
  std::deque<std::shared_ptr<const OutSegment>> backlog;
  std::size_t backlog_bytes = 0;
  std::array<std::int64_t, kFamilies> told{};  // routes it was told; while attached: the difference from the group's
  std::array<EndOfRib, kFamilies> end_of_rib;
};

class AdjRibOut {
 public:
  /// `lane`: which of the group's tables, where it has one for each path identifier (rib_paths.cc). Those behind the
  /// first are complete from the start, since nothing was placed in them yet.
  AdjRibOut(ExportSettings settings, OutTables tables, std::size_t lane = 0);
  ~AdjRibOut();
  AdjRibOut(const AdjRibOut&) = delete;
  AdjRibOut& operator=(const AdjRibOut&) = delete;

  const ExportSettings& settings() const { return settings_; }

  // ------------------------------------------------------------ the table
  /// The new state of a prefix; takes over the reference to `next.set`. Only for prefixes that are built.
  void set(std::size_t family, PrefixId id, OutState next);
  OutState state(std::size_t family, PrefixId id) const;
  /// It will be asked for in a moment (PrefixTable::expect_use).
  void expect_use(std::size_t family, PrefixId id) const {
    if (id >= sets_[family].size()) return;
    __builtin_prefetch(&sets_[family][id]);
    __builtin_prefetch(&from_[family][id]);
  }
  /// The path id under which the route's own peer told us of it; kept for lanes only.
  void set_source(std::size_t family, PrefixId id, PathId source);
  /// Whether this is where the path of that peer is.
  bool holds(std::size_t family, PrefixId id, PeerSlot from, PathId source) const;
  /// A new group's table is filled bit by bit: prefixes from next_to_build() on are not in it yet.
  bool is_built(std::size_t family, PrefixId id) const { return complete_[family] || id < built_[family]; }
  bool is_complete(std::size_t family) const { return complete_[family]; }
  bool is_complete() const { return complete_[0] && complete_[1]; }
  PrefixId next_to_build(std::size_t family) const { return built_[family]; }
  void advance_build(std::size_t family);

  // ------------------------------------------------------------ members
  std::size_t members() const { return members_.size(); }
  /// A new session: it will be told the whole table.
  void join(OutMember& member);
  /// A session that was told `told[family][id]` so far; takes over those references. The table must be complete.
  void join(OutMember& member, const std::array<std::vector<SetId>, kFamilies>& told);
  void leave(OutMember& member);
  /// Everything of the family once more (RFC 2918).
  void again(OutMember& member, std::size_t family);
  /// What the member was last told of a prefix; 0: nothing.
  SetId told(const OutMember& member, std::size_t family, PrefixId id) const;
  std::uint64_t told_count(const OutMember& member, std::size_t family) const;

  // ------------------------------------------------------------ output
  bool has_output(const OutMember& member) const;
  /// Prefixes that the member is still to be told of; of a table that it is told for the first time every place that
  /// was not looked at yet.
  std::size_t waiting(const OutMember& member) const;
  void take(OutMember& member, std::size_t max_bytes, Rib::Output& out);

 private:
  SetId visible(const OutState& state, const OutMember& member) const;
  OutMember* attached_at(PeerSlot slot) const;
  OutMember* attached_at_next_hop(SetId set) const;
  bool is_idle(const OutMember& member) const;
  void attach(OutMember& member);
  void detach(OutMember& member);

  bool flush(OutMember& member, std::size_t max_bytes, Rib::Output& out);
  void collect(OutMember& member, std::size_t max_bytes, OutBatch& batch);
  void collect_line(OutMember& member, std::size_t family, bool urgent, std::size_t max_bytes, OutBatch& batch);
  void collect_walk(OutMember& member, std::size_t family, std::size_t max_bytes, OutBatch& batch);
  void add_for_one(OutMember& member, std::size_t family, const OutQueue::Taken& taken, OutBatch& batch);
  void add_for_all(std::size_t family, const OutQueue::Taken& taken, OutBatch& batch);
  std::vector<OutSegment> encode(OutBatch& batch);
  std::optional<PathId> path_id(std::size_t family) const;
  void encode_run(std::span<const OutOp> run, OutSegment& segment);
  void deliver(OutMember& member, std::vector<OutSegment> segments, Rib::Output& out);
  void take_backlog(OutMember& member, std::size_t max_bytes, Rib::Output& out);
  void take_end_of_rib(OutMember& member, std::size_t family, Rib::Output& out);

  ExportSettings settings_;
  OutTables tables_;
  std::size_t lane_ = 0;
  std::array<ChunkedVector<SetId>, kFamilies> sets_;
  std::array<ChunkedVector<PeerSlot>, kFamilies> from_;
  std::array<ChunkedVector<PathId>, kFamilies> sources_;
  std::array<PrefixId, kFamilies> built_{};
  std::array<bool, kFamilies> complete_{};
  OutQueue queue_;  // of the attached members
  std::array<std::int64_t, kFamilies> told_{};
  std::vector<OutMember*> members_;
  std::vector<OutMember*> detached_;  // those of them that have a queue of their own
  std::vector<OutMember*> by_slot_;
  std::unordered_map<IpAddress, OutMember*> by_address_;
  std::size_t attached_ = 0;
  OutBatch batch_;                // while flush() works
  std::vector<Prefix> encoding_;  // a run of them, while encode() works
};

}  // namespace slash32::bgp
