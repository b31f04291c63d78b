// Sessions between two nodes, as the mesh and BGPPeers with a peerSelector have them: which, and over what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// One session for both families, over IPv4 where both nodes have it.
std::optional<AddressFamily> common_family(const model::Node& a, const model::Node& b);

/// Why a node can have no session with another; empty: it can.
std::string why_no_session(const model::Node& self, const model::Node& other);

/// The address with which this node calls another, and the other's.
struct NodeEnds {
  std::string local, remote;
};
/// They must have a family in common.
NodeEnds ends_between(const model::Node& self, const model::Node& other);

/// Another node that a BGPPeer gives this one for a neighbour.
struct NodePeer {
  const model::Node* node = nullptr;
  bool one_sided = false;  // this node is of its nodeSelector alone, the other of its peerSelector alone
};

/// Those of a BGPPeer with a peerSelector: a node that one selector matches, and one that the other does, have each
/// other, so that one resource is enough for both ends. By name.
std::vector<NodePeer> node_peers_of(const World& world, const model::BgpPeer& peer, const model::Node& self);

}  // namespace slash32::agent::plan
