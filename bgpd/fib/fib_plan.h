// What must be written so that the kernel holds what is desired: desired x what is ours x what is a stranger's ->
// operations, keyed as the kernel keys its routes. Pure: no socket, no clock.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "bgpd/fib/delta.h"
#include "common/ip.h"
#include "common/netlink/types.h"
#include "common/strong.h"

namespace slash32::bgp {

/// The kernel holds one route at a key (IPv6; in IPv4 an append can put more behind it, which we never do).
struct RouteKey {
  TableId table = netlink::kMainTable;
  Prefix prefix;
  std::uint8_t tos = 0;
  std::uint32_t metric = 0;
  auto operator<=>(const RouteKey&) const = default;
};

/// What stands at a key. A blackhole has no next hops.
struct RouteValue {
  netlink::RouteProtocol protocol = netlink::RouteProtocol::Slash32Bgp;
  netlink::RouteType type = netlink::RouteType::Unicast;
  std::optional<IpAddress> pref_src;
  std::vector<FibNextHop> next_hops;  // sorted, each once: the kernel's order means nothing
  bool operator==(const RouteValue&) const = default;
};

enum class FibVerb : std::uint8_t {
  Nothing,
  Create,    // exclusive
  Replace,   // of ours
  Delete,    // of ours
  Conflict,  // desired, and a stranger's route is in the place: nothing is written
};

/// What we know about one key.
struct KeyView {
  bool desired = false;
  bool ours = false;       // the kernel has a route of ours there
  bool identical = false;  // and it is what is desired
  bool foreign = false;    // the kernel has a stranger's there
};

/// The rule of ownership for one key. Where a stranger's route shares the key with ours, ours may be kept or deleted
/// (by its protocol), but not replaced: a replace hits whichever comes first.
constexpr FibVerb decide(const KeyView& key) {
  if (!key.desired) return key.ours ? FibVerb::Delete : FibVerb::Nothing;
  if (key.ours && key.identical) return FibVerb::Nothing;
  if (key.foreign) return FibVerb::Conflict;
  return key.ours ? FibVerb::Replace : FibVerb::Create;
}

struct FibOperation {
  FibVerb verb = FibVerb::Nothing;
  RouteKey key;
  RouteValue value;  // of Create, Replace and Conflict: what is desired; of Delete: what is there
  bool operator==(const FibOperation&) const = default;
};

/// Every key of `desired` and `ours`; deletions first (they make room), then replacements, creations and conflicts.
/// Nothing is planned for what is right already.
std::vector<FibOperation> plan(const std::map<RouteKey, RouteValue>& desired,
                               const std::map<RouteKey, RouteValue>& ours, const std::set<RouteKey>& foreign);

/// Sorts and removes what occurs twice (IPv6 refuses the same gateway twice in a route).
std::vector<FibNextHop> canonical(std::vector<FibNextHop> next_hops);

}  // namespace slash32::bgp
