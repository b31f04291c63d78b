#include "ipam/allocator.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/cni/error.h"

namespace slash32::ipam {
namespace {

using config::IpamRange;

/// A kernel that says "in use" to everything (a local route over the whole range) must not keep us for 2^64 questions.
constexpr unsigned kMaxQuestions = 65536;

/// A stretch of one range.
struct Stretch {
  const IpamRange* range;
  IpAddress first;
  IpAddress last;
};

/// The ranges of the family as stretches, from the one behind `last` round to `last` itself.
std::vector<Stretch> round_from_last(const Search& search) {
  std::vector<Stretch> before;
  std::vector<Stretch> after;
  bool found = false;
  for (const auto& range : search.ranges) {
    if (range.subnet.family() != search.family) continue;
    if (found || !search.last || *search.last < range.first || range.last < *search.last) {
      (found ? after : before).push_back({&range, range.first, range.last});
      continue;
    }
    found = true;
    before.push_back({&range, range.first, *search.last});
    const auto next = advance(*search.last, 1);
    if (next && *next <= range.last) after.push_back({&range, *next, range.last});
  }
  after.insert(after.end(), before.begin(), before.end());
  return after;
}

/// The last address of what excludes `address` from its range, or nothing when it is not excluded.
std::optional<IpAddress> end_of_exclusion(const IpamRange& range, const IpAddress& address) {
  if (address == range.gateway) return address;
  for (const auto& prefix : range.exclude)
    if (prefix.contains(address)) return prefix.last_address();
  return std::nullopt;
}

class Walk {
 public:
  explicit Walk(const Search& search) : search_(search) {}

  Result<std::optional<IpAddress>> through(const Stretch& stretch, const Occupancy& occupancy) {
    cursor_ = stretch.first;
    std::optional<IpAddress> found;
    TRY(occupancy.by_address(stretch.first, [&](const Entry& entry) {
      if (stretch.last < entry.address) return false;
      if (cursor_ < entry.address) found = first_usable(stretch, entry.address);
      if (found) return false;
      if (exhausted()) return false;
      const bool free = entry.use == Use::Cooling && !search_.is_cooling(entry);
      if (free && !end_of_exclusion(*stretch.range, entry.address) && !in_use(entry.address)) found = entry.address;
      step_past(entry.address);
      return !found && cursor_.has_value();
    }));
    if (!found && !exhausted()) found = first_usable(stretch, std::nullopt);
    return found;
  }
  bool exhausted() const { return questions_ >= kMaxQuestions; }

 private:
  /// The first address from the cursor on, below `limit` (nothing: to the stretch's end), that nothing speaks against.
  std::optional<IpAddress> first_usable(const Stretch& stretch, const std::optional<IpAddress>& limit) {
    while (cursor_ && *cursor_ <= stretch.last && (!limit || *cursor_ < *limit) && !exhausted()) {
      const IpAddress candidate = *cursor_;
      if (const auto end = end_of_exclusion(*stretch.range, candidate)) {
        step_past(*end);
        continue;
      }
      if (!in_use(candidate)) return candidate;
      step_past(candidate);
    }
    return std::nullopt;
  }
  void step_past(const IpAddress& address) {
    if (cursor_ && *cursor_ <= address) cursor_ = advance(address, 1);
  }
  bool in_use(const IpAddress& address) {
    if (!search_.in_use) return false;
    ++questions_;
    return search_.in_use(address);
  }

  const Search& search_;
  std::optional<IpAddress> cursor_;  // nothing: the family's space has ended
  unsigned questions_ = 0;
};

const IpamRange* range_of(const Search& search, const IpAddress& address) {
  for (const auto& range : search.ranges)
    if (range.contains(address)) return &range;
  return nullptr;
}

/// Addresses from `first` to `last`, saturating.
std::uint64_t distance(const IpAddress& first, const IpAddress& last) {
  unsigned __int128 from = 0;
  unsigned __int128 to = 0;
  for (const auto b : first.bytes()) from = from << 8 | b;
  for (const auto b : last.bytes()) to = to << 8 | b;
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  return to - from >= kMax ? kMax : static_cast<std::uint64_t>(to - from) + 1;
}

std::uint64_t size_of(const IpamRange& range) {
  const std::uint64_t all = distance(range.first, range.last);
  if (all == std::numeric_limits<std::uint64_t>::max()) return all;
  std::uint64_t size = all;
  // Excludes may overlap each other and the gateway: count along the range, jumping.
  for (std::optional<IpAddress> at = range.first; at && *at <= range.last;) {
    std::optional<IpAddress> next;  // the nearest exclusion at or behind `at`
    IpAddress end;
    const auto consider = [&](const IpAddress& from, const IpAddress& to) {
      const IpAddress start = std::max(from, *at);
      if (to < start || range.last < start || (next && *next <= start)) return;
      next = start;
      end = std::min(to, range.last);
    };
    for (const auto& prefix : range.exclude) consider(prefix.address(), prefix.last_address());
    if (range.gateway) consider(*range.gateway, *range.gateway);
    if (!next) break;
    size -= std::min(size, distance(*next, end));
    at = advance(end, 1);
  }
  return size;
}

}  // namespace

Result<std::optional<IpAddress>> next_free(const Search& search, const Occupancy& occupancy) {
  Walk walk(search);
  for (const auto& stretch : round_from_last(search)) {
    const auto found = TRY(walk.through(stretch, occupancy));
    if (found) return found;
    if (walk.exhausted()) break;
  }
  return std::optional<IpAddress>{};
}

Result<std::optional<IpAddress>> longest_cooling(const Search& search, const Occupancy& occupancy) {
  std::optional<IpAddress> found;
  TRY(occupancy.by_release(search.family, [&](const Entry& entry) {
    if (!range_of(search, entry.address)) return true;
    if (search.in_use && search.in_use(entry.address)) return true;
    found = entry.address;
    return false;
  }));
  return found;
}

Status check_requested(const Search& search, const IpAddress& address, const Occupancy& occupancy) {
  const std::string what = "the requested address " + address.to_string();
  if (!range_of(search, address)) return fail(cni::kInvalidConfig, what + " is in none of the ranges, or excluded");
  std::optional<Entry> entry;
  TRY(occupancy.by_address(address, [&](const Entry& e) {
    if (e.address == address) entry = e;
    return false;
  }));
  if (entry && entry->use == Use::Taken)
    return fail(cni::kTryAgainLater, what + " is held by container " + entry->key.container_id + ", interface " +
                                         entry->key.ifname + ", network " + entry->key.network);
  if (search.in_use && search.in_use(address))
    return fail(cni::kTryAgainLater, what + " is in use on this node by something else");
  return ok();
}

std::string Usage::to_string(AddressFamily family) const {
  return std::string(slash32::to_string(family)) + ": " + std::to_string(size) + " in the ranges, " +
         std::to_string(taken) + " taken, " + std::to_string(cooling) + " cooling down, the rest in use elsewhere";
}

Result<Usage> usage(const Search& search, const Occupancy& occupancy) {
  Usage out;
  for (const auto& range : search.ranges) {
    if (range.subnet.family() != search.family) continue;
    const auto size = size_of(range);
    out.size = out.size > std::numeric_limits<std::uint64_t>::max() - size ? std::numeric_limits<std::uint64_t>::max()
                                                                           : out.size + size;
    TRY(occupancy.by_address(range.first, [&](const Entry& entry) {
      if (range.last < entry.address) return false;
      if (range.contains(entry.address)) {
        out.taken += entry.use == Use::Taken ? 1 : 0;
        out.cooling += entry.use == Use::Cooling ? 1 : 0;
      }
      return true;
    }));
  }
  return out;
}

}  // namespace slash32::ipam
