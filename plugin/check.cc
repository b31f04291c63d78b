// CHECK (CNI spec 1.1.0 section 2): what ADD made is compared with prevResult, the kernel and the allocation. What
// later plugins of a chain may change (further addresses, routes, interfaces) is not looked at; nor is what today's
// configuration says, where ADD's result tells what the pod got (gateways).
#include <algorithm>

#include "common/cni/error.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/node/masquerade.h"
#include "plugin/address_source.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"
#include "plugin/pod_routes.h"
#include "plugin/pod_settings.h"
#include "plugin/verbs.h"

namespace slash32::plugin {
namespace {

std::unexpected<Error> missing(const std::string& what) { return fail(cni::kInternal, what); }

/// The part of prevResult that is ours: the pod's interface, and those of its addresses that we gave.
struct Expected {
  std::vector<cni::IpConfig> ips;            // IPv4 first
  std::vector<cni::RouteConfig> routes;      // all of them
  std::vector<cni::RouteConfig> configured;  // those of today's `routes` that are among them
  std::string mac;

  /// ADD made the default route through this gateway: a second interface may have none, and `routes` may have one in
  /// its place or in another table.
  bool has_default_route(const IpAddress& gateway) const {
    const auto leads_out = [&](const cni::RouteConfig& route) {
      return route.dst.is_default() && route.dst.family() == gateway.family() && route.gw.value_or(gateway) == gateway;
    };
    return std::ranges::count_if(routes, leads_out) > std::ranges::count_if(configured, leads_out);
  }
};

Result<netlink::Link> existing_link(netlink::Socket& socket, const std::string& name, const std::string& where) {
  const auto link = TRY(netlink::find_link(socket, name));
  if (!link) return missing("link " + name + " is missing " + where);
  if (!link->up) return missing("link " + name + " " + where + " is down");
  return *link;
}

Result<cni::AddResult> previous_result(const cni::Call& call) {
  const auto root = call.root();
  if (!root.has("prevResult"))
    return fail(cni::kInvalidConfig, root.missing_error("prevResult").message + "; CHECK needs ADD's result");
  return cni::parse_add_result(root.child("prevResult"), call.version);
}

/// Later plugins of the chain may have added addresses to the result: ours are those of the host end's alias.
Result<Expected> expected_of(const cni::Call& call, const cni::AddResult& result, const netlink::Link& host_end) {
  const auto place = call.root().child("prevResult");
  const auto pod = std::ranges::find_if(result.interfaces, [&](const cni::Interface& i) {
    return i.name == call.args.ifname && i.sandbox == call.args.netns;
  });
  if (pod == result.interfaces.end())
    return place.bad("has no interface " + call.args.ifname + " in " + call.args.netns);
  const auto index = static_cast<std::size_t>(pod - result.interfaces.begin());
  const auto alias = parse_alias(host_end.alias);
  if (!alias || !alias_is_of(*alias, key_of(call)) || alias->addresses.empty())
    return missing("link " + host_end.name + " has alias \"" + host_end.alias + "\", not that of this container");
  Expected out{.ips = {}, .routes = result.routes, .configured = {}, .mac = pod->mac};
  for (const auto& address : alias->addresses) {
    const auto ip = std::ranges::find_if(
        result.ips, [&](const cni::IpConfig& i) { return i.address == address && i.interface == index; });
    if (ip == result.ips.end()) return place.bad("has no address " + address.to_string() + " on " + call.args.ifname);
    out.ips.push_back(*ip);
  }
  return out;
}

/// What `routes` says, where ADD's result has it: the configuration may be another by now.
void expect_routes(Expected& expected, const config::NetConf& conf) {
  for (auto route : conf.routes) {
    const auto ip = std::ranges::find_if(
        expected.ips, [&](const cni::IpConfig& one) { return one.address.family() == route.dst.family(); });
    if (ip == expected.ips.end()) continue;
    route.gw = gateway_of(route, ip->gateway.value_or(conf.gateway(route.dst.family())));
    const auto given = [&](const cni::RouteConfig& one) { return one.dst == route.dst && one.gw == route.gw; };
    if (std::ranges::any_of(expected.routes, given)) expected.configured.push_back(route);
  }
}

std::vector<IpAddress> addresses_of(const Expected& expected) {
  std::vector<IpAddress> out;
  for (const auto& ip : expected.ips) out.push_back(ip.address);
  return out;
}

Status check_neighbor(netlink::Socket& socket, IfIndex link, const IpAddress& address, const std::string& mac,
                      const std::string& where) {
  const auto answer = TRY(socket.ask(netlink::get_neighbor(link, address)));
  for (const auto& reply : answer.replies) {
    const auto neighbor = netlink::parse_neighbor(reply);
    if (neighbor && neighbor->permanent && neighbor->mac && (mac.empty() || neighbor->mac->to_string() == mac))
      return ok();
  }
  return missing("permanent neighbour entry " + address.to_string() + " is missing or changed " + where);
}

/// The default route through our gateway. (A later plugin may add others; it may not remove this one.)
Status check_default_route(netlink::Socket& pod, IfIndex link, const IpAddress& gateway) {
  const auto routes = TRY(netlink::list_routes(pod, gateway.family(), netlink::kMainTable));
  const bool found = std::ranges::any_of(routes, [&](const netlink::Route& route) {
    return route.destination.is_default() && std::ranges::any_of(route.next_hops, [&](const netlink::NextHop& hop) {
             return hop.link == link && hop.gateway == gateway;
           });
  });
  if (!found) return missing("the pod's default route via " + gateway.to_string() + " is missing");
  return ok();
}

Status check_pod_end(PodNamespace& ns, const netlink::Link& link, const Expected& expected) {
  if (!expected.mac.empty() && link.mac && link.mac->to_string() != expected.mac)
    return missing("link " + link.name + " in the pod has MAC " + link.mac->to_string() + ", not " + expected.mac);
  for (const auto& [address, length, gateway, interface] : expected.ips) {
    const auto present = TRY(netlink::list_addresses(ns.socket, address.family(), link.index));
    if (std::ranges::find(present, address, &netlink::Address::address) == present.end())
      return missing("address " + address.to_string() + " is missing on " + link.name + " in the pod");
    if (!gateway) return missing("prevResult has no gateway for " + address.to_string());
    if (expected.has_default_route(*gateway)) TRY(check_default_route(ns.socket, link.index, *gateway));
    TRY(check_neighbor(ns.socket, link.index, *gateway, kHostMac.to_string(), "in the pod"));
  }
  return check_routes(ns.socket, link.index, expected.configured);
}

Status check_host_route(netlink::Socket& host, IfIndex link, const IpAddress& address) {
  const auto route = TRY(netlink::find_route(host, netlink::look_up_route(address)));
  const auto prefix = Prefix::host(address);
  if (!route || route->destination != prefix) return missing("host route " + prefix.to_string() + " is missing");
  if (route->protocol != netlink::RouteProtocol::Slash32Pod || route->next_hops.empty() ||
      route->next_hops.front().link != link)
    return missing("host route " + prefix.to_string() + " does not lead to the pod's link");
  return ok();
}

Status check_settings(netlink::Socket& host, const netlink::Link& link, const config::NetConf& conf) {
  const auto answer = TRY(host.ask(netlink::get_link(link.index)));
  for (const auto& reply : answer.replies) {
    const auto settings = netlink::parse_ipv4_settings(reply);
    if (!settings) continue;
    if (!settings->forwarding) return missing("forwarding is off on " + link.name);
    TRY(check_host_settings(*settings, link.name, conf.host_sysctl));
  }
  return ok();
}

/// The pod's link says whether it is masqueraded; with `ipMasq` it must.
Status check_masqueraded(const cni::Call& call, const netlink::Link& link, const config::NetConf& conf) {
  if (link.group == node::masquerade_group(call.network))
    return node::check_masquerade(call.network, call.deadline.remaining());
  if (!conf.masquerade.value_or(false)) return ok();
  return missing("link " + link.name + " has group " + std::to_string(link.group) + ", not " +
                 std::to_string(node::masquerade_group(call.network)) +
                 ": the pod is not masqueraded, as ipMasq has it");
}

Status check_host_end(netlink::Socket& host, const netlink::Link& link, const Expected& expected,
                      const config::NetConf& conf) {
  if (link.mac != kHostMac) return missing("link " + link.name + " does not have MAC " + kHostMac.to_string());
  TRY(check_settings(host, link, conf));
  for (const auto& [address, length, gateway, interface] : expected.ips) {
    TRY(check_host_route(host, link.index, address));
    TRY(check_neighbor(host, link.index, address, expected.mac, "on the node"));
    if (!address.is_v6()) continue;
    const auto present = TRY(netlink::list_addresses(host, AddressFamily::IPv6, link.index));
    if (gateway && std::ranges::find(present, *gateway, &netlink::Address::address) == present.end())
      return missing("address " + gateway->to_string() + " is missing on " + link.name);
  }
  return ok();
}

}  // namespace

Status cmd_check(const cni::Call& call, const config::GetEnv& getenv) {
  const auto conf = TRY(config::read_net_conf(call.root(), getenv));
  const auto key = key_of(call);
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, call.deadline.remaining()));
  auto addresses = TRY(AddressSource::open(call, conf, host));
  const auto result = TRY(previous_result(call));
  auto ns = TRY(PodNamespace::open(call.args.netns, call.deadline.remaining()));
  const auto pod_end = TRY(existing_link(ns.socket, call.args.ifname, "in the pod"));
  const auto host_end = TRY(existing_link(host, host_ifname(key), "on the node"));
  auto expected = TRY(expected_of(call, result, host_end));
  expect_routes(expected, conf);
  const auto given = addresses_of(expected);
  TRY(check_node(host, conf, families_of(given), call.deadline.remaining()));
  TRY(check_pod_end(ns, pod_end, expected));
  // What turned it on later is the pod's own business: a sysctl of its own, say.
  if (conf.allow_ip_forwarding.value_or(false)) TRY(check_pod_forwarding(ns, families_of(given)));
  TRY(check_host_end(host, host_end, expected, conf));
  TRY(check_masqueraded(call, host_end, conf));
  return addresses.check(key, given);
}

}  // namespace slash32::plugin
