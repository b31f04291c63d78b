#include "bgpd/rib/range_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace slash32::bgp {
namespace {

bool covers(const Prefix& range, const Prefix& prefix) {
  return range.family() == prefix.family() && range.contains(prefix);
}

}  // namespace

// Sorted by family, address and length: a range stands before all that it covers, and those follow it without a gap.
RangeSet::RangeSet(std::vector<Prefix> ranges) : all_(std::move(ranges)) {
  std::ranges::sort(all_);
  const auto repeated = std::ranges::unique(all_);
  all_.erase(repeated.begin(), repeated.end());
  for (const Prefix& range : all_)
    if (outermost_.empty() || !covers(outermost_.back(), range)) outermost_.push_back(range);
}

bool RangeSet::has(const Prefix& prefix) const { return std::ranges::binary_search(all_, prefix); }

bool RangeSet::any_inside(const Prefix& prefix) const {
  const auto next = std::ranges::lower_bound(all_, prefix);
  return next != all_.end() && covers(prefix, *next);
}

bool RangeSet::lies_inside(const Prefix& prefix) const {
  const auto after = std::ranges::upper_bound(outermost_, prefix);
  return after != outermost_.begin() && covers(*std::prev(after), prefix);
}

bool RangeSet::touches(const Prefix& prefix) const {
  const auto after = std::ranges::upper_bound(outermost_, prefix);
  return (after != outermost_.begin() && covers(*std::prev(after), prefix)) ||
         (after != outermost_.end() && covers(prefix, *after));
}

std::vector<Prefix> RangeSet::difference(const RangeSet& a, const RangeSet& b) {
  std::vector<Prefix> out;
  std::ranges::set_symmetric_difference(a.all_, b.all_, std::back_inserter(out));
  return out;
}

}  // namespace slash32::bgp
