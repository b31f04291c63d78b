#include "agent/plan/node_peers.h"

namespace slash32::agent::plan {

using model::Node;

std::optional<AddressFamily> common_family(const Node& a, const Node& b) {
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    if (a.address(family) && b.address(family)) return family;
  return std::nullopt;
}

std::string why_no_session(const Node& self, const Node& other) {
  if (!other.overrides.errors.empty()) return other.overrides.errors.front().message;
  if (!common_family(self, other)) return "it and this node have no InternalIP of one family";
  return {};
}

NodeEnds ends_between(const Node& self, const Node& other) {
  const auto family = *common_family(self, other);
  return {self.address(family)->to_string(), other.address(family)->to_string()};
}

std::vector<NodePeer> node_peers_of(const World& world, const model::BgpPeer& peer, const Node& self) {
  std::vector<NodePeer> out;
  const auto& labels = self.meta.labels;
  const bool is_ours = peer.nodes.matches(labels), is_theirs = peer.peer_nodes->matches(labels);
  if (!is_ours && !is_theirs) return out;
  for (const auto& [name, other] : world.nodes) {
    if (name == self.meta.key.name) continue;
    const bool forward = is_ours && peer.peer_nodes->matches(other.meta.labels);
    const bool backward = is_theirs && peer.nodes.matches(other.meta.labels);
    if (forward || backward) out.push_back({&other, forward && !backward});
  }
  return out;
}

}  // namespace slash32::agent::plan
