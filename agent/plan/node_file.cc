#include "agent/plan/node_file.h"

#include <nlohmann/json.hpp>

#include "agent/plan/ranges.h"
#include "config/node_conf.h"

namespace slash32::agent::plan {
namespace {

using model::BgpConfiguration;
using nlohmann::ordered_json;

constexpr std::size_t kMaxExempt = 256;  // config's reader takes no more

/// Where no ranges are configured, those of all nodes; where they are too many, what is around them: a pod range that a
/// node still has is never translated, and what lies between them belongs to the cluster as well.
std::vector<Prefix> pod_ranges(const World& world, const BgpConfiguration& conf) {
  auto ranges = conf.pod_ranges;
  if (ranges.empty())
    for (const auto& [name, node] : world.nodes)
      ranges.insert(ranges.end(), node.pod_cidrs.begin(), node.pod_cidrs.end());
  ranges.insert(ranges.end(), world.live_pod_ranges.begin(), world.live_pod_ranges.end());
  ranges = joined(std::move(ranges));
  const bool too_many = ranges.size() + conf.masquerade.exempt.size() > kMaxExempt;
  return too_many && conf.pod_ranges.empty() ? covers(ranges) : ranges;
}

std::vector<Prefix> node_addresses(const World& world) {
  std::vector<Prefix> out;
  for (const auto& [name, node] : world.nodes)
    for (const auto& address : node.internal_ips) out.push_back(Prefix::host(address));
  return joined(std::move(out));
}

std::vector<Prefix> exempt(const World& world, const BgpConfiguration& conf, NodeFile& file) {
  auto out = pod_ranges(world, conf);
  out.insert(out.end(), conf.masquerade.exempt.begin(), conf.masquerade.exempt.end());
  out = joined(std::move(out));
  if (!conf.masquerade.exempt_nodes) return out;
  auto with_nodes = node_addresses(world);
  with_nodes.insert(with_nodes.end(), out.begin(), out.end());
  with_nodes = joined(std::move(with_nodes));
  if (with_nodes.size() <= kMaxExempt) return with_nodes;
  file.notice = "the nodes' addresses are more than " + std::to_string(kMaxExempt) +
                " ranges and not exempt from masquerade: give theirs in BGPConfiguration's masquerade.exempt";
  return out;
}

}  // namespace

NodeFile plan_node_file(const World& world, const BgpConfiguration& conf, const model::Node& node) {
  NodeFile file;
  if (node.pod_cidrs.empty()) {
    file.waiting = "Node " + node.meta.key.name +
                   " has no podCIDR: kube-controller-manager assigns it with --allocate-node-cidrs and --cluster-cidr";
    return file;
  }
  ordered_json out = {{"nodeName", node.meta.key.name}, {"podCidrs", ordered_json::array()}};
  for (const auto& prefix : node.pod_cidrs) out["podCidrs"].push_back(prefix.to_string());
  if (world.mtu) out["mtu"] = world.mtu->value;
  out["masquerade"] = conf.masquerade.enabled;
  if (conf.masquerade.enabled) {
    out["masqueradeExempt"] = ordered_json::array();
    for (const auto& prefix : exempt(world, conf, file)) out["masqueradeExempt"].push_back(prefix.to_string());
  }
  auto text = out.dump(2) + "\n";
  if (const auto read = config::parse_node_conf(text); !read) {
    file.waiting = "Node " + node.meta.key.name + " would make no valid node.json: " + read.error().message;
    return file;
  }
  file.text = std::move(text);
  return file;
}

}  // namespace slash32::agent::plan
