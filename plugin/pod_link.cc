#include "plugin/pod_link.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/netns.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_routes.h"
#include "plugin/pod_settings.h"

namespace slash32::plugin {
namespace {

using netlink::Request;

std::filesystem::path conf6(const std::string& link, const char* setting) {
  return std::filesystem::path("/proc/sys/net/ipv6/conf") / link / setting;
}

netlink::Route on_link_route(const IpAddress& destination, IfIndex link) {
  return {.destination = Prefix::host(destination),
          .protocol = netlink::RouteProtocol::Boot,
          .scope = netlink::Scope::Link,
          .preferred_source = {},
          .next_hops = {{.gateway = {}, .link = link}}};
}

netlink::Route default_route(const IpAddress& gateway, IfIndex link) {
  const auto any = gateway.is_v4() ? IpAddress{} : IpAddress::v6({});
  return {.destination = Prefix(any, 0),
          .protocol = netlink::RouteProtocol::Boot,
          .preferred_source = {},
          .next_hops = {{.gateway = gateway, .link = link}}};
}

netlink::Address host_address(const IpAddress& address, IfIndex link) {
  return {.link = link, .address = address, .prefix_length = address.bits()};
}

/// A pod's namespace may come with IPv6 disabled, and a pod must not listen to router advertisements nor wait for
/// duplicate detection on an address the IPAM has made unique. Needs to be inside the namespace: /proc/sys/net shows
/// the caller's.
Status prepare_ipv6(const PodNamespace& ns, const std::string& ifname) {
  const auto inside = TRY(NetnsGuard::enter(ns.pod.get(), ns.node.get()));
  TRY(write_setting(conf6("lo", "disable_ipv6"), "0"));
  TRY(write_setting(conf6(ifname, "disable_ipv6"), "0"));
  TRY(write_setting(conf6(ifname, "accept_ra"), "0"));
  return write_setting(conf6(ifname, "accept_dad"), "0");
}

/// The indices from the echo of a creation (Linux 6.2 and later), else looked up by name.
Status find_indices(netlink::Socket& host, PodNamespace& ns, const PodPlan& plan, const netlink::Answer& created,
                    PodLink& link) {
  for (const auto& reply : created.replies) {
    const auto echo = netlink::parse_link(reply);
    if (!echo || echo->name != link.host_name) continue;
    link.host = echo->index;
    link.pod = echo->peer;
  }
  if (link.host.value == 0) {
    const auto found = TRY(netlink::find_link(host, link.host_name));
    if (!found) return fail(5, "link " + link.host_name + " vanished right after its creation");
    link.host = found->index;
  }
  if (link.pod.value == 0) {
    const auto found = TRY(netlink::find_link(ns.socket, plan.key.ifname));
    if (!found) return fail(5, "link " + plan.key.ifname + " vanished from the pod right after its creation");
    link.pod = found->index;
  }
  return ok();
}

/// The route that is in the way of an exclusive one, as the kernel has it.
Result<std::optional<netlink::Route>> standing_route(netlink::Socket& host, const netlink::Route& wanted) {
  for (auto& route : TRY(netlink::list_routes(host, wanted.destination.family(), wanted.table)))
    if (route.destination == wanted.destination && route.metric == wanted.metric) return std::move(route);
  return std::optional<netlink::Route>{};
}

/// Whether we may replace it: ours, and on our own link or on one that is dead.
Result<bool> may_replace(netlink::Socket& host, const netlink::Route& standing, IfIndex own) {
  if (standing.protocol != netlink::RouteProtocol::Slash32Pod || standing.type != netlink::RouteType::Unicast)
    return false;
  for (const auto& hop : standing.next_hops) {
    if (hop.link == own) continue;
    const auto link = TRY(netlink::find_link(host, hop.link));
    if (link && link->up && link->carrier) return false;
  }
  return true;
}

Status resolve_conflict(netlink::Socket& host, const netlink::Route& wanted, IfIndex own) {
  const auto standing = TRY(standing_route(host, wanted));
  if (!standing) return host.run(netlink::add_route(wanted));  // it went meanwhile
  if (TRY(may_replace(host, *standing, own))) return host.run(netlink::replace_route(wanted));
  const auto via = standing->next_hops.empty() ? IfIndex{} : standing->next_hops.front().link;
  return fail(
      999,
      "route " + wanted.destination.to_string() + " metric " + std::to_string(wanted.metric) +
          " already exists and is not ours to replace",
      "protocol " + std::to_string(static_cast<int>(standing->protocol)) + ", link index " + std::to_string(via.value));
}

const std::optional<IpAddress>& of_family(const config::PerFamily& sources, const IpAddress& address) {
  return address.is_v4() ? sources.v4 : sources.v6;
}

/// What the node sends to its pods carries the node's address. Left to itself the kernel takes the first one it finds,
/// which may be a bridge's: only then is the source written into the route. `path` is the kernel's way to `address`
/// now.
Status pin_source_if_needed(netlink::Socket& host, const PodLink& link, const PodPlan& plan, const IpAddress& address,
                            const std::optional<netlink::Route>& path) {
  const auto& wanted = of_family(plan.node_address, address);
  if (of_family(plan.host_source, address) || !wanted) return ok();
  if (path && path->preferred_source == wanted) return ok();
  auto pinned = pod_route(link, plan, address);
  pinned.preferred_source = wanted;
  return host.run(netlink::replace_route(pinned));
}

/// The answer to a creation was lost, so the pair may exist. No alias: nobody has configured it yet, a live pod's link
/// of that name has one. By a fresh socket: the other may still have the late answer queued.
void remove_unanswered(const std::string& name) {
  constexpr std::chrono::milliseconds kPatience{1'000};
  const auto done = [&]() -> Status {
    auto fresh = TRY(netlink::Socket::open(netlink::Family::Route, kPatience));
    const auto link = TRY(netlink::find_link(fresh, name));
    return link && link->alias.empty() ? remove_link(fresh, link->index) : ok();
  }();
  if (!done) log::error("link perhaps left behind", {{"link", name}, {"error", done.error().message}});
}

/// The host end's IPv6 settings, before it comes up.
Status prepare_host_ipv6(const std::string& link, bool has_v6) {
  std::error_code ec;
  const bool there = std::filesystem::exists(conf6(link, "accept_ra"), ec);
  if (!there && !has_v6) return ok();  // no IPv6 in this kernel, and none needed
  if (!there)
    return fail(cni::kInternal, "IPv6 is off in this kernel (ipv6.disable=1?): there is no " +
                                    conf6(link, "disable_ipv6").string() + ", and the pod has an IPv6 address");
  // A pod must not be able to advertise itself as the node's router.
  TRY(write_setting(conf6(link, "accept_ra"), "0"));
  if (!has_v6) return ok();
  return write_setting(conf6(link, "disable_ipv6"), "0");  // net.ipv6.conf.default may have it on
}

}  // namespace

Result<PodNamespace> PodNamespace::open(const std::string& path, std::chrono::milliseconds patience) {
  auto node = TRY(open_own_netns());
  auto pod = TRY(open_netns(path));
  auto socket = [&]() -> Result<netlink::Socket> {
    const auto inside = TRY(NetnsGuard::enter(pod.get(), node.get()));
    return netlink::Socket::open(netlink::Family::Route, patience);
  }();
  if (!socket) return std::unexpected(std::move(socket).error());
  return PodNamespace{.node = std::move(node), .pod = std::move(pod), .socket = std::move(*socket)};
}

Result<Unrouted> find_unrouted(PodNamespace& ns, const std::vector<IpAddress>& addresses) {
  Unrouted out;
  for (const auto& address : addresses) {
    const auto routes = TRY(netlink::list_routes(ns.socket, address.family(), netlink::kMainTable));
    const bool has = std::ranges::any_of(routes, [](const netlink::Route& route) {
      return route.destination.is_default() && route.type == netlink::RouteType::Unicast;
    });
    (address.is_v4() ? out.v4 : out.v6) = !has;
  }
  return out;
}

bool PodPlan::has_v6() const { return std::ranges::any_of(addresses, &IpAddress::is_v6); }

Result<PodLink> create_pair(netlink::Socket& host, PodNamespace& ns, const PodPlan& plan) {
  PodLink link{.host_name = host_ifname(plan.key), .host = {}, .pod = {}};
  auto request = netlink::create_veth({.name = link.host_name,
                                       .mac = kHostMac,
                                       .peer_name = plan.key.ifname,
                                       .peer_mac = plan.mac,
                                       .peer_netns = ns.pod.get(),
                                       .mtu = plan.mtu,
                                       .group = plan.group});
  const std::string what = request.what();
  const auto created = host.ask(std::move(request));
  if (!created) {
    remove_unanswered(link.host_name);
    return std::unexpected(created.error());
  }
  if (created->error != 0) return fail(netlink::refusal(what, *created));
  if (auto found = find_indices(host, ns, plan, *created, link); !found) {
    if (link.host.value != 0) (void)remove_link(host, link.host);  // the first error is the one to tell
    return std::unexpected(std::move(found).error());
  }
  return link;
}

Status configure_host_end(netlink::Socket& host, const PodLink& link, const PodPlan& plan) {
  TRY(prepare_host_ipv6(link.host_name, plan.has_v6()));
  TRY(write_host_settings(link.host_name, plan.host_settings));
  std::vector<Request> requests;
  requests.push_back(netlink::set_host_end({.link = link.host,
                                            .alias = format_alias(plan.key, plan.addresses),
                                            .ipv6 = plan.has_v6(),
                                            .more = netlink_settings(plan.host_settings)}));
  requests.push_back(netlink::set_proxy_delay_zero(link.host));
  requests.push_back(netlink::set_link_up(link.host));
  if (plan.has_v6())
    requests.push_back(netlink::add_address(
        {.link = link.host, .address = plan.gateway6, .prefix_length = 64, .scope = netlink::Scope::Link}));
  for (const auto& address : plan.addresses)
    requests.push_back(
        netlink::set_neighbor({.link = link.host, .address = address, .mac = plan.mac, .permanent = true}));
  return host.run(requests);
}

Status configure_pod_end(PodNamespace& ns, const PodLink& link, const PodPlan& plan) {
  if (plan.has_v6()) TRY(prepare_ipv6(ns, plan.key.ifname));
  std::vector<Request> requests;
  requests.push_back(netlink::set_link_up(link.pod));
  for (const auto& address : plan.addresses) {
    const auto& gateway = plan.gateway(address.family());
    requests.push_back(netlink::add_address(host_address(address, link.pod)));
    requests.push_back(
        netlink::set_neighbor({.link = link.pod, .address = gateway, .mac = kHostMac, .permanent = true}));
    auto on_link = on_link_route(gateway, link.pod);
    // Beside the first interface's route to the same gateway: the link's own number tells them apart.
    if (!plan.has_default_route(address.family())) on_link.metric = link.pod.value;
    // fe80::/64 is on link by itself; a configured IPv6 gateway outside it needs its route as IPv4's does.
    if (!gateway.is_v6() || !gateway.is_link_local()) requests.push_back(netlink::add_route(on_link));
    if (plan.has_default_route(address.family()))
      requests.push_back(netlink::add_route(default_route(gateway, link.pod)));
  }
  // In the order given: one may lead to the next one's gateway.
  for (const auto& route : plan.routes) requests.push_back(netlink::add_route(kernel_route(route, link.pod)));
  return ns.socket.run(requests);
}

Status await_addresses(PodNamespace& ns, const PodPlan& plan, const cni::Deadline& deadline) {
  constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 100'000};
  for (const auto& address : plan.addresses) {
    if (!address.is_v6()) continue;
    for (;;) {
      const auto route = TRY(netlink::find_route(ns.socket, netlink::look_up_route(address)));
      if (route && route->type == netlink::RouteType::Local) break;
      TRY(deadline.check("the kernel to make " + address.to_string() + " an address of the pod"));
      (void)::nanosleep(&kLook, nullptr);  // a signal is the deadline's
    }
  }
  return ok();
}

netlink::Route pod_route(const PodLink& link, const PodPlan& plan, const IpAddress& address) {
  return {.destination = Prefix::host(address),
          .protocol = netlink::RouteProtocol::Slash32Pod,
          .scope = address.is_v4() ? netlink::Scope::Link : netlink::Scope::Universe,
          .metric = netlink::kPodMetric,
          .preferred_source = of_family(plan.host_source, address),
          .next_hops = {{.gateway = {}, .link = link.host}}};
}

Status route_to_pod(netlink::Socket& host, const PodLink& link, const PodPlan& plan) {
  // In one exchange: each route with a look-up of what it led to, and the host end as it is now.
  std::vector<Request> requests;
  for (const auto& address : plan.addresses) {
    requests.push_back(netlink::add_route(pod_route(link, plan, address)));
    requests.push_back(netlink::look_up_path(address));
  }
  requests.push_back(netlink::get_link(link.host));
  const auto answers = TRY(host.exchange(requests));
  for (std::size_t i = 0; i < plan.addresses.size(); ++i) {
    const auto& address = plan.addresses[i];
    const auto& added = answers[2 * i];
    if (added.error == EEXIST)
      TRY(resolve_conflict(host, pod_route(link, plan, address), link.host));
    else if (added.error != 0)
      return fail(netlink::refusal(requests[2 * i].what(), added));
    const auto path = added.error == EEXIST ? TRY(netlink::find_route(host, netlink::look_up_path(address)))
                                            : TRY(netlink::route_in(requests[2 * i + 1].what(), answers[2 * i + 1]));
    TRY(pin_source_if_needed(host, link, plan, address, path));
  }
  // The MAC is set in the creation message, which some kernels ignored and udev's MACAddressPolicy rewrites.
  for (const auto& reply : answers.back().replies) {
    const auto read_back = netlink::parse_link(reply);
    if (read_back && read_back->mac != kHostMac) TRY(host.run(netlink::set_link_mac(link.host, kHostMac)));
  }
  return ok();
}

Status remove_link(netlink::Socket& host, IfIndex link) {
  auto request = netlink::delete_link(link);
  const std::string what = request.what();
  const auto answer = TRY(host.ask(std::move(request)));
  if (answer.error != 0 && answer.error != ENODEV) return fail(netlink::refusal(what, answer));
  return ok();
}

}  // namespace slash32::plugin
