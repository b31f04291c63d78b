// A pod's addresses as alternative names of its host end (pod::address_name): the kernel's own register of who has
// which, for all networks, stores and IPAM plugins of the node. Linux 5.5; before that there are only the routes.
#pragma once

#include <vector>

#include "common/ip.h"
#include "common/netlink/socket.h"
#include "common/strong.h"

namespace slash32::pod {

/// Gives the host end `link`, whose pod's end is up already, the names of the pod's addresses. A name that a dead link
/// has (down, or without carrier, as a route is replaced) is taken over. Error: CNI code 11 where a live one has it.
Status claim_addresses(netlink::Socket& host, IfIndex link, const std::vector<IpAddress>& addresses);

}  // namespace slash32::pod
