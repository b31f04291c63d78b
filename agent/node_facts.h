// What the node's kernel knows that a plan needs: the way out, the MTU, and the ranges in which pods live.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "agent/plan/world.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::agent {

struct NodeFacts {
  /// A family's default route.
  struct Way {
    std::vector<plan::DefaultGateway> gateways;
    std::optional<Mtu> mtu;  // of its links the smallest
    bool operator==(const Way&) const = default;
  };
  std::map<AddressFamily, Way> ways;

  std::vector<plan::DefaultGateway> default_gateways() const;
  /// The smaller one where the families differ.
  std::optional<Mtu> mtu() const;
  bool operator==(const NodeFacts&) const = default;
};

/// Of the network namespace we are in. Error: the kernel could not be asked.
Result<NodeFacts> read_node_facts();

/// What is so `now`, and of a family that has no default route now what was `before`: a BGPPeer at the default gateway
/// must not go, nor a pod get another MTU, because a DHCP client or a flapping link takes the route away for a moment.
NodeFacts last_known(NodeFacts before, NodeFacts now);

/// Those of `ranges` in which a pod's route (protocol 132) stands.
Result<std::vector<Prefix>> ranges_with_pods(const std::vector<Prefix>& ranges);

}  // namespace slash32::agent
