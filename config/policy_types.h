// Policies as values: what a term matches and sets. Reading and printing: policy_conf.h; evaluating: bgpd/policy.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/community.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::config {

// ---------------------------------------------------------------- patterns

/// A number, "100-199", or "*" for any.
struct NumberRange {
  std::uint32_t low = 0;
  std::uint32_t high = std::numeric_limits<std::uint32_t>::max();
  constexpr bool contains(std::uint32_t number) const { return low <= number && number <= high; }
  bool operator==(const NumberRange&) const = default;
};

/// "65000:*": both halves of an RFC 1997 community.
struct CommunityPattern {
  NumberRange asn, value;
  bool matches(Community community) const;
  bool operator==(const CommunityPattern&) const = default;
};

/// "65000:*:100-199" (RFC 8092).
struct LargeCommunityPattern {
  NumberRange global, local1, local2;
  bool matches(const LargeCommunity& community) const;
  bool operator==(const LargeCommunityPattern&) const = default;
};

/// "rt:65000:*" (route target), "ro:10.0.0.1:5" (route origin), or all eight octets: "0x0002fde800000064".
struct ExtendedCommunityPattern {
  enum class Administrator : std::uint8_t { Any, Asn, Address };  // Asn: of two or four octets
  std::optional<ExtendedCommunity> exact;                         // then nothing else counts
  std::uint8_t subtype = 2;                                       // RFC 4360 sections 4 and 5
  Administrator kind = Administrator::Any;
  NumberRange administrator, value;
  bool matches(const ExtendedCommunity& community) const;
  bool operator==(const ExtendedCommunityPattern&) const = default;
};

/// One word of an AS_PATH pattern.
struct AsPathElement {
  bool any_sequence = false;         // "*": as many ASes as there are, also none
  bool repeated = false;             // "+" behind it: one or more in a row
  std::vector<NumberRange> choices;  // one AS in one of these; empty: any one AS ("?")
  bool operator==(const AsPathElement&) const = default;
};

/// A pattern for a whole AS_PATH: "65000 *" begins with it, "* 65000" ends, "* 65000 *" has it, "" is empty.
struct AsPathPattern {
  static constexpr std::size_t kMaxElements = 32;  // the evaluator keeps a bit for each
  std::vector<AsPathElement> elements;
  bool operator==(const AsPathPattern&) const = default;
};

// ---------------------------------------------------------------- what a term matches

/// Where a route came from, as `match.source` names it.
enum class RouteSource : std::uint8_t { Local, Ebgp, Ibgp };

/// The neighbour that a policy is asked for: of import it said the route, of export it will hear it.
enum class PeerType : std::uint8_t { Ebgp, Ibgp, Client };  // Client: an iBGP neighbour that is a client (RFC 4456)

/// RFC 4271 section 5.1.1.
enum class RouteOrigin : std::uint8_t { Igp, Egp, Incomplete };

/// {"prefix": "10.0.0.0/8", "ge": 24, "le": 32}; without ge and le the prefix itself only.
struct PrefixMatch {
  Prefix prefix;
  std::uint8_t min_length = 0;
  std::uint8_t max_length = 0;
  bool operator==(const PrefixMatch&) const = default;
};

/// Every kind that is given must match; within a kind one element is enough. An empty match matches everything.
struct PolicyMatch {
  std::vector<PrefixMatch> prefixes;
  std::vector<CommunityPattern> communities;
  std::vector<LargeCommunityPattern> large_communities;
  std::vector<ExtendedCommunityPattern> extended_communities;
  std::vector<AsPathPattern> as_paths;
  std::vector<Asn> as_path_contains;
  std::vector<RouteOrigin> origins;
  std::vector<Prefix> next_hops;  // the next hop lies in one of these
  std::vector<std::string> neighbors;
  std::vector<PeerType> peer_types;
  std::vector<RouteSource> sources;
  std::vector<AddressFamily> families;
  bool operator==(const PolicyMatch&) const = default;
};

// ---------------------------------------------------------------- what a term sets

/// First the replacement, then what is removed, then what is added.
template <class Value, class Pattern>
struct CommunitySet {
  std::optional<std::vector<Value>> replace;
  std::vector<Pattern> remove;
  std::vector<Value> add;
  bool operator==(const CommunitySet&) const = default;
};

/// One for each family, or our own address; nothing: as it is.
struct NextHopSet {
  bool self = false;  // on export
  std::optional<IpAddress> v4, v6;
  bool operator==(const NextHopSet&) const = default;
};

struct PolicySet {
  std::optional<std::uint32_t> local_pref;
  std::optional<std::uint32_t> med;
  std::int64_t add_med = 0;  // to what is there, or to 0; stays within 32 bits
  bool remove_med = false;
  CommunitySet<Community, CommunityPattern> communities;
  CommunitySet<LargeCommunity, LargeCommunityPattern> large_communities;
  CommunitySet<ExtendedCommunity, ExtendedCommunityPattern> extended_communities;
  std::uint8_t prepend = 0;  // own AS, so many times
  NextHopSet next_hop;
  std::optional<std::uint32_t> kernel_metric;  // on import: of the route in the kernel, in place of kernel.metric
  bool blackhole = false;                      // on import: discard in the kernel (RFC 7999 section 3)
  bool operator==(const PolicySet&) const = default;
};

enum class PolicyOutcome : std::uint8_t { Accept, Reject, Next };

struct PolicyTerm {
  std::string name;
  PolicyMatch match;
  PolicySet set;
  PolicyOutcome then = PolicyOutcome::Next;
  bool operator==(const PolicyTerm&) const = default;
};

/// Terms in order; a route that no term accepts or rejects is rejected.
using Policy = std::vector<PolicyTerm>;

}  // namespace slash32::config
