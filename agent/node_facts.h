// What the node's kernel knows that a plan needs: the way out, the MTU, and the ranges in which pods live.
#pragma once

#include <optional>
#include <vector>

#include "agent/plan/world.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::agent {

struct NodeFacts {
  std::vector<plan::DefaultGateway> default_gateways;
  std::optional<Mtu> mtu;  // of the default route's link; the smaller one where the families differ
  bool operator==(const NodeFacts&) const = default;
};

/// Of the network namespace we are in. Error: the kernel could not be asked.
Result<NodeFacts> read_node_facts();

/// The gateways of `now`, and of `before` those of a family that has none now: a BGPPeer at the default gateway must
/// not go because a DHCP client or a flapping link takes the route away for a moment.
std::vector<plan::DefaultGateway> last_known_gateways(const std::vector<plan::DefaultGateway>& before,
                                                      std::vector<plan::DefaultGateway> now);

/// Those of `ranges` in which a pod's route (protocol 132) stands.
Result<std::vector<Prefix>> ranges_with_pods(const std::vector<Prefix>& ranges);

}  // namespace slash32::agent
