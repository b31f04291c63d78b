#include "agent/plan/accepted.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/plan/advertise.h"
#include "agent/plan/configuration.h"

namespace slash32::agent::plan {
namespace {

using model::BgpAdvertisement;
using model::BgpConfiguration;
using model::Kind;

Condition accepted(std::string message) { return {"Accepted", true, "Accepted", std::move(message)}; }
Condition refused(const char* reason, std::string message) { return {"Accepted", false, reason, std::move(message)}; }

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// One that peers with anybody: an annotation or an address that is wrong is the Node's trouble.
model::Node plain_node(int number, std::optional<Asn> as) {
  model::Node out;
  out.overrides.as = as;
  out.meta.key.name = "node-" + std::to_string(number);
  out.internal_ips = {*IpAddress::parse("192.0.2." + std::to_string(number)),
                      *IpAddress::parse("2001:db8::" + std::to_string(number))};
  out.pod_cidrs = {*Prefix::parse("198.18." + std::to_string(number) + ".0/24")};
  return out;
}

/// Where addresses of a kind come from.
struct Source {
  bool wanted = false;
  const char* name = nullptr;
  std::vector<Prefix> ranges;
  bool anywhere = false;  // also from beyond them: then no aggregate is known to be ours
};

/// Aggregates that are asked for and never announced, since no range holds one: a pool of ten addresses is no /24.
std::vector<std::string> missing_aggregates(const World& world, const BgpConfiguration& conf,
                                            const model::AdvertisedKinds& kinds,
                                            const std::array<std::optional<std::uint8_t>, 2>& lengths,
                                            const std::string& section) {
  const auto& services = conf.services;
  const std::array<Source, 3> sources{
      {{kinds.cluster_ips, "services.clusterIPRanges", services.cluster_ranges, services.cluster_ranges.empty()},
       {kinds.external_ips, "services.externalIPRanges", services.external_ranges},
       {kinds.load_balancer_ips, "IPPools and services.loadBalancerIPRanges", load_balancer_ranges(world, conf)}}};
  std::vector<std::string> out;
  for (const auto& source : sources)
    for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
      const auto& length = lengths[family == AddressFamily::IPv4 ? 0 : 1];
      if (!source.wanted || !length) continue;
      const auto of_family = [&](const Prefix& range) { return range.family() == family; };
      const auto holds_one = [&](const Prefix& range) { return of_family(range) && range.length() <= *length; };
      if (!source.anywhere && std::ranges::none_of(source.ranges, of_family)) continue;
      if (std::ranges::any_of(source.ranges, holds_one)) continue;
      out.push_back(section + (family == AddressFamily::IPv4 ? "aggregationLength: " : "aggregationLengthV6: ") +
                    source.name + " hold no whole /" + std::to_string(*length) +
                    ": addresses are announced one by one");
    }
  return out;
}

/// A cluster of two nodes, of the ASes that the first two have, and nothing else but it: what makes no plan there makes
/// none anywhere.
Condition condition_of(const World& world, const BgpConfiguration& conf) {
  World small;
  for (int kind = 0; kind <= static_cast<int>(Kind::IpPool); ++kind) small.listed.insert(static_cast<Kind>(kind));
  small.configurations.emplace(model::kDefaultConfiguration, conf);
  if (conf.mesh.password) small.secrets[conf.mesh.password->name].data[conf.mesh.password->key] = "any";
  auto real = world.nodes.begin();
  for (const int number : {1, 2}) {
    auto node = plain_node(number, real == world.nodes.end() ? std::nullopt : (real++)->second.overrides.as);
    small.nodes.emplace(node.meta.key.name, std::move(node));
  }
  const auto plan = make_plan(small, {.node_name = small.nodes.begin()->first});
  if (!plan.node_json || !plan.bgpd_json) return refused("Invalid", joined_text(plan.waiting));
  const auto reflects = [&](const auto& node) { return conf.reflectors->nodes.matches(node.second.meta.labels); };
  if (conf.reflectors && std::ranges::none_of(world.nodes, reflects))
    return refused("NoNodes", "/spec/reflectors/nodeSelector matches no node");
  const model::AdvertisedKinds kinds{.cluster_ips = conf.services.cluster_ips,
                                     .external_ips = conf.services.external_ips,
                                     .load_balancer_ips = conf.services.load_balancer_ips};
  return accepted(joined_text(missing_aggregates(
      world, conf, kinds, {conf.services.aggregation4, conf.services.aggregation6}, "/spec/services/")));
}

Condition condition_of_filter(const World& world, const std::string& name) {
  const auto names = [&](const auto& entry) {
    const auto& peer = entry.second;
    return std::ranges::find(peer.import_filters, name) != peer.import_filters.end() ||
           std::ranges::find(peer.export_filters, name) != peer.export_filters.end();
  };
  return accepted("used by " + counted(static_cast<std::size_t>(std::ranges::count_if(world.peers, names)), "BGPPeer"));
}

/// Why nobody would be told; empty: somebody is. A name that is misspelt looks like any other.
std::string missing_peers(const World& world, const BgpAdvertisement& one) {
  std::vector<std::string> out;
  for (const auto& name : one.peers)
    if (!world.peers.contains(name)) out.push_back("/spec/peers: there is no BGPPeer \"" + name + "\"");
  const auto matches = [&](const auto& entry) { return one.peer_labels->matches(entry.second.meta.labels); };
  if (one.peer_labels && std::ranges::none_of(world.peers, matches))
    out.emplace_back("/spec/peerSelector matches no BGPPeer");
  return joined_text(out);
}

/// Addresses that it asks for and that may not be announced at all.
std::string missing_ranges(const World& world, const BgpConfiguration& conf, const BgpAdvertisement& one) {
  std::vector<std::string> out;
  if (one.kinds.external_ips && conf.services.external_ranges.empty())
    out.emplace_back("ExternalIP: BGPConfiguration has no services.externalIPRanges");
  if (one.kinds.load_balancer_ips && load_balancer_ranges(world, conf).empty())
    out.emplace_back("LoadBalancerIP: there is no IPPool, and BGPConfiguration has no services.loadBalancerIPRanges");
  return joined_text(out);
}

Condition condition_of(const World& world, const BgpConfiguration& conf, const BgpAdvertisement& one) {
  const model::Node* first = nullptr;
  std::size_t nodes = 0;
  for (const auto& [name, node] : world.nodes) {
    if (!one.nodes.matches(node.meta.labels)) continue;
    if (first == nullptr) first = &node;
    ++nodes;
  }
  if (first == nullptr) return refused("NoNodes", "/spec/nodeSelector matches no node");
  for (const auto& problem : advertisements_on(world, conf, *first).problems)
    if (problem.key == one.meta.key) return refused("Invalid", problem.message);
  if (const auto missing = missing_peers(world, one); !missing.empty()) return refused("NoPeers", missing);
  if (const auto missing = missing_ranges(world, conf, one); !missing.empty())
    return refused("NoRanges", "/spec/advertise: " + missing + ": none is announced");
  auto said = missing_aggregates(world, conf, one.kinds, {one.aggregation4, one.aggregation6}, "/spec/");
  said.insert(said.begin(), "selects " + counted(nodes, "node"));
  return accepted(joined_text(said));
}

bool is_resource(Kind kind) {
  return kind == Kind::BgpConfiguration || kind == Kind::BgpPeer || kind == Kind::BgpFilter ||
         kind == Kind::BgpAdvertisement || kind == Kind::IpPool;
}

}  // namespace

Accepted accepted_resources(const World& world) {
  Accepted out;
  const auto& conf = configuration_of(world);
  for (const auto& [name, one] : world.configurations) out[{Kind::BgpConfiguration, name}] = condition_of(world, one);
  for (const auto& [name, one] : world.filters) out[{Kind::BgpFilter, name}] = condition_of_filter(world, name);
  for (const auto& [name, one] : world.advertisements)
    out[{Kind::BgpAdvertisement, name}] = condition_of(world, conf, one);
  for (const auto& problem : world.left_out)
    if (is_resource(problem.kind) && problem.kind != Kind::BgpPeer && problem.kind != Kind::IpPool)
      out[{problem.kind, problem.key.name}] = refused("Invalid", problem.message);
  return out;
}

bool has_resources(const World& world) {
  const bool readable = !world.configurations.empty() || !world.peers.empty() || !world.filters.empty() ||
                        !world.advertisements.empty() || !world.pools.empty();
  return readable || std::ranges::any_of(world.left_out, is_resource, &model::Problem::kind);
}

}  // namespace slash32::agent::plan
