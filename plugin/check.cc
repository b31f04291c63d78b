// CHECK (CNI spec 1.1.0 section 2): what ADD made is compared with prevResult, the kernel and the allocation. What
// later plugins of a chain may change (further addresses, routes, interfaces) is not looked at.
#include <algorithm>

#include "common/cni/error.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "plugin/address_source.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"
#include "plugin/verbs.h"

namespace slash32::plugin {
namespace {

std::unexpected<Error> missing(const std::string& what) { return fail(cni::kInternal, what); }

/// The part of prevResult that is ours: the pod's interface and its addresses.
struct Expected {
  std::vector<IpAddress> addresses;
  std::string mac;
};

Result<Expected> expected_of(const cni::Call& call) {
  const auto root = call.root();
  if (!root.has("prevResult")) return root.bad("\"prevResult\" is missing: CHECK needs ADD's result");
  const auto result = TRY(cni::parse_add_result(root.child("prevResult"), call.version));
  const auto pod = std::ranges::find_if(result.interfaces, [&](const cni::Interface& i) {
    return i.name == call.args.ifname && i.sandbox == call.args.netns;
  });
  if (pod == result.interfaces.end())
    return root.child("prevResult").bad("has no interface " + call.args.ifname + " in " + call.args.netns);
  const auto index = static_cast<std::size_t>(pod - result.interfaces.begin());
  Expected out{.addresses = {}, .mac = pod->mac};
  for (const auto& ip : result.ips)
    if (ip.interface == index) out.addresses.push_back(ip.address);
  if (out.addresses.empty()) return root.child("prevResult").bad("has no address for " + call.args.ifname);
  std::ranges::sort(out.addresses);
  return out;
}

Result<netlink::Link> existing_link(netlink::Socket& socket, const std::string& name, const std::string& where) {
  const auto link = TRY(netlink::find_link(socket, name));
  if (!link) return missing("link " + name + " is missing " + where);
  if (!link->up) return missing("link " + name + " " + where + " is down");
  return *link;
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

Status check_pod_end(PodNamespace& ns, const cni::Call& call, const config::NetConf& conf, const Expected& expected) {
  const auto link = TRY(existing_link(ns.socket, call.args.ifname, "in the pod"));
  if (!expected.mac.empty() && link.mac && link.mac->to_string() != expected.mac)
    return missing("link " + link.name + " in the pod has MAC " + link.mac->to_string() + ", not " + expected.mac);
  for (const auto& address : expected.addresses) {
    const auto present = TRY(netlink::list_addresses(ns.socket, address.family(), link.index));
    if (std::ranges::find(present, address, &netlink::Address::address) == present.end())
      return missing("address " + address.to_string() + " is missing on " + link.name + " in the pod");
    TRY(check_default_route(ns.socket, link.index, conf.gateway(address.family())));
    TRY(check_neighbor(ns.socket, link.index, conf.gateway(address.family()), kHostMac.to_string(), "in the pod"));
  }
  return ok();
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

Status check_host_settings(netlink::Socket& host, const netlink::Link& link) {
  const auto answer = TRY(host.ask(netlink::get_link(link.index)));
  for (const auto& reply : answer.replies) {
    const auto settings = netlink::parse_ipv4_settings(reply);
    if (settings && !settings->forwarding) return missing("forwarding is off on " + link.name);
  }
  return ok();
}

Status check_host_end(netlink::Socket& host, const ipam::Key& key, const config::NetConf& conf,
                      const Expected& expected) {
  const auto link = TRY(existing_link(host, host_ifname(key), "on the node"));
  if (link.mac != kHostMac) return missing("link " + link.name + " does not have MAC " + kHostMac.to_string());
  if (link.alias != format_alias(key, expected.addresses))
    return missing("link " + link.name + " has alias \"" + link.alias + "\", not \"" +
                   format_alias(key, expected.addresses) + "\"");
  TRY(check_host_settings(host, link));
  for (const auto& address : expected.addresses) {
    TRY(check_host_route(host, link.index, address));
    TRY(check_neighbor(host, link.index, address, expected.mac, "on the node"));
    if (!address.is_v6()) continue;
    const auto present = TRY(netlink::list_addresses(host, AddressFamily::IPv6, link.index));
    if (std::ranges::find(present, conf.gateway6, &netlink::Address::address) == present.end())
      return missing("address " + conf.gateway6.to_string() + " is missing on " + link.name);
  }
  return ok();
}

}  // namespace

Status cmd_check(const cni::Call& call, const config::GetEnv& getenv) {
  const auto conf = TRY(config::read_net_conf(call.root(), getenv));
  const auto key = key_of(call);
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, call.deadline.remaining()));
  auto addresses = TRY(AddressSource::open(call, conf, host));
  const auto expected = TRY(expected_of(call));
  auto ns = TRY(PodNamespace::open(call.args.netns, call.deadline.remaining()));
  TRY(check_node(host, conf, families_of(expected.addresses), call.deadline.remaining()));
  TRY(check_pod_end(ns, call, conf, expected));
  TRY(check_host_end(host, key, conf, expected));
  return addresses.check(key, expected.addresses);
}

}  // namespace slash32::plugin
