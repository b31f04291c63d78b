#include "plugin/pod_link.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/netns.h"
#include "common/pod/host_route.h"
#include "common/pod/settings.h"
#include "plugin/names.h"
#include "plugin/pod_settings.h"

namespace slash32::plugin {
namespace {

using netlink::Request;

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
  TRY(write_setting(pod::ipv6_setting("lo", "disable_ipv6"), "0"));
  TRY(write_setting(pod::ipv6_setting(ifname, "disable_ipv6"), "0"));
  TRY(write_setting(pod::ipv6_setting(ifname, "accept_ra"), "0"));
  return write_setting(pod::ipv6_setting(ifname, "accept_dad"), "0");
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

const std::optional<IpAddress>& of_family(const config::PerFamily& sources, const IpAddress& address) {
  return address.is_v4() ? sources.v4 : sources.v6;
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

Result<bool> has_default_route(PodNamespace& ns) {
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    const auto routes = TRY(netlink::list_routes(ns.socket, family, netlink::kMainTable));
    const bool has = std::ranges::any_of(routes, [](const netlink::Route& route) {
      return route.destination.is_default() && route.type == netlink::RouteType::Unicast;
    });
    if (has) return true;
  }
  return false;
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
  TRY(pod::prepare_host_ipv6(link.host_name, plan.has_v6()));
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
  return ns.socket.run(requests);
}

Status await_addresses(PodNamespace& ns, const PodPlan& plan, const cni::Deadline& deadline) {
  using std::chrono::nanoseconds, std::chrono::microseconds, std::chrono::milliseconds;
  constexpr nanoseconds kFirst = microseconds{100}, kLongest = milliseconds{5};
  // A quarter longer each time: sixty-four that wait at once must leave the processors to what they wait for.
  nanoseconds pause = kFirst;
  for (const auto& address : plan.addresses) {
    if (!address.is_v6()) continue;
    for (;;) {
      const auto route = TRY(netlink::find_route(ns.socket, netlink::look_up_route(address)));
      // Anycast: a pod that forwards has the first address of each subnet of its other interfaces (RFC 4291 section
      // 2.6.1). Live either way; the kernel shows the one it had first.
      if (route && (route->type == netlink::RouteType::Local || route->type == netlink::RouteType::Anycast)) break;
      TRY(deadline.check("the kernel to make " + address.to_string() + " an address of the pod"));
      const timespec time{.tv_sec = 0, .tv_nsec = pause.count()};
      (void)::nanosleep(&time, nullptr);  // a signal is the deadline's
      pause = std::min(pause + pause / 4, kLongest);
    }
  }
  return ok();
}

netlink::Route pod_route(const PodLink& link, const PodPlan& plan, const IpAddress& address) {
  return pod::host_route(link.host, address, of_family(plan.host_source, address));
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
      TRY(pod::resolve_conflict(host, pod_route(link, plan, address)));
    else if (added.error != 0)
      return fail(netlink::refusal(requests[2 * i].what(), added));
    const auto path = added.error == EEXIST ? TRY(netlink::find_route(host, netlink::look_up_path(address)))
                                            : TRY(netlink::route_in(requests[2 * i + 1].what(), answers[2 * i + 1]));
    if (!of_family(plan.host_source, address))
      TRY(pod::pin_source_if_needed(host, pod_route(link, plan, address), of_family(plan.node_address, address), path));
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
