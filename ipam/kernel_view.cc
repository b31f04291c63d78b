#include "ipam/kernel_view.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/log.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/pod/names.h"

namespace slash32::ipam {
namespace {

/// Local to the node, or a host route of anybody's that does not lead to this key's own link, or the name of another
/// link, of a pod whose routes are lost. Learned routes of wider prefixes, blackholes (the lookup answers EINVAL) and
/// no route at all mean: free.
Result<bool> is_held(netlink::Socket& host, const Key& key, const IpAddress& address) {
  const auto holder = TRY(host.find_primary_name(pod::address_name(address)));
  if (holder && *holder != pod::host_ifname(key)) return true;
  const auto route = TRY(netlink::find_route(host, netlink::look_up_route(address)));
  if (!route) return false;
  if (route->type == netlink::RouteType::Local || route->table == netlink::kLocalTable) return true;
  if (route->type != netlink::RouteType::Unicast || route->destination != Prefix::host(address)) return false;
  const auto own = TRY(netlink::find_link(host, pod::host_ifname(key)));
  return !own || std::ranges::any_of(route->next_hops, [&](const auto& hop) { return hop.link != own->index; });
}

/// Pods' routes to addresses that no alias names: the alias got lost, or the route's link is not theirs any more.
Result<std::vector<Held>> claims_of_routes(netlink::Socket& host, const std::set<IpAddress>& named) {
  std::vector<Held> out;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    for (const auto& route : TRY(netlink::list_routes_of(host, family, netlink::RouteProtocol::Slash32Pod))) {
      const auto& address = route.destination.address();
      if (route.type == netlink::RouteType::Unicast && route.destination == Prefix::host(address) &&
          !named.contains(address))
        out.push_back({.key = unknown_holder(address), .address = address});
    }
  return out;
}

Result<std::vector<Held>> claims_of_aliases(netlink::Socket& host) {
  std::vector<Held> out;
  for (const auto& link : TRY(netlink::list_veths(host))) {
    const auto alias = pod::parse_alias(link.alias);
    if (!alias) continue;
    for (const auto& address : alias->addresses) out.push_back({.key = alias->key, .address = address});
  }
  return out;
}

/// By the link's name. A store that was rebuilt from an alias without room for the whole key cannot compute it: then by
/// that alias.
Result<bool> is_alive(netlink::Socket& host, const Key& key) {
  if (TRY(netlink::find_link(host, pod::host_ifname(key)))) return true;
  if (!pod::is_shortened(key)) return false;
  return std::ranges::any_of(TRY(claims_of_aliases(host)), [&](const Held& held) { return held.key == key; });
}

}  // namespace

KernelView kernel_view(netlink::Socket& host) {
  KernelView view;
  view.in_use = [&host](const Key& key, const IpAddress& address) {
    const auto held = is_held(host, key, address);
    if (!held) log::error("address passed over", {{"address", address.to_string()}, {"error", held.error().message}});
    return !held || *held;
  };
  view.link_alive = [&host](const Key& key) {
    const auto alive = is_alive(host, key);
    if (!alive) log::error("link taken for alive", {{"link", pod::host_ifname(key)}, {"error", alive.error().message}});
    return !alive || *alive;
  };
  view.held = [&host]() -> Result<std::vector<Held>> {
    auto claims = TRY(claims_of_aliases(host));
    std::set<IpAddress> named;
    for (const auto& claim : claims) named.insert(claim.address);
    for (auto& claim : TRY(claims_of_routes(host, named))) claims.push_back(std::move(claim));
    return claims;
  };
  return view;
}

}  // namespace slash32::ipam
