#include "agent/range_keeper.h"

#include <algorithm>

namespace slash32::agent {
namespace {

constexpr Seconds kGrace{60};  // an ADD has ended by then, twice over

bool has(const std::vector<Prefix>& ranges, const Prefix& range) {
  return std::ranges::find(ranges, range) != ranges.end();
}

}  // namespace

std::vector<Prefix> RangeKeeper::former(const std::vector<Prefix>& current) const {
  std::vector<Prefix> out;
  for (const auto& range : known_)
    if (!has(current, range)) out.push_back(range);
  return out;
}

void RangeKeeper::update(const std::vector<Prefix>& current, const std::vector<Prefix>& alive, Instant now) {
  if (current.empty()) {
    kept_ = known_;
    return;
  }
  kept_.clear();
  std::map<Prefix, Instant> empty_since;
  for (const auto& range : former(current)) {
    if (!has(alive, range)) {
      const auto before = empty_since_.find(range);
      const auto since = before == empty_since_.end() ? now : before->second;
      if (now - since >= kGrace) continue;
      empty_since.emplace(range, since);
    }
    kept_.push_back(range);
  }
  empty_since_ = std::move(empty_since);
  known_ = current;
  known_.insert(known_.end(), kept_.begin(), kept_.end());
}

}  // namespace slash32::agent
