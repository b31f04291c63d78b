#include "common/pod/node_address.h"

#include <map>
#include <set>

#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/pod/names.h"

namespace slash32::pod {
namespace {

// An address outside (RFC 5737, RFC 3849): the path to it is the default route's, or a learned one's that covers it.
const IpAddress& outside(AddressFamily family) {
  static const IpAddress kV4 = IpAddress::v4(0xc0000201);  // 192.0.2.1
  static const IpAddress kV6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  return family == AddressFamily::IPv4 ? kV4 : kV6;
}

/// Links on which IPVS has the addresses of Services: kube-proxy's and kube-router's.
bool has_service_addresses(const netlink::Link& link) {
  return link.name == "kube-ipvs0" || link.name == "kube-dummy-if";
}

/// Without a default route: the first global address in the kernel's own order (loopback's first, then by index), but
/// never a bridge's (docker's and its like are not the node) nor a Service's.
Result<std::optional<IpAddress>> first_node_address(netlink::Socket& host, AddressFamily family) {
  std::multimap<int, netlink::Address> by_link;  // within a link in the kernel's order
  for (const auto& address : TRY(netlink::list_addresses(host, family))) by_link.emplace(address.link.value, address);
  std::set<int> passed_over;
  for (const auto& [index, address] : by_link) {
    if (address.scope != netlink::Scope::Universe || address.tentative || address.duplicate || address.secondary ||
        address.address.is_loopback() || passed_over.contains(index))
      continue;
    const auto link = TRY(netlink::find_link(host, address.link));
    if (link && link->up && link->kind != "bridge" && !has_service_addresses(*link) && !is_host_ifname(link->name))
      return address.address;
    passed_over.insert(index);
  }
  return std::optional<IpAddress>{};
}

}  // namespace

// A lab's node may have the documentation's first address itself: then a second one.
Result<std::optional<netlink::Route>> path_outside(netlink::Socket& host, AddressFamily family) {
  auto path = TRY(netlink::find_route(host, netlink::look_up_path(outside(family))));
  if (!path || path->type != netlink::RouteType::Local) return path;
  static const IpAddress kV4 = IpAddress::v4(0xcb0071fe);  // 203.0.113.254
  static const IpAddress kV6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe});
  return netlink::find_route(host, netlink::look_up_path(family == AddressFamily::IPv4 ? kV4 : kV6));
}

Result<std::optional<IpAddress>> node_address(netlink::Socket& host, AddressFamily family,
                                              const std::optional<netlink::Route>& path) {
  if (path && path->preferred_source && !path->preferred_source->is_link_local()) return path->preferred_source;
  return first_node_address(host, family);
}

}  // namespace slash32::pod
