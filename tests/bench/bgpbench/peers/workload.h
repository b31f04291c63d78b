// The routes of a run, all of them from one seed: prefixes with the lengths of real tables, attribute sets, which
// prefix has which, and the order in which they are told. And the messages that tell them, encoded before any clock
// runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/bgpbench/peers/common.h"

namespace bench {

/// A prefix in one word: its first 32 (IPv6: 48) bits, then its length.
using Key = std::uint64_t;
constexpr Key key_of(std::uint64_t bits, unsigned length) { return bits << 8 | length; }
constexpr unsigned length_of(Key key) { return static_cast<unsigned>(key & 0xff); }
inline constexpr Key kOddPath = Key{1} << 56;  // beyond every prefix's bits
constexpr unsigned kBits4 = 32;
constexpr unsigned kBits6 = 48;  // no prefix of ours is longer

/// An address in network order: 4 or 16 octets.
using Address = std::vector<std::uint8_t>;
Address parse_address(const std::string& text);
/// The address `number` further on.
Address plus(Address base, std::uint32_t number);
/// "192.0.2.0/24".
std::string text_of(Key key, bool ipv6);
/// The prefix's first address.
Address address_of(Key key, bool ipv6);

/// Numbers from a seed, the same on every machine (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Below `limit`.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }

 private:
  std::uint64_t state_;
};

/// What of a route's attributes is compared: all but the next hop, which is compared with the one address it must be.
struct AttributeSet {
  std::vector<std::uint32_t> path;  // AS_PATH behind the generator's own AS
  std::vector<std::uint32_t> communities;
  std::uint32_t local_pref = 0;  // 0: none; not in the hash
};

/// A number for a set as a sink sees it: never 0. Communities count in any order.
std::uint32_t hash_of(std::span<const std::uint32_t> path, std::span<const std::uint32_t> communities);

struct Workload {
  bool ipv6 = false;
  std::vector<Key> prefixes;          // in the order of announcement; prefixes of one set are neighbours
  std::vector<std::uint32_t> set_of;  // one a prefix
  std::vector<AttributeSet> sets;
};

/// Options: family, prefixes, sets, seed.
Workload make_workload(const Options& options);

/// Of many peers: each has `each` prefixes in sets of ten, in the order of the peers. With `paths` 2 two neighbours in
/// that order have the same prefixes, told apart by kOddPath, which the peers of an odd number (from 1) have.
struct Shares {
  std::size_t peers = 0;
  std::size_t each = 0;
  std::size_t paths = 1;
  std::uint32_t local_pref = 0;
};
/// Options: family, seed.
Workload make_shared_workload(const Options& options, const Shares& shares);

/// Whole messages, end to end.
using Stream = std::vector<std::uint8_t>;

/// Announces the prefixes numbered `from` up to `to`, packed by set as far as messages allow.
Stream announcements(const Workload& workload, std::size_t from, std::size_t to, std::uint32_t asn,
                     const Address& next_hop);
/// Withdraws them, in an order of their own.
Stream withdrawals(const Workload& workload, std::size_t from, std::size_t to);

}  // namespace bench
