// Messages of rtnetlink(7) read into the values of types.h, through libmnl. A message comes from the kernel, yet every
// length is checked: what is too short or of another family is refused, never guessed.
#pragma once

#include "common/netlink/types.h"

struct nlmsghdr;

namespace slash32::netlink {

/// RTM_NEWLINK, RTM_DELLINK. False: not a whole link's message (a bridge port's, AF_BRIDGE, is about the port only).
bool read_link(const nlmsghdr& message, Link& out);
/// RTM_NEWADDR, RTM_DELADDR of IPv4 or IPv6.
bool read_address(const nlmsghdr& message, Address& out);
/// RTM_NEWNEIGH, RTM_DELNEIGH of IPv4 or IPv6; false for a bridge's, and for proxies.
bool read_neighbor(const nlmsghdr& message, NeighborEntry& out);
/// RTM_NEWROUTE, RTM_DELROUTE of IPv4 or IPv6. `out` is overwritten; its vector's storage is used again. False for
/// cached clones and other families.
bool read_route(const nlmsghdr& message, Route& out);
/// RTM_NEWNEXTHOP, RTM_DELNEXTHOP.
bool read_object(const nlmsghdr& message, NextHopObject& out);

}  // namespace slash32::netlink
