#include "ctl/node_view.h"

#include <algorithm>

#include "common/netlink/bulk.h"

namespace slash32::ctl {

const netlink::Link* NodeView::link_named(const std::string& name) const {
  const auto it = std::ranges::find(links, name, &netlink::Link::name);
  return it == links.end() ? nullptr : &*it;
}

const netlink::Link* NodeView::link_of(IfIndex index) const {
  const auto it = std::ranges::find(links, index, &netlink::Link::index);
  return it == links.end() ? nullptr : &*it;
}

bool NodeView::has_pod_route(IfIndex link, const IpAddress& address) const {
  return std::ranges::any_of(host_routes, [&](const netlink::Route& route) {
    return route.destination.address() == address && route.protocol == netlink::RouteProtocol::Slash32Pod &&
           route.type == netlink::RouteType::Unicast && route.metric == netlink::kPodMetric &&
           route.next_hops.size() == 1 && route.next_hops.front().link == link;
  });
}

Result<NodeView> look_at_node() {
  NodeView node;
  auto kernel = TRY(netlink::Bulk::open());
  // Routes first: a pod that is removed meanwhile loses its link and its routes, never its link alone.
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    std::vector<netlink::Route> routes;
    TRY(kernel.dump_routes(
        {.family = family, .table = netlink::kMainTable, .protocol = {}, .link = {}}, [&] { routes.clear(); },
        [&](const netlink::Route& route) {
          if (route.destination.is_host()) routes.push_back(route);
        }));
    node.host_routes.insert(node.host_routes.end(), routes.begin(), routes.end());
  }
  TRY(kernel.dump_links([&] { node.links.clear(); }, [&](const netlink::Link& link) { node.links.push_back(link); }));
  for (const auto& link : node.links)
    if (auto alias = pod::parse_alias(link.alias); alias && link.kind == "veth")
      node.ends.push_back({.link = link, .alias = std::move(*alias)});
  return node;
}

std::string name_of(const pod::Key& key) {
  return "container " + key.container_id + ", interface " + key.ifname + ", network " + key.network;
}

std::string describe(const netlink::Route& route, const NodeView& node) {
  std::string text =
      "protocol " + std::to_string(static_cast<int>(route.protocol)) + ", metric " + std::to_string(route.metric);
  for (const auto& hop : route.next_hops) {
    const auto* link = node.link_of(hop.link);
    text += ", dev " + (link != nullptr ? link->name : "index " + std::to_string(hop.link.value));
  }
  return text;
}

}  // namespace slash32::ctl
