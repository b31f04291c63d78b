#include "common/pod/host_route.h"

#include "common/cni/error.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"

namespace slash32::pod {
namespace {

/// The route that is in the way of an exclusive one, as the kernel has it.
Result<std::optional<netlink::Route>> standing_route(netlink::Socket& host, const netlink::Route& wanted) {
  for (auto& route : TRY(netlink::list_routes(host, wanted.destination.family(), wanted.table)))
    if (route.destination == wanted.destination && route.metric == wanted.metric) return std::move(route);
  return std::optional<netlink::Route>{};
}

}  // namespace

netlink::Route host_route(IfIndex link, const IpAddress& address, const std::optional<IpAddress>& source) {
  return {.destination = Prefix::host(address),
          .protocol = netlink::RouteProtocol::Slash32Pod,
          .scope = address.is_v4() ? netlink::Scope::Link : netlink::Scope::Universe,
          .metric = netlink::kPodMetric,
          .preferred_source = source,
          .next_hops = {{.gateway = {}, .link = link}}};
}

Result<bool> may_replace(netlink::Socket& host, const netlink::Route& standing, IfIndex link) {
  if (standing.protocol != netlink::RouteProtocol::Slash32Pod || standing.type != netlink::RouteType::Unicast)
    return false;
  for (const auto& hop : standing.next_hops) {
    if (hop.link == link) continue;
    const auto other = TRY(netlink::find_link(host, hop.link));
    if (other && other->up && other->carrier) return false;
  }
  return true;
}

Status resolve_conflict(netlink::Socket& host, const netlink::Route& wanted) {
  const auto standing = TRY(standing_route(host, wanted));
  if (!standing) return host.run(netlink::add_route(wanted));  // it went meanwhile
  if (TRY(may_replace(host, *standing, wanted.next_hops.front().link))) return host.run(netlink::replace_route(wanted));
  const auto via = standing->next_hops.empty() ? IfIndex{} : standing->next_hops.front().link;
  return fail(
      cni::kInternal,
      "route " + wanted.destination.to_string() + " metric " + std::to_string(wanted.metric) +
          " already exists and is not ours to replace",
      "protocol " + std::to_string(static_cast<int>(standing->protocol)) + ", link index " + std::to_string(via.value));
}

Status pin_source_if_needed(netlink::Socket& host, const netlink::Route& installed,
                            const std::optional<IpAddress>& source, const std::optional<netlink::Route>& path) {
  if (!source || (path && path->preferred_source == source)) return ok();
  auto pinned = installed;
  pinned.preferred_source = source;
  return host.run(netlink::replace_route(pinned));
}

}  // namespace slash32::pod
