#include "agent/plan/world.h"

#include <algorithm>

#include "agent/plan/advertise.h"
#include "agent/plan/configuration.h"
#include "agent/plan/neighbors.h"

namespace slash32::agent::plan {
namespace {

using model::Kind;

/// Whether any address of a Service could be announced from this node.
bool wants_services(const World& world, const model::BgpConfiguration& conf, const model::Node& node) {
  const bool external = !conf.services.external_ranges.empty();
  const bool balanced = !load_balancer_ranges(world, conf).empty();
  return std::ranges::any_of(advertisements_on(world, conf, node).list, [&](const Advertisement& one) {
    return one.kinds.cluster_ips || (one.kinds.external_ips && external) || (one.kinds.load_balancer_ips && balanced);
  });
}

}  // namespace

const model::BgpConfiguration& configuration_of(const World& world) {
  static const model::BgpConfiguration kDefaults;
  const auto at = world.configurations.find(model::kDefaultConfiguration);
  return at == world.configurations.end() ? kDefaults : at->second;
}

bool reads_all_nodes(const World& world, const model::BgpConfiguration& conf) {
  const auto& masquerade = conf.masquerade;
  return conf.mesh.enabled || conf.reflectors ||
         (masquerade.enabled && (masquerade.exempt_nodes || conf.pod_ranges.empty())) ||
         std::ranges::any_of(world.peers, [](const auto& entry) { return entry.second.peer_nodes.has_value(); });
}

Needs needs_of(const World& world, const std::string& node_name) {
  Needs out;
  out.kinds = {Kind::Node,      Kind::BgpConfiguration, Kind::BgpPeer,
               Kind::BgpFilter, Kind::BgpAdvertisement, Kind::IpPool};
  const auto node = world.nodes.find(node_name);
  if (node == world.nodes.end()) return out;
  const auto& conf = configuration_of(world);
  const bool routes = wants_services(world, conf, node->second);
  if (routes) out.kinds.insert({Kind::Service, Kind::EndpointSlice});
  for (const auto& ref : secrets_of(world, conf, node->second)) out.secrets.insert(ref.name);
  if (!out.secrets.empty()) out.kinds.insert(Kind::Secret);
  return out;
}

}  // namespace slash32::agent::plan
