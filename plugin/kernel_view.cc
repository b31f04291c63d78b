#include "plugin/kernel_view.h"

#include <algorithm>

#include "common/log.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "plugin/names.h"

namespace slash32::plugin {
namespace {

/// Local to the node, or a host route of anybody's that does not lead to this key's own link. Learned routes of wider
/// prefixes, blackholes (the lookup answers EINVAL) and no route at all mean: free.
Result<bool> is_held(netlink::Socket& host, const ipam::Key& key, const IpAddress& address) {
  const auto route = TRY(netlink::find_route(host, netlink::look_up_route(address)));
  if (!route) return false;
  if (route->type == netlink::RouteType::Local || route->table == netlink::kLocalTable) return true;
  if (route->type != netlink::RouteType::Unicast || route->destination != Prefix::host(address)) return false;
  const auto own = TRY(netlink::find_link(host, host_ifname(key)));
  return !own || std::ranges::any_of(route->next_hops, [&](const auto& hop) { return hop.link != own->index; });
}

Result<std::vector<ipam::Held>> claims_of_aliases(netlink::Socket& host) {
  std::vector<ipam::Held> out;
  for (const auto& link : TRY(netlink::list_veths(host))) {
    const auto alias = parse_alias(link.alias);
    if (!alias) continue;
    for (const auto& address : alias->addresses) out.push_back({.key = alias->key, .address = address});
  }
  return out;
}

}  // namespace

ipam::KernelView kernel_view(netlink::Socket& host) {
  ipam::KernelView view;
  view.in_use = [&host](const ipam::Key& key, const IpAddress& address) {
    const auto held = is_held(host, key, address);
    if (!held) log::error("address passed over", {{"address", address.to_string()}, {"error", held.error().message}});
    return !held || *held;
  };
  view.link_alive = [&host](const ipam::Key& key) {
    const auto link = netlink::find_link(host, host_ifname(key));
    if (!link) log::error("link taken for alive", {{"link", host_ifname(key)}, {"error", link.error().message}});
    return !link || link->has_value();
  };
  view.held = [&host] { return claims_of_aliases(host); };
  return view;
}

}  // namespace slash32::plugin
