#include "plugin/pod_routes.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/addressing.h"
#include "config/pod_routes_conf.h"

namespace slash32::plugin {
namespace {

std::unexpected<Error> bad(std::size_t index, const char* key, const std::string& complaint) {
  return fail(cni::kInvalidConfig, "/routes/" + std::to_string(index) + "/" + key + ": " + complaint);
}

bool is_on_link(const cni::RouteConfig& route) {
  return route.scope == static_cast<std::uint32_t>(netlink::Scope::Link);
}

/// 0 is what the kernel makes of nothing said, and reads as something else in IPv6.
bool as_asked(const std::optional<std::uint32_t>& asked, std::uint32_t is) {
  return asked.value_or(0) == 0 || asked == is;
}

bool is_route(const netlink::Route& there, const cni::RouteConfig& route, IfIndex link) {
  const bool same_table = route.table ? there.table.value == *route.table : there.table != netlink::kLocalTable;
  return same_table && there.destination == route.dst && there.type == netlink::RouteType::Unicast &&
         as_asked(route.priority, there.metric) && as_asked(route.mtu, there.mtu) &&
         as_asked(route.advmss, there.advmss) && std::ranges::any_of(there.next_hops, [&](const netlink::NextHop& hop) {
           return hop.link == link && hop.gateway == route.gw;
         });
}

}  // namespace

std::optional<IpAddress> gateway_of(const cni::RouteConfig& route, const IpAddress& gateway) {
  if (route.gw || is_on_link(route)) return route.gw;
  return gateway;
}

Result<std::vector<cni::RouteConfig>> plan_routes(const config::NetConf& conf, Families families, Mtu mtu) {
  auto routes = conf.routes;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const auto family = routes[i].dst.family();
    if (!(family == AddressFamily::IPv4 ? families.v4 : families.v6))
      return bad(i, "dst", "the pod has no " + std::string(to_string(family)) + " address");
    if (routes[i].mtu.value_or(0) > mtu.value)
      return bad(i, "mtu",
                 std::to_string(*routes[i].mtu) + " is more than the interface's " + std::to_string(mtu.value));
    routes[i].gw = gateway_of(routes[i], conf.gateway(family));
  }
  return routes;
}

bool has_pod_default(const std::vector<cni::RouteConfig>& routes, AddressFamily family) {
  return std::ranges::any_of(routes, [&](const cni::RouteConfig& route) {
    return route.dst.family() == family && config::is_pod_default(route);
  });
}

netlink::Route kernel_route(const cni::RouteConfig& route, IfIndex link) {
  const bool link_scope = is_on_link(route) && route.dst.family() == AddressFamily::IPv4;  // IPv6 knows no scopes
  return {.destination = route.dst,
          .table = TableId{route.table.value_or(netlink::kMainTable.value)},
          .protocol = netlink::RouteProtocol::Boot,
          .scope = link_scope ? netlink::Scope::Link : netlink::Scope::Universe,
          .metric = route.priority.value_or(0),
          .preferred_source = {},
          .next_hops = {{.gateway = route.gw, .link = link}},
          .mtu = route.mtu.value_or(0),
          .advmss = route.advmss.value_or(0)};
}

Result<std::vector<cni::RouteConfig>> add_routes(netlink::Socket& pod, IfIndex link,
                                                 const std::vector<cni::RouteConfig>& routes) {
  std::vector<netlink::Request> requests;
  for (const auto& route : routes) requests.push_back(netlink::add_route(kernel_route(route, link)));
  const auto answers = TRY(pod.exchange(requests));
  std::vector<cni::RouteConfig> added;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].error == EEXIST)
      log::warn("route passed over: the pod has one in its place", {{"dst", routes[i].dst.to_string()}});
    else if (answers[i].error != 0)
      return fail(netlink::refusal(requests[i].what(), answers[i]));
    else
      added.push_back(routes[i]);
  }
  return added;
}

Status check_routes(netlink::Socket& pod, IfIndex link, const std::vector<cni::RouteConfig>& routes) {
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    if (std::ranges::none_of(routes, [&](const auto& route) { return route.dst.family() == family; })) continue;
    const auto there = TRY(netlink::list_routes(pod, family, std::nullopt));
    for (const auto& route : routes)
      if (route.dst.family() == family &&
          std::ranges::none_of(there, [&](const auto& one) { return is_route(one, route, link); }))
        return fail(cni::kInternal, "the pod's route to " + route.dst.to_string() + " is missing or changed");
  }
  return ok();
}

}  // namespace slash32::plugin
