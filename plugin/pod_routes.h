// `routes`: further routes in the pod, from the configuration to the kernel and back for CHECK.
#pragma once

#include <vector>

#include "common/cni/result.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"
#include "config/net_conf.h"
#include "plugin/node.h"

namespace slash32::plugin {

/// The gateway that a configured route gets where the pod's is `gateway`: its own first, none on link.
std::optional<IpAddress> gateway_of(const cni::RouteConfig& route, const IpAddress& gateway);

/// The configured routes with their gateways. CNI code 7: one of a family the pod has no address of, or whose MTU is
/// more than the interface's `mtu`.
Result<std::vector<cni::RouteConfig>> plan_routes(const config::NetConf& conf, Families families, Mtu mtu);

/// Whether `routes` have a default route of the family that takes the place of the pod's own.
bool has_pod_default(const std::vector<cni::RouteConfig>& routes, AddressFamily family);

/// As the kernel is told; what is left open is the kernel's choice.
netlink::Route kernel_route(const cni::RouteConfig& route, IfIndex link);

/// Adds the routes in order; those that were added. One whose place (destination, table and metric) is taken is passed
/// over and logged: the first one wins, as with upstream's plugins, for the same network may be there by another
/// interface already.
Result<std::vector<cni::RouteConfig>> add_routes(netlink::Socket& pod, IfIndex link,
                                                 const std::vector<cni::RouteConfig>& routes);

/// Every one of `routes` leads through `link` with what it asks for. One that names no table may have been moved to
/// another by a later plugin (`sbr` does).
Status check_routes(netlink::Socket& pod, IfIndex link, const std::vector<cni::RouteConfig>& routes);

}  // namespace slash32::plugin
