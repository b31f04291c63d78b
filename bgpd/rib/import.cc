#include "bgpd/rib/import.h"

#include <algorithm>

#include "bgpd/rib/next_hops.h"
#include "bgpd/wire/iana.h"

namespace slash32::bgp {
namespace {

/// RFC 9234 section 5: from below only routes without OTC may come; from beside only those the peer marked itself.
bool is_leak(const RibPeer& peer, const PathAttributes& attributes) {
  if (!peer.role || !attributes.only_to_customer) return false;
  switch (*peer.role) {
    case BgpRole::Provider:  // the peer is our customer
    case BgpRole::Rs:        // ... or a client of our route server
      return true;
    case BgpRole::Peer:
      return attributes.only_to_customer != peer.remote_as;
    case BgpRole::Customer:
    case BgpRole::RsClient:
      return false;
  }
  return false;
}

bool has(const PathAttributes& attributes, Community community) {
  return std::ranges::find(attributes.communities, community) != attributes.communities.end();
}

bool is_of_link(const IpAddress& address) { return address.is_v6() && address.is_link_local(); }

/// The next hop is the link-local address, on the link that we share with the peer.
bool is_on_peers_link(const RibPeer& peer, const PathAttributes& attributes) {
  if (peer.link == IfIndex{}) return false;
  return is_of_link(attributes.next_hop) || (attributes.link_local && is_of_link(peer.address));
}

}  // namespace

AttributesPtr with_otc(const RibPeer& peer, const AttributesPtr& attributes) {
  if (!peer.role || attributes->only_to_customer) return attributes;
  if (*peer.role == BgpRole::Provider || *peer.role == BgpRole::Rs) return attributes;
  auto marked = std::make_shared<PathAttributes>(*attributes);
  marked->only_to_customer = peer.remote_as;
  marked->partial |= partial::kOnlyToCustomer;  // RFC 4271 section 5: not attached by the originator
  return marked;
}

AttributesPtr located(const RibPeer& peer, AttributesPtr attributes) {
  const bool by_link = is_on_peers_link(peer, *attributes);
  const IfIndex link = by_link ? peer.link : IfIndex{};
  const auto how = by_link ? NextHopResolution::OnLink : peer.resolution;
  if (attributes->marks.link == link && attributes->marks.resolution == how) return attributes;
  auto marked = std::make_shared<PathAttributes>(*attributes);
  marked->marks.link = link;
  marked->marks.resolution = how;
  return marked;
}

AttributesPtr with_graceful_shutdown(const RibPeer& peer, AttributesPtr attributes) {
  if (!peer.external || !peer.graceful_shutdown || attributes->local_pref == 0U) return attributes;
  if (std::ranges::find(attributes->communities, community::kGracefulShutdown) == attributes->communities.end())
    return attributes;
  return used_last(std::move(attributes));
}

AttributesPtr used_last(AttributesPtr attributes) {
  if (attributes->local_pref == 0U) return attributes;
  auto last = std::make_shared<PathAttributes>(*attributes);
  last->local_pref = 0;
  return last;
}

bool says_long_lived_stale(const RibPeer& peer, const PathAttributes& received) {
  return peer.long_lived_offered && has(received, community::kLlgrStale);
}

AttributesPtr last_resort(const AttributesPtr& attributes) {
  auto last = std::make_shared<PathAttributes>(*attributes);
  last->marks.long_lived_stale = true;
  if (has(*last, community::kLlgrStale)) return last;
  const bool was_there = !last->communities.empty();
  last->communities.push_back(community::kLlgrStale);
  note_partial(*last, partial::kCommunities, last->communities, was_there, false);
  return last;
}

bool forbids_long_life(const PathAttributes& attributes) { return has(attributes, community::kNoLlgr); }

Refusal check_attributes(const RibPeer& peer, const RibSettings& rib, const PathAttributes& attributes) {
  // RFC 4271 section 9.1.2: our AS in the path is a loop, unless the operator expects it so many times.
  const std::uint32_t own = std::max(attributes.as_path.count(peer.local_as), attributes.as_path.count(rib.local_as));
  if (own > peer.allow_own_as) return Refusal::OwnAs;
  // RFC 4271 section 6.3: an external peer puts its AS first, unless it is a route server.
  if (peer.external && peer.enforce_first_as && attributes.as_path.first() != peer.remote_as) return Refusal::FirstAs;
  if (!peer.external) {  // RFC 4456 section 8; from outside the AS both attributes mean nothing
    if (attributes.originator_id == rib.router_id) return Refusal::OwnOriginator;
    if (std::ranges::find(attributes.cluster_list, rib.cluster_id) != attributes.cluster_list.end())
      return Refusal::OwnCluster;
  }
  // RFC 4271 section 6.3: "the IP address of the receiving speaker" cannot be the next hop.
  if (attributes.next_hop == peer.local_v4 || attributes.next_hop == peer.local_v6) return Refusal::OwnNextHop;
  if (is_on_peers_link(peer, attributes) &&
      attributes.link_local.value_or(attributes.next_hop) == peer.local_link_local)
    return Refusal::OwnNextHop;
  if (is_leak(peer, attributes)) return Refusal::RouteLeak;
  return Refusal::None;
}

PolicyRoute import_route(const RibPeer& peer, const Prefix& prefix) {
  return {.prefix = prefix,
          .source = peer.external ? config::RouteSource::Ebgp : config::RouteSource::Ibgp,
          .neighbor = peer.name,
          .peer_type = peer_type(peer.external, peer.route_reflector_client),
          .exported = false};
}

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::None:
      return "";
    case Refusal::OwnAs:
      return "own AS in AS_PATH (allowOwnAs)";
    case Refusal::FirstAs:
      return "AS_PATH does not begin with the neighbour's AS (enforceFirstAs)";
    case Refusal::OwnOriginator:
      return "ORIGINATOR_ID is our router ID";
    case Refusal::OwnCluster:
      return "CLUSTER_LIST contains our cluster ID";
    case Refusal::OwnNextHop:
      return "next hop is our own address";
    case Refusal::RouteLeak:
      return "route leak: OTC says it was for customers only (RFC 9234)";
    case Refusal::LivePod:
      return "guard: a pod of this node lives at this address";
    case Refusal::OwnRange:
      return "guard: this node's own range";
    case Refusal::CoversOwnRange:
      return "guard: covers this node's own range";
    case Refusal::InsideOwnRange:
      return "guard: inside this node's own range, from eBGP (allow: ownRanges)";
    case Refusal::DefaultRoute:
      return "guard: default route (allow: default)";
    case Refusal::Martian:
      return "guard: martian (allow: martians)";
    case Refusal::Connected:
      return "guard: a subnet of this node's interfaces, or inside one, from eBGP (allow: connected)";
    case Refusal::GuardedRange:
      return "guard: inside guard.ranges, from eBGP";
    case Refusal::NoPolicy:
      return "no import policy (RFC 8212)";
    case Refusal::Policy:
      return "rejected by import policy";
  }
  return "";
}

bool depends_on_prefix(const Policies& policies, const std::optional<std::vector<std::string>>& names) {
  if (!names) return false;
  return std::ranges::any_of(*names, [&](const std::string& name) {
    const auto policy = policies.find(name);
    return policy != policies.end() &&
           std::ranges::any_of(policy->second, [](const auto& term) { return !term.match.prefixes.empty(); });
  });
}

}  // namespace slash32::bgp
