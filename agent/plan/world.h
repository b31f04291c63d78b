// All that a plan is made from: what the API said, and what the node knows about itself. Values only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/model/bgp.h"
#include "agent/model/ip_pool.h"
#include "agent/model/meta.h"
#include "agent/model/node.h"
#include "agent/model/service.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::agent::plan {

/// The next hop of a default route of this node.
struct DefaultGateway {
  IpAddress address;
  std::string interface;
  bool operator==(const DefaultGateway&) const = default;
};

struct World {
  // What the API said. An object that cannot be read is named in left_out (model::problem_of), and stays here as it was
  // when it could be, if it ever could: a mistake in a resource must not take a session down.
  std::map<std::string, model::Node> nodes;
  std::map<model::ObjectKey, model::Service> services;
  std::map<model::ObjectKey, model::EndpointSlice> endpoint_slices;
  std::map<std::string, model::Secret> secrets;  // of the agent's own namespace, by name
  std::map<std::string, model::BgpConfiguration> configurations;
  std::map<std::string, model::BgpPeer> peers;
  std::map<std::string, model::BgpFilter> filters;
  std::map<std::string, model::BgpAdvertisement> advertisements;
  std::map<std::string, model::IpPool> pools;
  /// Of Services that cannot be read at the moment, the load balancer addresses they have all the same.
  std::map<model::ObjectKey, std::vector<IpAddress>> unread_services;
  std::vector<model::Problem> left_out;
  /// Kinds of which a whole list has arrived. Nothing is planned that needs another: what was not heard of yet must not
  /// look as if it were gone.
  std::set<model::Kind> listed;

  // What the node knows.
  std::vector<Prefix> live_pod_ranges;  // ranges it had before, in which a pod still lives
  std::vector<DefaultGateway> default_gateways;
  std::optional<Mtu> mtu;  // of pod interfaces
};

/// Whether a plan reads other Nodes than its own: as neighbours, or because pods are to be seen unmasked there. Where
/// it does not, it must not matter which of them are in the world: a leader knows all of them.
bool reads_all_nodes(const World& world, const model::BgpConfiguration& conf);

/// What the plan for a node would read: watch these and no others.
struct Needs {
  std::set<model::Kind> kinds;
  std::set<std::string> secrets;  // names, in the agent's own namespace
  bool operator==(const Needs&) const = default;
};

/// Pure. Services and EndpointSlices are needed only where a Service route can be announced, Secrets only where a peer
/// of this node names one.
Needs needs_of(const World& world, const std::string& node_name);

}  // namespace slash32::agent::plan
