#include "agent/plan/advertise.h"

#include <algorithm>

#include "agent/plan/ranges.h"
#include "config/conf_readers.h"

namespace slash32::agent::plan {
namespace {

using model::BgpAdvertisement;
using model::BgpConfiguration;

Advertisement of_configuration(const BgpConfiguration& conf) {
  Advertisement out;
  out.kinds = {.pod_cidrs = conf.pod_cidrs,
               .pod_routes = conf.pod_routes == "all",
               .cluster_ips = conf.services.cluster_ips,
               .external_ips = conf.services.external_ips,
               .load_balancer_ips = conf.services.load_balancer_ips};
  out.aggregation4 = conf.services.aggregation4;
  out.aggregation6 = conf.services.aggregation6;
  return out;
}

/// A name of BGPConfiguration's, or a value; nothing: neither.
std::optional<std::string> community_of(const std::string& text, const BgpConfiguration& conf) {
  if (const auto at = conf.communities.find(text); at != conf.communities.end()) return at->second;
  const nlohmann::json value = text;
  const auto community = config::community(JsonField(value));
  if (!community) return std::nullopt;
  return config::print_community(*community);
}

std::set<std::string> peers_of(const BgpAdvertisement& advertisement, const World& world) {
  std::set<std::string> out(advertisement.peers.begin(), advertisement.peers.end());
  if (!advertisement.peer_labels) return out;
  for (const auto& [name, peer] : world.peers)
    if (advertisement.peer_labels->matches(peer.meta.labels)) out.insert(name);
  return out;
}

Advertisement resolve(const BgpAdvertisement& from, const World& world, const BgpConfiguration& conf,
                      std::string& unknown) {
  Advertisement out;
  out.name = from.meta.key.name;
  out.kinds = from.kinds;
  out.services = &from.services;
  out.namespaces = &from.namespaces;
  out.all_peers = from.peers.empty() && !from.peer_labels;
  if (!out.all_peers) out.peers = peers_of(from, world);
  out.mesh = from.mesh;
  out.aggregation4 = from.aggregation4;
  out.aggregation6 = from.aggregation6;
  out.attributes.local_pref = from.local_pref;
  for (const auto& text : from.communities) {
    const auto community = community_of(text, conf);
    if (community)
      out.attributes.communities.insert(*community);
    else
      unknown = text;
  }
  return out;
}

}  // namespace

void RouteAttributes::add(const RouteAttributes& other) {
  communities.insert(other.communities.begin(), other.communities.end());
  if (other.local_pref) local_pref = std::max(local_pref.value_or(0), *other.local_pref);
}

bool Advertisement::selects(const model::Service& service) const {
  if (namespaces && !namespaces->empty() && std::ranges::find(*namespaces, service.meta.key.space) == namespaces->end())
    return false;
  return !services || services->matches(service.meta.labels);
}

Advertisements advertisements_on(const World& world, const BgpConfiguration& conf, const model::Node& node) {
  Advertisements out;
  out.list.push_back(of_configuration(conf));
  for (const auto& [name, from] : world.advertisements) {
    if (!from.nodes.matches(node.meta.labels)) continue;
    std::string unknown;
    auto one = resolve(from, world, conf, unknown);
    if (unknown.empty())
      out.list.push_back(std::move(one));
    else
      out.problems.push_back({model::Kind::BgpAdvertisement, from.meta.key,
                              "/spec/communities: \"" + unknown +
                                  "\" is neither a community nor a name in BGPConfiguration's communities; "
                                  "nothing is announced by it"});
  }
  return out;
}

std::vector<Prefix> load_balancer_ranges(const World& world, const BgpConfiguration& conf) {
  auto out = conf.services.load_balancer_ranges;
  for (const auto& [name, pool] : world.pools)
    for (const auto& range : pool.addresses) {
      const auto prefixes = range.prefixes();
      out.insert(out.end(), prefixes.begin(), prefixes.end());
    }
  return joined(std::move(out));
}

std::vector<Prefix> service_ranges(const World& world, const BgpConfiguration& conf) {
  auto out = load_balancer_ranges(world, conf);
  for (const auto* ranges : {&conf.services.cluster_ranges, &conf.services.external_ranges})
    out.insert(out.end(), ranges->begin(), ranges->end());
  return joined(std::move(out));
}

}  // namespace slash32::agent::plan
