#include "common/netlink/addressing.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

namespace slash32::netlink {
namespace {

constexpr std::uint16_t kAck = NLM_F_ACK;

std::uint8_t family_number(AddressFamily family) { return family == AddressFamily::IPv4 ? AF_INET : AF_INET6; }

std::optional<AddressFamily> family_of(int number) {
  if (number == AF_INET) return AddressFamily::IPv4;
  if (number == AF_INET6) return AddressFamily::IPv6;
  return std::nullopt;
}

std::optional<IpAddress> address_of(std::span<const std::uint8_t> bytes) {
  const auto address = IpAddress::from_bytes(bytes);
  if (!address) return std::nullopt;
  return *address;
}

void put_gateway(Request& request, AddressFamily family, const IpAddress& gateway) {
  if (gateway.family() == family) return request.put_address(RTA_GATEWAY, gateway);
  std::vector<std::uint8_t> via = {AF_INET6, 0};  // struct rtvia: family, address
  via.insert(via.end(), gateway.bytes().begin(), gateway.bytes().end());
  request.put(RTA_VIA, via);
}

void put_metrics(Request& request, const Route& route) {
  if (route.mtu == 0 && route.advmss == 0) return;
  request.open(RTA_METRICS);
  if (route.mtu != 0) request.put_u32(RTAX_MTU, route.mtu);
  if (route.advmss != 0) request.put_u32(RTAX_ADVMSS, route.advmss);
  request.close();
}

Request route_request(const std::string& verb, const Route& route, std::uint16_t type, int flags) {
  rtmsg header{};
  header.rtm_family = family_number(route.destination.family());
  header.rtm_dst_len = route.destination.length();
  header.rtm_table = route.table.value < 256 ? static_cast<std::uint8_t>(route.table.value) : std::uint8_t{0};
  header.rtm_protocol = static_cast<std::uint8_t>(route.protocol);
  header.rtm_scope = static_cast<std::uint8_t>(route.scope);
  header.rtm_type = static_cast<std::uint8_t>(route.type);
  const NextHop hop = route.next_hops.empty() ? NextHop{} : route.next_hops.front();
  if (hop.on_link) header.rtm_flags |= RTNH_F_ONLINK;
  Request request(verb + " route " + route.destination.to_string(), type, static_cast<std::uint16_t>(kAck | flags),
                  header);
  if (!route.destination.is_default()) request.put_address(RTA_DST, route.destination.address());
  request.put_u32(RTA_TABLE, route.table.value);
  if (route.metric != 0) request.put_u32(RTA_PRIORITY, route.metric);
  if (route.preferred_source) request.put_address(RTA_PREFSRC, *route.preferred_source);
  if (hop.link.value != 0) request.put_u32(RTA_OIF, static_cast<std::uint32_t>(hop.link.value));
  if (hop.gateway) put_gateway(request, route.destination.family(), *hop.gateway);
  put_metrics(request, route);
  return request;
}

std::optional<IpAddress> gateway_of(const Attributes& attributes) {
  if (const auto plain = attributes.get(RTA_GATEWAY); !plain.empty()) return address_of(plain);
  if (const auto via = attributes.get(RTA_VIA); via.size() > 2) return address_of(via.subspan(2));
  return std::nullopt;
}

NextHop hop_of(const Attributes& attributes, std::uint32_t flags) {
  return {.gateway = gateway_of(attributes),
          .link = IfIndex{static_cast<int>(attributes.u32(RTA_OIF))},
          .on_link = (flags & RTNH_F_ONLINK) != 0,
          .link_down = (flags & RTNH_F_LINKDOWN) != 0,
          .dead = (flags & RTNH_F_DEAD) != 0};
}

std::vector<NextHop> multipath_of(std::span<const std::uint8_t> bytes) {
  std::vector<NextHop> hops;
  while (bytes.size() >= sizeof(rtnexthop)) {
    rtnexthop header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.rtnh_len < sizeof header || header.rtnh_len > bytes.size()) break;
    auto hop = hop_of(Attributes(bytes.subspan(sizeof header, header.rtnh_len - sizeof header)), header.rtnh_flags);
    hop.link = IfIndex{header.rtnh_ifindex};
    hop.weight = static_cast<std::uint16_t>(header.rtnh_hops + 1);
    hops.push_back(hop);
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), RTNH_ALIGN(header.rtnh_len)));
  }
  return hops;
}

Request path_request(const std::string& what, const IpAddress& destination, std::uint32_t flags) {
  rtmsg header{};
  header.rtm_family = family_number(destination.family());
  header.rtm_dst_len = destination.bits();
  header.rtm_flags = flags;
  Request request(what + destination.to_string(), RTM_GETROUTE, kAck, header);
  request.put_address(RTA_DST, destination);
  return request;
}

}  // namespace

Request add_address(const Address& address) {
  ifaddrmsg header{};
  header.ifa_family = family_number(address.address.family());
  header.ifa_prefixlen = address.prefix_length;
  header.ifa_scope = static_cast<std::uint8_t>(address.scope);
  header.ifa_index = static_cast<std::uint32_t>(address.link.value);
  if (address.address.is_v6()) header.ifa_flags = IFA_F_NODAD;
  Request request("add address " + address.address.to_string(), RTM_NEWADDR, kAck | NLM_F_CREATE | NLM_F_EXCL, header);
  request.put_address(IFA_LOCAL, address.address);
  request.put_address(IFA_ADDRESS, address.address);
  return request;
}

Request add_route(const Route& route) { return route_request("add", route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL); }

Request replace_route(const Route& route) {
  return route_request("replace", route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
}

Request delete_route(const Route& route) { return route_request("delete", route, RTM_DELROUTE, 0); }

Request set_neighbor(const Neighbor& neighbor) {
  ndmsg header{};
  header.ndm_family = family_number(neighbor.address.family());
  header.ndm_ifindex = neighbor.link.value;
  header.ndm_state = NUD_PERMANENT;
  Request request("set neighbour " + neighbor.address.to_string(), RTM_NEWNEIGH, kAck | NLM_F_CREATE | NLM_F_REPLACE,
                  header);
  request.put_address(NDA_DST, neighbor.address);
  if (neighbor.mac) request.put(NDA_LLADDR, neighbor.mac->octets);
  return request;
}

Request get_neighbor(IfIndex link, const IpAddress& address) {
  ndmsg header{};
  header.ndm_family = family_number(address.family());
  header.ndm_ifindex = link.value;
  Request request("look up neighbour " + address.to_string(), RTM_GETNEIGH, kAck, header);
  request.put_address(NDA_DST, address);
  return request;
}

Request look_up_path(const IpAddress& destination) { return path_request("look up the path to ", destination, 0); }

Request look_up_route(const IpAddress& destination) {
  return path_request("look up the route of ", destination, RTM_F_FIB_MATCH);
}

std::optional<Route> parse_route(const Reply& reply) {
  if (reply.type != RTM_NEWROUTE) return std::nullopt;
  const auto header = reply.header<rtmsg>();
  const auto family = family_of(header.rtm_family);
  if (!family) return std::nullopt;
  const auto attributes = reply.attributes(sizeof header);
  Route route;
  const auto any = *family == AddressFamily::IPv4 ? IpAddress{} : IpAddress::v6({});
  const auto destination = address_of(attributes.get(RTA_DST)).value_or(any);
  if (destination.family() != *family || header.rtm_dst_len > destination.bits()) return std::nullopt;
  route.destination = Prefix(destination, header.rtm_dst_len);
  route.table = TableId{attributes.has(RTA_TABLE) ? attributes.u32(RTA_TABLE) : header.rtm_table};
  route.protocol = RouteProtocol{header.rtm_protocol};
  route.type = RouteType{header.rtm_type};
  route.scope = Scope{header.rtm_scope};
  route.metric = attributes.u32(RTA_PRIORITY);
  route.preferred_source = address_of(attributes.get(RTA_PREFSRC));
  const auto metrics = attributes.nest(RTA_METRICS);
  route.mtu = metrics.u32(RTAX_MTU);
  route.advmss = metrics.u32(RTAX_ADVMSS);
  if (attributes.has(RTA_MULTIPATH))
    route.next_hops = multipath_of(attributes.get(RTA_MULTIPATH));
  else if (attributes.has(RTA_OIF) && route.type != RouteType::Blackhole)
    route.next_hops = {hop_of(attributes, header.rtm_flags)};
  return route;
}

std::optional<Address> parse_address(const Reply& reply) {
  if (reply.type != RTM_NEWADDR) return std::nullopt;
  const auto header = reply.header<ifaddrmsg>();
  const auto attributes = reply.attributes(sizeof header);
  // Of a point-to-point pair IFA_LOCAL is ours; IPv6 leaves it out otherwise.
  const auto own = address_of(attributes.get(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS));
  if (!own) return std::nullopt;
  const std::uint32_t flags = attributes.has(IFA_FLAGS) ? attributes.u32(IFA_FLAGS) : header.ifa_flags;
  return Address{.link = IfIndex{static_cast<int>(header.ifa_index)},
                 .address = *own,
                 .prefix_length = header.ifa_prefixlen,
                 .scope = Scope{header.ifa_scope},
                 .tentative = (flags & IFA_F_TENTATIVE) != 0,
                 .duplicate = (flags & IFA_F_DADFAILED) != 0,
                 .secondary = (flags & IFA_F_SECONDARY) != 0};
}

std::optional<Neighbor> parse_neighbor(const Reply& reply) {
  if (reply.type != RTM_NEWNEIGH) return std::nullopt;
  const auto header = reply.header<ndmsg>();
  const auto attributes = reply.attributes(sizeof header);
  const auto address = address_of(attributes.get(NDA_DST));
  if (!address) return std::nullopt;
  Neighbor neighbor{.link = IfIndex{header.ndm_ifindex},
                    .address = *address,
                    .mac = {},
                    .permanent = (header.ndm_state & NUD_PERMANENT) != 0};
  if (const auto mac = attributes.get(NDA_LLADDR); mac.size() == 6) {
    neighbor.mac.emplace();
    std::memcpy(neighbor.mac->octets.data(), mac.data(), 6);
  }
  return neighbor;
}

Result<std::optional<Route>> route_in(const std::string& what, const Answer& answer) {
  switch (answer.error) {
    case 0:
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EACCES:
    case EINVAL:
    case ENOENT:
    case ESRCH:
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
      return std::optional<Route>{};
    default:
      return fail(refusal(what, answer));
  }
  for (const auto& reply : answer.replies)
    if (auto route = parse_route(reply)) return route;
  return std::optional<Route>{};
}

Result<std::optional<Route>> find_route(Socket& socket, Request lookup) {
  const std::string what = lookup.what();
  return route_in(what, TRY(socket.ask(std::move(lookup))));
}

Result<std::vector<Address>> list_addresses(Socket& socket, AddressFamily family, std::optional<IfIndex> link) {
  std::vector<Address> out;
  const auto make = [&] {
    ifaddrmsg header{};
    header.ifa_family = family_number(family);
    return Request("list " + std::string(to_string(family)) + " addresses", RTM_GETADDR, NLM_F_DUMP, header);
  };
  TRY(socket.dump(
      make, [&] { out.clear(); },
      [&](const Reply& reply) {
        auto address = parse_address(reply);
        if (address && (!link || address->link == *link)) out.push_back(*address);
      }));
  return out;
}

namespace {

Result<std::vector<Route>> list_routes(Socket& socket, AddressFamily family, RouteProtocol protocol,
                                       const std::function<bool(const Route&)>& wanted) {
  std::vector<Route> out;
  const auto make = [&] {
    rtmsg header{};
    header.rtm_family = family_number(family);
    header.rtm_protocol = static_cast<std::uint8_t>(protocol);
    return Request("list " + std::string(to_string(family)) + " routes", RTM_GETROUTE, NLM_F_DUMP, header);
  };
  TRY(socket.dump(
      make, [&] { out.clear(); },
      [&](const Reply& reply) {
        auto route = parse_route(reply);
        if (route && wanted(*route)) out.push_back(std::move(*route));
      }));
  return out;
}

}  // namespace

Result<std::vector<Route>> list_routes(Socket& socket, AddressFamily family, std::optional<TableId> table) {
  return list_routes(socket, family, RouteProtocol::Unspecified,
                     [&](const Route& route) { return !table || route.table == *table; });
}

Result<std::vector<Route>> list_routes_of(Socket& socket, AddressFamily family, RouteProtocol protocol) {
  socket.filter_dumps(true);
  auto routes = list_routes(socket, family, protocol, [&](const Route& route) { return route.protocol == protocol; });
  socket.filter_dumps(false);
  return routes;
}

}  // namespace slash32::netlink
