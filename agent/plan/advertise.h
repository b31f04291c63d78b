// What is announced to whom: BGPConfiguration's own switches and the BGPAdvertisements that hold on a node, resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/world.h"

namespace slash32::agent::plan {

struct RouteAttributes {
  std::set<std::string> communities;  // as bgpd.json has them
  std::optional<std::uint32_t> local_pref;
  bool operator==(const RouteAttributes&) const = default;
  auto operator<=>(const RouteAttributes&) const = default;
  /// Communities add up, the greatest local-pref counts.
  void add(const RouteAttributes& other);
};

/// An advertisement as it holds on this node. Borrows its selectors from the world.
struct Advertisement {
  std::string name;  // empty: BGPConfiguration's switches
  model::AdvertisedKinds kinds;
  const model::Selector* services = nullptr;  // nothing: all
  const std::vector<std::string>* namespaces = nullptr;
  bool all_peers = true;
  std::set<std::string> peers;  // names of BGPPeers, where not all
  bool mesh = false;
  std::optional<std::uint8_t> aggregation4;
  std::optional<std::uint8_t> aggregation6;
  RouteAttributes attributes;

  bool selects(const model::Service& service) const;
  /// Whether this BGPPeer is told.
  bool tells(const std::string& peer) const { return all_peers || peers.contains(peer); }
};

struct Advertisements {
  std::vector<Advertisement> list;  // BGPConfiguration's first, then by name
  std::vector<model::Problem> problems;
};

/// An advertisement that names a community nobody knows is not in effect: announced without it, it might go too far.
Advertisements advertisements_on(const World& world, const model::BgpConfiguration& conf, const model::Node& node);

/// The ranges Service addresses come from, as far as configuration and IPPools name them; joined.
std::vector<Prefix> service_ranges(const World& world, const model::BgpConfiguration& conf);
/// Of them, those of which LoadBalancer addresses may be announced.
std::vector<Prefix> load_balancer_ranges(const World& world, const model::BgpConfiguration& conf);

}  // namespace slash32::agent::plan
