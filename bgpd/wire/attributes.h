// Path attributes as values (RFC 4271 section 5, RFC 4456, RFC 1997, RFC 4360, RFC 8092, RFC 9234). Decoding and
// encoding: update.h. A set is immutable once shared; equal sets are interned (rib/interner.h), so equality there is a
// pointer's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/community.h"
#include "common/ip.h"
#include "common/next_hop_resolution.h"
#include "common/strong.h"

namespace slash32::bgp {

using PathId = std::uint32_t;  // RFC 7911 section 2: which of several paths to a prefix; the sender chooses

enum class Origin : std::uint8_t { Igp = 0, Egp = 1, Incomplete = 2 };  // RFC 4271 section 5.1.1

enum class SegmentType : std::uint8_t { AsSet = 1, AsSequence = 2, ConfedSequence = 3, ConfedSet = 4 };

struct AsPathSegment {
  SegmentType type = SegmentType::AsSequence;
  std::vector<Asn> asns;
  bool operator==(const AsPathSegment&) const = default;
};

struct AsPath {
  std::vector<AsPathSegment> segments;

  /// RFC 4271 section 9.1.2.2 a): an AS_SET counts as one; RFC 5065 section 5.3: confederation segments as none.
  std::uint32_t length() const;
  /// How often `asn` occurs, in segments of any kind.
  std::uint32_t count(Asn asn) const;
  /// The first AS of a leading AS_SEQUENCE: the neighbouring AS. Nothing for an empty path or a leading set.
  std::optional<Asn> first() const;
  /// Puts `asn` in front `times` times, opening a segment where the first one is full (255) or not a sequence.
  void prepend(Asn asn, std::uint32_t times = 1);
  bool operator==(const AsPath&) const = default;
};

struct Aggregator {
  Asn asn;
  RouterId id;
  bool operator==(const Aggregator&) const = default;
};

/// An optional transitive attribute we do not know: kept byte for byte, sent with Partial set (RFC 4271 section 5).
struct UnknownAttribute {
  std::uint8_t flags = 0;  // as received, Extended Length left out
  std::uint8_t type = 0;
  std::vector<std::uint8_t> value;
  bool operator==(const UnknownAttribute&) const = default;
};

/// What policy wants done with the route on this node, and where a next hop of its link alone is. Part of a set as it
/// is kept, never of a message.
struct PolicyMarks {
  enum class NextHop : std::uint8_t { AsUsual, Self, Given };
  NextHop next_hop = NextHop::AsUsual;  // of export policy; Given: `PathAttributes::next_hop` is to be sent as it is
  bool blackhole = false;               // of import policy: the kernel discards (RFC 7999)
  std::uint32_t kernel_metric = 0;      // of import policy; 0: the configured one
  bool long_lived_stale = false;        // used last, and told to few (RFC 9494 section 4.3)
  IfIndex link;                         // of import: the next hop is the link-local address, on this link
  NextHopResolution resolution = NextHopResolution::OnLink;  // of import: how the next hop is looked for
  bool operator==(const PolicyMarks&) const = default;
};

/// RFC 4271 section 5: which optional transitive attributes that we know carry the Partial bit, as bits of
/// `PathAttributes::partial`. Whoever set it, it is never set back while the attribute goes on.
namespace partial {
inline constexpr std::uint8_t kAggregator = 1 << 0;  // and AS4_AGGREGATOR, which is a part of it
inline constexpr std::uint8_t kCommunities = 1 << 1;
inline constexpr std::uint8_t kExtendedCommunities = 1 << 2;
inline constexpr std::uint8_t kLargeCommunities = 1 << 3;
inline constexpr std::uint8_t kOnlyToCustomer = 1 << 4;
inline constexpr std::uint8_t kAs4Path = 1 << 5;
}  // namespace partial

struct PathAttributes {
  Origin origin = Origin::Igp;
  AsPath as_path;
  IpAddress next_hop;                   // of the routes' own family, or IPv6 for IPv4 routes (RFC 8950)
  std::optional<IpAddress> link_local;  // the second next hop of MP_REACH_NLRI (RFC 2545 section 3)
  std::optional<std::uint32_t> med;
  std::optional<std::uint32_t> local_pref;
  bool atomic_aggregate = false;
  std::uint8_t partial = 0;  // bits of namespace `partial`
  std::optional<Aggregator> aggregator;
  std::vector<Community> communities;  // in the order received
  std::vector<ExtendedCommunity> extended_communities;
  std::vector<LargeCommunity> large_communities;
  std::optional<RouterId> originator_id;
  std::vector<RouterId> cluster_list;
  std::optional<Asn> only_to_customer;    // RFC 9234 section 5
  std::vector<UnknownAttribute> unknown;  // ordered by type
  PolicyMarks marks;
  bool operator==(const PathAttributes&) const = default;
};

/// RFC 4271 section 5: an optional transitive attribute that is attached by another speaker than the route's originator
/// gets Partial; one that was there keeps what it has; one that is gone has none. To be called after `values` changed.
template <class Values>
void note_partial(PathAttributes& attributes, std::uint8_t bit, const Values& values, bool was_there, bool originator) {
  if (values.empty())
    attributes.partial &= static_cast<std::uint8_t>(~bit);
  else if (!was_there && !originator)
    attributes.partial |= bit;
}

using AttributesPtr = std::shared_ptr<const PathAttributes>;

std::size_t hash_value(const PathAttributes& attributes);

}  // namespace slash32::bgp
