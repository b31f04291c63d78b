// The node's route to a pod's address: what it looks like, what it may take the place of, which source it names.
#pragma once

#include <optional>

#include "common/ip.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::pod {

/// Protocol 132, metric 64, through `link`, the pod's host end.
netlink::Route host_route(IfIndex link, const IpAddress& address, const std::optional<IpAddress>& source);

/// Whether a route through `link` may take the place of `standing`: that one is ours, and on `link` itself or on a link
/// that is dead.
Result<bool> may_replace(netlink::Socket& host, const netlink::Route& standing, IfIndex link);
/// For a `wanted` whose exclusive installation said EEXIST: replaces what stands there if it may. Error: CNI code 999
/// with who is in the way; that one stays.
Status resolve_conflict(netlink::Socket& host, const netlink::Route& wanted);

/// What the node sends to its pods carries the node's address. Left to itself the kernel takes the first one it finds,
/// which may be a bridge's: only then `source` is written into `installed`. `path` is the kernel's way to the pod now.
Status pin_source_if_needed(netlink::Socket& host, const netlink::Route& installed,
                            const std::optional<IpAddress>& source, const std::optional<netlink::Route>& path);

}  // namespace slash32::pod
