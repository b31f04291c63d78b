// A Node of the API, with the fields the agent uses, and what its annotations override.
//   slash32.io/as: "64513"                    its AS number
//   slash32.io/router-id: "10.0.0.1"          its BGP Identifier
//   slash32.io/address: "10.0.0.1,fd00::1"    the addresses it peers from, in place of its InternalIPs
//   slash32.io/drain: "true"                  bgpd drains; "false": it does not, whatever else asks for it
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::agent::model {

/// As the annotations say. An annotation that cannot be read counts as absent. What is wrong with the node's identity
/// is an entry of `errors`, since its neighbours would be told something else; that of `drain` concerns nobody but the
/// node.
struct NodeOverrides {
  std::optional<Asn> as;
  std::optional<RouterId> router_id;
  std::vector<IpAddress> addresses;
  std::optional<bool> drain;
  std::vector<Error> errors;
  std::optional<Error> drain_error;
  bool operator==(const NodeOverrides&) const = default;
};

struct Node {
  Meta meta;
  std::vector<Prefix> pod_cidrs;  // spec.podCIDRs, or spec.podCIDR; empty: not assigned yet
  std::vector<IpAddress> internal_ips;
  bool unschedulable = false;
  bool network_unavailable = false;  // the condition NetworkUnavailable is True
  bool shutting_down = false;        // the kubelet says so: graceful node shutdown
  NodeOverrides overrides;
  bool operator==(const Node&) const = default;

  /// The address of `family` that it peers from; nothing: it has none.
  std::optional<IpAddress> address(AddressFamily family) const;
};

Result<Node> read_node(const nlohmann::json& object);

}  // namespace slash32::agent::model
