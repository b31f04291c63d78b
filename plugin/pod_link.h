// A pod's veth pair and everything on both of its ends: one netlink socket in the node's namespace, one in the pod's.
// The functions are ADD's steps in order; what they make goes away with the link.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/cni/deadline.h"
#include "common/cni/result.h"
#include "common/fd.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"
#include "config/net_conf.h"
#include "ipam/ipam.h"
#include "plugin/node.h"

namespace slash32::plugin {

/// A pod's namespace and the node's, with a routing socket in the pod's.
struct PodNamespace {
  UniqueFd node;  // the namespace to come back to
  UniqueFd pod;
  netlink::Socket socket;

  /// Error: CNI code 8 when the path is no network namespace.
  static Result<PodNamespace> open(const std::string& path, std::chrono::milliseconds patience);
};

/// Whether the pod has a default route of either family: another interface is its first.
Result<bool> has_default_route(PodNamespace& ns);

/// What a pod is to get.
struct PodPlan {
  ipam::Key key;
  std::vector<IpAddress> addresses;  // IPv4 first
  netlink::MacAddress mac;           // of the pod's end
  Mtu mtu;
  config::PerFamily host_source;   // as configured: always pinned to the route
  config::PerFamily node_address;  // pinned only where the kernel would choose another source
  IpAddress gateway4;
  IpAddress gateway6;
  Families default_route;                          // where it is to be made
  std::vector<cni::RouteConfig> routes;            // beside it, each with its gateway
  std::vector<config::HostSetting> host_settings;  // of the host end
  std::uint32_t group = 0;                         // of the host end: node::masquerade_group(), or none

  bool has_v6() const;
  bool has_default_route(AddressFamily family) const {
    return family == AddressFamily::IPv4 ? default_route.v4 : default_route.v6;
  }
  const IpAddress& gateway(AddressFamily family) const { return family == AddressFamily::IPv4 ? gateway4 : gateway6; }
};

struct PodLink {
  std::string host_name;
  IfIndex host;
  IfIndex pod;
};

/// The pair, the pod's end born in its namespace. Fails when either name is taken, and leaves nothing then; so when
/// the kernel's answer is lost.
Result<PodLink> create_pair(netlink::Socket& host, PodNamespace& ns, const PodPlan& plan);
/// Alias, per-link settings, up, fe80::1 and the pod's neighbour entries; the MAC is read back.
Status configure_host_end(netlink::Socket& host, const PodLink& link, const PodPlan& plan);
/// Addresses, routes and the gateways' neighbour entries inside the pod.
Status configure_pod_end(PodNamespace& ns, const PodLink& link, const PodPlan& plan);
/// Returns once the pod takes in what comes for its addresses. The kernel makes an IPv6 address local from a work queue
/// that waits for the networking lock, and drops what comes before. Error: CNI code 11 at the deadline.
Status await_addresses(PodNamespace& ns, const PodPlan& plan, const cni::Deadline& deadline);
/// The host routes, last of all: from here on the node sends to the pod, and bgpd announces it. A route of ours in the
/// same place is replaced when its link is this one or dead; any other is a conflict and stays.
/// A source that is pinned costs: the kernel removes every IPv4 route that names an address together with the address.
Status route_to_pod(netlink::Socket& host, const PodLink& link, const PodPlan& plan);

/// The route route_to_pod() installs for an address, with the configured source if there is one.
netlink::Route pod_route(const PodLink& link, const PodPlan& plan, const IpAddress& address);

/// Removes a host end, and the pair and its routes with it. No such link is success.
Status remove_link(netlink::Socket& host, IfIndex link);

}  // namespace slash32::plugin
