// Ranges of addresses, to be asked how a prefix lies to them: a binary search, however many they are. Pure.
#pragma once

#include <vector>

#include "common/ip.h"

namespace slash32::bgp {

class RangeSet {
 public:
  RangeSet() = default;
  /// Of either family, in any order; what is said twice counts once.
  explicit RangeSet(std::vector<Prefix> ranges);

  /// In order.
  const std::vector<Prefix>& ranges() const { return all_; }
  bool has(const Prefix& prefix) const;
  /// Whether a range equals the prefix or lies inside it.
  bool any_inside(const Prefix& prefix) const;
  /// Whether a range equals the prefix or covers it.
  bool any_around(const Prefix& prefix) const { return !all_.empty() && lies_inside(prefix); }
  /// Whether any of the three holds, by one search. Asked of every route, mostly with no range at all.
  bool overlaps(const Prefix& prefix) const { return !all_.empty() && touches(prefix); }

  /// What is in one of them only.
  static std::vector<Prefix> difference(const RangeSet& a, const RangeSet& b);

  bool operator==(const RangeSet& other) const { return all_ == other.all_; }

 private:
  bool lies_inside(const Prefix& prefix) const;
  bool touches(const Prefix& prefix) const;

  std::vector<Prefix> all_;
  std::vector<Prefix> outermost_;  // those that no other one covers: of these at most one can cover a prefix
};

}  // namespace slash32::bgp
