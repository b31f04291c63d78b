// What a neighbour (or a group of neighbours in step) has not been told yet: a queue of prefixes, not of messages, in
// which the last state wins. It holds at most one entry a prefix, so a neighbour that does not read costs no more than
// the table. Withdrawals stand in a line of their own, ahead of announcements.
#pragma once

#include <array>
#include <cstdint>

#include "bgpd/rib/id_map.h"
#include "bgpd/rib/interner.h"
#include "bgpd/rib/path.h"
#include "bgpd/rib/prefix_table.h"

namespace slash32::bgp {

/// A prefix's place in an Adj-RIB-Out: what is said of it, and which peer of the same group it was learned from, who is
/// not told (kNoSlot: none).
struct OutState {
  SetId set = 0;
  PeerSlot from = kNoSlot;
  bool operator==(const OutState&) const = default;
};

/// What queues share with their owner.
struct OutTables {
  std::array<PrefixTable, kFamilies>* prefixes = nullptr;
  EncodedSets* sets = nullptr;
};

struct Pending {
  OutState told;          // what was last sent; holds a reference to the set
  bool again = false;     // to be sent even if it did not change (route refresh)
  bool urgent = false;    // stands in the line of withdrawals
  bool ordinary = false;  // stands in the line of announcements
};

class OutQueue {
 public:
  /// `told` is the state before the change; an entry that is there already keeps its own.
  void push(const OutTables& tables, std::size_t family, PrefixId id, const OutState& told, bool urgent, bool again);
  /// Takes the next prefix of a line: its entry, the reference to `told.set` and the hold on the id with it. Nothing
  /// where the entry was served by the other line.
  struct Taken {
    PrefixId id = kNoPrefix;
    Pending entry;
    bool valid = false;
  };
  Taken take(std::size_t family, bool urgent);

  const Pending* find(std::size_t family, PrefixId id) const { return pending_[family].find(id); }
  bool empty() const { return pending_[0].empty() && pending_[1].empty(); }
  std::size_t size() const { return pending_[0].size() + pending_[1].size(); }
  /// How many prefixes wait to be said once more (`again`).
  std::size_t to_say_again(std::size_t family) const { return again_[family]; }
  bool line_empty(std::size_t family, bool urgent) const { return line(family, urgent).empty(); }
  /// Everything pushed until now was taken when both lines' popped() have come to their pushed() of now.
  struct Mark {
    std::uint64_t urgent = 0, ordinary = 0;
  };
  Mark mark(std::size_t family) const { return {urgent_[family].pushed(), ordinary_[family].pushed()}; }
  bool passed(std::size_t family, const Mark& mark) const {
    return urgent_[family].popped() >= mark.urgent && ordinary_[family].popped() >= mark.ordinary;
  }

  /// A neighbour falls out of step: it gets the same entries, with references and holds of its own.
  void copy_from(const OutTables& tables, const OutQueue& other);
  void clear(const OutTables& tables);

 private:
  static constexpr std::size_t kSlack = 1024;
  const IdFifo& line(std::size_t family, bool urgent) const { return urgent ? urgent_[family] : ordinary_[family]; }
  IdFifo& line(std::size_t family, bool urgent) { return urgent ? urgent_[family] : ordinary_[family]; }
  std::array<IdMap<Pending>, kFamilies> pending_;
  std::array<IdFifo, kFamilies> urgent_;
  std::array<IdFifo, kFamilies> ordinary_;
  std::array<std::size_t, kFamilies> again_{};
};

}  // namespace slash32::bgp
