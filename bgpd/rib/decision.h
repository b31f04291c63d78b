// The decision process (RFC 4271 section 9.1), by elimination. MED gives no total order, being comparable only within
// one neighbouring AS; removing losers from a set keeps the order of arrival out of the result.
//
// Where it goes beyond the RFC or chooses:
//  - Our own routes win over all learned ones, whatever their attributes.
//  - A route whose next hop answers no ARP or ND comes after all others: the kernel cannot forward there. It is no less
//    eligible for that (section 9.1.2): where all next hops are silent, the routes are decided about as ever.
//  - A route that is stale (RFC 4724) counts as any other; one that is long-lived stale (RFC 9494) comes after all of
//    those.
//  - Of RFC 4456 section 9: ORIGINATOR_ID stands for the BGP Identifier, then the shorter CLUSTER_LIST.
//  - ECMP set: what is still there after the interior cost (9.1.2.2 e), so paths of equal length need not be equal in
//    content, as with BIRD's `merge paths` and FRR's `multipath-relax`, unless that is asked for. Paths from eBGP may
//    go through several neighbouring ASes; of paths from iBGP only those with the best one's neighbouring AS count.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bgpd/wire/attributes.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

/// The step at which a path was eliminated.
enum class DecisionStep : std::uint8_t {
  Won,
  NotEligible,  // refused, unresolved, or learned while selection is deferred: the caller knows why
  Local,
  NextHop,            // its next hop answers no ARP or ND
  LastResort,         // RFC 9494 section 4.4: long-lived stale
  LocalPref,          // 9.1.1
  AsPathLength,       // 9.1.2.2 a)
  Origin,             // b)
  Med,                // c)
  External,           // d)
  IgpCost,            // e)
  RouterId,           // f)
  ClusterListLength,  // RFC 4456 section 9
  PeerAddress,        // g)
  PathIdentifier,     // of one peer's several paths (RFC 7911) the lowest: any order will do, but not that of arrival
};

/// "lower LOCAL_PREF" and so on: what a path lost by.
std::string_view to_string(DecisionStep step);
/// What the best has over those who lost at this step: "higher LOCAL_PREF"; of Won: "the only usable path".
std::string_view won_text(DecisionStep step);
/// For programs: "localPref"; of Won: "onlyPath". These are an interface: they stay.
std::string_view key_of(DecisionStep step);

struct Candidate {
  const PathAttributes* attributes = nullptr;
  bool local = false;     // our own route
  bool external = false;  // learned by eBGP
  std::uint32_t igp_cost = 0;
  RouterId router_id;  // of the peer
  IpAddress peer_address;
  std::uint32_t path_id = 0;
  bool eligible = true;
  bool silent = false;  // its next hop answers no ARP or ND

  // Set by decide():
  DecisionStep lost = DecisionStep::NotEligible;
  bool multipath = false;  // may forward beside the best; true for the best as well
};

inline constexpr std::uint32_t kDefaultLocalPref = 100;

/// What the paths of an ECMP set have in common of AS_PATH: its length alone, or all of it.
enum class MultipathAsPath : std::uint8_t { SameLength, Same };

/// Sets `lost` and `multipath` of every candidate; returns the best one's index, or nothing when none is eligible.
std::optional<std::size_t> decide(std::span<Candidate> candidates,
                                  MultipathAsPath as_path = MultipathAsPath::SameLength);

}  // namespace slash32::bgp
