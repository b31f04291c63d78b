// Which address comes next. Pure: ranges, the last one given and an ordered view of what is not free go in, an address
// comes out. The view is asked only along the way, so that a search costs the entries it passes, not all there are.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "common/ip.h"
#include "common/result.h"
#include "config/ipam_conf.h"
#include "ipam/store.h"

namespace slash32::ipam {

/// Sees one entry; false ends the walk.
using Visitor = std::function<bool(const Entry&)>;

/// What is not free. Errors are the store's.
struct Occupancy {
  /// Entries of this family at or after `from`, in order of address.
  std::function<Status(const IpAddress& from, const Visitor&)> by_address;
  /// Cooling entries of this family, the longest released first.
  std::function<Status(AddressFamily, const Visitor&)> by_release;
};

struct Search {
  AddressFamily family = AddressFamily::IPv4;
  std::span<const config::IpamRange> ranges;  // of both families, in order
  std::optional<IpAddress> last;              // given last; round robin goes on behind it
  std::chrono::nanoseconds now{};
  std::chrono::nanoseconds cool_down{};
  std::function<bool(const IpAddress&)> in_use;  // by somebody else, says the kernel; may be empty

  bool is_cooling(const Entry& entry) const { return entry.use == Use::Cooling && now - entry.stamp < cool_down; }
};

/// The next address, going round from `last`, that was never used or whose cool-down is over.
Result<std::optional<IpAddress>> next_free(const Search& search, const Occupancy& occupancy);
/// The address that has cooled longest though not long enough: better than to refuse.
Result<std::optional<IpAddress>> longest_cooling(const Search& search, const Occupancy& occupancy);
/// Whether this one may be given: in a range, not taken, not in use elsewhere; cooling does not matter. Error: why not
/// (CNI code 7: outside the ranges; 11: somebody has it).
Status check_requested(const Search& search, const IpAddress& address, const Occupancy& occupancy);

/// Counts for the message of a full range.
struct Usage {
  std::uint64_t size = 0;  // addresses in the ranges, without the excluded; at most 2^64-1
  std::uint64_t taken = 0;
  std::uint64_t cooling = 0;
  std::string to_string(AddressFamily family) const;
};
Result<Usage> usage(const Search& search, const Occupancy& occupancy);

}  // namespace slash32::ipam
