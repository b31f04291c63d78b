// Which of the node's own addresses its pods see: the source of what the node sends to them.
#pragma once

#include <optional>

#include "common/ip.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::pod {

/// The kernel's path to an address outside (RFC 5737, RFC 3849): the default route's, or a learned one's that covers
/// it.
Result<std::optional<netlink::Route>> path_outside(netlink::Socket& host, AddressFamily family);
/// The node's address of a family: the source of `path`, as path_outside() gave it; else the first global address of a
/// link that is neither a bridge nor a pod's. Nothing where there is none.
Result<std::optional<IpAddress>> node_address(netlink::Socket& host, AddressFamily family,
                                              const std::optional<netlink::Route>& path);

}  // namespace slash32::pod
