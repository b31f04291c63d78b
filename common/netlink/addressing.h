// Requests about addresses, routes and neighbours (rtnetlink RTM_*ADDR, RTM_*ROUTE, RTM_*NEIGH) and what they answer.
// A route is deleted by table, protocol, metric, type and destination together: never another program's.
#pragma once

#include <optional>
#include <vector>

#include "common/netlink/request.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::netlink {

/// Exclusive. IPv6 addresses skip duplicate address detection (RFC 4862 section 5.4: the IPAM has made it unique).
Request add_address(const Address& address);
/// Exclusive: EEXIST when the same prefix, metric and type is there, whoever put it.
Request add_route(const Route& route);
/// Overwrites a route of the same prefix, tos and metric, whosoever; look before.
Request replace_route(const Route& route);
Request delete_route(const Route& route);
/// A permanent entry; replaces one that the kernel learned. Needs a MAC.
Request set_neighbor(const Neighbor& neighbor);
/// One entry; ENOENT when there is none.
Request get_neighbor(IfIndex link, const IpAddress& address);
/// Which route a packet to `destination` takes, with the source address the kernel would choose.
Request look_up_path(const IpAddress& destination);
/// The FIB entry that matches `destination` (RTM_F_FIB_MATCH).
Request look_up_route(const IpAddress& destination);

std::optional<Route> parse_route(const Reply& reply);
std::optional<Address> parse_address(const Reply& reply);
std::optional<Neighbor> parse_neighbor(const Reply& reply);

/// The answer to look_up_route() or look_up_path(), whose what() is `what`: nothing when there is no route, or one that
/// goes nowhere: under a blackhole the kernel answers EINVAL, under its like EHOSTUNREACH or EACCES.
Result<std::optional<Route>> route_in(const std::string& what, const Answer& answer);
/// Asks, and reads the answer.
Result<std::optional<Route>> find_route(Socket& socket, Request lookup);
/// Every address of a family, of one link when given.
Result<std::vector<Address>> list_addresses(Socket& socket, AddressFamily family, std::optional<IfIndex> link = {});
/// Every route of a family, of one table when given.
Result<std::vector<Route>> list_routes(Socket& socket, AddressFamily family, std::optional<TableId> table);

/// Every route of a family and a protocol, of all tables. Kernels since 4.20 leave the others out themselves.
Result<std::vector<Route>> list_routes_of(Socket& socket, AddressFamily family, RouteProtocol protocol);

}  // namespace slash32::netlink
