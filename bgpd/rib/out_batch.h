// The work of one flush of an Adj-RIB-Out: what is to be said to whom, and what may be let go of afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "bgpd/rib/id_map.h"
#include "bgpd/rib/interner.h"
#include "bgpd/rib/path.h"
#include "bgpd/rib/prefix_table.h"

namespace slash32::bgp {

/// Who of the group gets a segment: one member, or all but some.
struct Audience {
  PeerSlot only = kNoSlot;
  std::array<PeerSlot, 4> except{kNoSlot, kNoSlot, kNoSlot, kNoSlot};
  bool operator==(const Audience&) const = default;
  bool includes(PeerSlot slot) const;
};

/// What is said of one prefix.
struct OutOp {
  SetId set = 0;  // 0: withdraw
  std::uint32_t audience = 0;
  PrefixId id = kNoPrefix;
  std::uint8_t family = 0;
};

class OutBatch {
 public:
  std::vector<OutOp> ops;
  std::vector<std::pair<std::size_t, PrefixId>> held;  // family and id: to be let go afterwards
  std::size_t bytes = 0;                               // estimate

  /// The number of an audience; 0: everyone.
  std::uint32_t number_of(const Audience& wanted) {
    const auto found = std::ranges::find(audiences_, wanted);
    if (found != audiences_.end()) return static_cast<std::uint32_t>(found - audiences_.begin());
    audiences_.push_back(wanted);
    return static_cast<std::uint32_t>(audiences_.size() - 1);
  }
  const Audience& audience(std::uint32_t number) const { return audiences_[number]; }

  /// Whether it is met for the first time, for the estimate.
  bool is_new(SetId set) {
    if (first_set_ == 0) first_set_ = set;
    return set == first_set_ ? !std::exchange(first_seen_, true) : more_sets_.insert(set).second;
  }

  /// Withdrawals first, and together what shares messages, in the order in which it changed.
  void sort() {
    const auto key = [](const OutOp& op) {  // one number, quickly compared
      return std::uint64_t{op.set != 0} << 63 | std::uint64_t{op.audience} << 33 | std::uint64_t{op.family} << 32 |
             op.set;
    };
    if (std::ranges::is_sorted(ops, {}, key)) return;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
    order.reserve(ops.size());
    for (const OutOp& op : ops) order.emplace_back(key(op), static_cast<std::uint32_t>(order.size()));
    std::ranges::sort(order);
    std::vector<OutOp> sorted;
    sorted.reserve(ops.size());
    for (const auto& [of, at] : order) sorted.push_back(ops[at]);
    ops = std::move(sorted);
  }

  /// For the next flush. Room for what one change needs, the most frequent, is kept in each of what may be a thousand
  /// tables; more is given back.
  void clear() {
    if (std::max({ops.capacity(), held.capacity(), audiences_.capacity()}) > kFew) {
      *this = {};
      return;
    }
    ops.clear();
    held.clear();
    audiences_.resize(1);
    more_sets_.clear();
    bytes = 0;
    first_set_ = 0;
    first_seen_ = false;
  }

 private:
  static constexpr std::size_t kFew = 16;

  std::vector<Audience> audiences_{Audience{}};
  SetId first_set_ = 0;
  bool first_seen_ = false;
  IdMap<bool> more_sets_;
};

}  // namespace slash32::bgp
