#include "bgpd/fib/watch_state.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace slash32::bgp {
namespace {

/// The subnet an address makes reachable on its link; nothing for a host address without a far end. fe80::/10 says
/// nothing either: it is on every link.
std::optional<Prefix> subnet_of(const netlink::Address& a) {
  if (a.duplicate || (a.address.is_v6() && a.address.is_link_local())) return std::nullopt;
  if (a.peer) return Prefix(*a.peer, a.prefix_length);
  if (a.prefix_length == a.address.bits()) return std::nullopt;
  return Prefix(a.address, a.prefix_length);
}

bool is_usable(const netlink::Address& a) { return !a.tentative && !a.duplicate; }

bool is_global(const netlink::Address& a) {
  return is_usable(a) && a.scope == netlink::Scope::Universe && !a.address.is_loopback() && !a.address.is_link_local();
}

/// Kinds of links whose addresses say nothing of the node. A veth, VLAN, bond or macvlan may well be its uplink.
constexpr std::array<std::string_view, 12> kMadeUp{"bridge", "dummy",  "tun", "wireguard", "vxlan",  "geneve",
                                                   "ipip",   "ip6tnl", "sit", "gre",       "ip6gre", "ifb"};

bool same(const netlink::Address& a, const netlink::Address& b) {
  return a.prefix_length == b.prefix_length && a.scope == b.scope && a.tentative == b.tentative &&
         a.duplicate == b.duplicate && a.secondary == b.secondary && a.peer == b.peer;
}

}  // namespace

// ---------------------------------------------------------------- links

WatchState::LinkState& WatchState::link(IfIndex index) { return links_[index]; }

void WatchState::on_link(const netlink::Link& link, bool gone) {
  if (gone) return remove_link(link.index);
  const bool known = links_.contains(link.index);
  LinkState& state = links_[link.index];
  const LinkState before = state;
  state.up = link.up;
  state.carrier = link.carrier;
  state.loopback = link.loopback;
  state.made_up = std::ranges::find(kMadeUp, link.kind) != kMadeUp.end();
  if (known && state == before) return;
  link_changed(link.index, state);
  // The kernel drops every route through a link that goes down, IPv4's without a word, and brings none back.
  if (before.up && !state.up) lose_routes_through(link.index);
  if (!state.up) foreign_.link_lost(link.index);
  touch_pods_of(link.index);
}

void WatchState::remove_link(IfIndex index) {
  const auto at = links_.find(index);
  if (at == links_.end()) return;
  link_changed(index, at->second);
  while (!at->second.addresses.empty()) remove_address(at->second, at->second.addresses.begin()->first);
  lose_routes_through(index);
  foreign_.link_lost(index);
  links_.erase(at);
}

void WatchState::link_changed(IfIndex index, const LinkState& state) {
  links_changed_.insert(index);
  // A pod's link carries a link-local address at most: no next hop resolves through it.
  next_hops_changed_ = next_hops_changed_ || std::ranges::any_of(state.addresses, [](const auto& a) {
                         return subnet_of(a.second).has_value();
                       });
  next_hops_changed_ = next_hops_changed_ || foreign_.leads_through(index);
}

// ---------------------------------------------------------------- addresses

void WatchState::on_address(const netlink::Address& address, bool gone) {
  if (!gone) return put_address(address);
  const auto at = links_.find(address.link);
  if (at == links_.end() || !at->second.addresses.contains(address.address)) return;
  remove_address(at->second, address.address);
}

void WatchState::put_address(const netlink::Address& address) {
  LinkState& state = link(address.link);
  const auto before = state.addresses.find(address.address);
  if (before != state.addresses.end()) {
    if (same(before->second, address)) return;  // a lifetime was renewed
    remove_address(state, address.address);
    if (address.address.is_v4()) pod_routes_doubtful_ = true;
  }
  state.addresses.emplace(address.address, address);
  ++local_[address.address];
  if (const auto subnet = subnet_of(address)) connected_[*subnet].insert(address.link);
  links_changed_.insert(address.link);
  next_hops_changed_ = next_hops_changed_ || !address.address.is_link_local() || address.address.is_v4();
}

/// By value: callers hand over a key of the map it is erased from.
void WatchState::remove_address(LinkState& state, IpAddress address) {
  const netlink::Address gone = state.addresses.at(address);
  state.addresses.erase(address);
  if (--local_[address] == 0) local_.erase(address);
  if (const auto subnet = subnet_of(gone)) {
    auto& links = connected_[*subnet];
    links.erase(links.find(gone.link));
    if (links.empty()) connected_.erase(*subnet);
  }
  links_changed_.insert(gone.link);
  foreign_.address_lost(address, gone.link);
  next_hops_changed_ = next_hops_changed_ || !address.is_link_local() || address.is_v4();
  pod_routes_doubtful_ = pod_routes_doubtful_ || address.is_v4();
}

// ---------------------------------------------------------------- pod routes

bool WatchState::is_pod_route(const netlink::Route& route) const {
  return route.table == table_ && route.protocol == netlink::RouteProtocol::Slash32Pod &&
         route.type == netlink::RouteType::Unicast && route.destination.is_host() && route.tos == 0 &&
         route.next_hops.size() == 1;
}

void WatchState::on_route(const netlink::Route& route, bool gone, bool replaces) {
  if (route.protocol != netlink::RouteProtocol::Slash32Pod) foreign_.on_route(route, gone, replaces);
  if (route.table != table_ || !route.destination.is_host() || route.tos != 0) return;
  if (is_pod_route(route) && !gone) {
    put_route(route.destination, route.metric, route.next_hops.front().link);
  } else if (is_pod_route(route) || replaces) {  // a stranger's replacement puts ours away without another word
    remove_route(route.destination, route.metric);
  }
}

void WatchState::put_route(const Prefix& pod, std::uint32_t metric, IfIndex link) {
  remove_route(pod, metric);
  pods_[pod].routes[metric] = link;
  pods_by_link_[link].insert(pod);
  touched_.insert(pod);
}

void WatchState::remove_route(const Prefix& pod, std::uint32_t metric) {
  const auto at = pods_.find(pod);
  if (at == pods_.end()) return;
  const auto route = at->second.routes.find(metric);
  if (route == at->second.routes.end()) return;
  const IfIndex link = route->second;
  at->second.routes.erase(route);
  touched_.insert(pod);
  const bool still = std::ranges::any_of(at->second.routes, [&](const auto& r) { return r.second == link; });
  if (still) return;
  const auto by_link = pods_by_link_.find(link);
  by_link->second.erase(pod);
  if (by_link->second.empty()) pods_by_link_.erase(by_link);
}

void WatchState::touch_pods_of(IfIndex index) {
  if (const auto at = pods_by_link_.find(index); at != pods_by_link_.end())
    touched_.insert(at->second.begin(), at->second.end());
}

void WatchState::lose_routes_through(IfIndex index) {
  const auto at = pods_by_link_.find(index);
  if (at == pods_by_link_.end()) return;
  const std::set<Prefix> lost = std::move(at->second);
  pods_by_link_.erase(at);
  for (const Prefix& pod : lost) {
    std::erase_if(pods_[pod].routes, [&](const auto& route) { return route.second == index; });
    touched_.insert(pod);
  }
}

bool WatchState::is_live(const Pod& pod) const {
  return std::ranges::any_of(pod.routes, [&](const auto& route) {
    const auto at = links_.find(route.second);
    return at != links_.end() && at->second.up;
  });
}

// ---------------------------------------------------------------- dumps and differences

void WatchState::load(const KernelDump& dump) {
  std::set<IfIndex> links;
  for (const netlink::Link& one : dump.links) links.insert(one.index);
  std::vector<IfIndex> gone;
  for (const auto& [index, state] : links_)
    if (!links.contains(index)) gone.push_back(index);
  for (const IfIndex index : gone) remove_link(index);
  for (const netlink::Link& one : dump.links) on_link(one, false);

  std::set<std::pair<IfIndex, IpAddress>> addresses;
  for (const netlink::Address& one : dump.addresses) addresses.emplace(one.link, one.address);
  std::vector<std::pair<IfIndex, IpAddress>> lost;
  for (const auto& [index, state] : links_)
    for (const auto& [address, value] : state.addresses)
      if (!addresses.contains({index, address})) lost.emplace_back(index, address);
  for (const auto& [index, address] : lost) remove_address(links_[index], address);
  for (const netlink::Address& one : dump.addresses)
    if (links.contains(one.link)) put_address(one);  // else its link came after the links' dump: an event follows
  load_pod_routes(dump.pod_routes);
  pod_routes_doubtful_ = false;
}

void WatchState::load_pod_routes(const std::vector<netlink::Route>& routes) {
  std::set<std::pair<Prefix, std::uint32_t>> there;
  for (const netlink::Route& route : routes)
    if (is_pod_route(route)) there.emplace(route.destination, route.metric);
  std::vector<std::pair<Prefix, std::uint32_t>> lost;
  for (const auto& [prefix, pod] : pods_)
    for (const auto& [metric, link] : pod.routes)
      if (!there.contains({prefix, metric})) lost.emplace_back(prefix, metric);
  for (const auto& [prefix, metric] : lost) remove_route(prefix, metric);
  for (const netlink::Route& route : routes) on_route(route, false, false);
}

KernelEvents WatchState::take() {
  KernelEvents out;
  for (const Prefix& prefix : std::exchange(touched_, {})) {
    const auto at = pods_.find(prefix);
    if (at == pods_.end()) continue;
    const bool live = is_live(at->second);
    if (live != at->second.told) out.pods.push_back({prefix, live});
    at->second.told = live;
    if (at->second.routes.empty()) pods_.erase(at);
  }
  out.links_changed.assign(links_changed_.begin(), links_changed_.end());
  links_changed_.clear();
  out.next_hops_may_have_changed = std::exchange(next_hops_changed_, false);
  out.routes_changed = foreign_.take_changed();
  return out;
}

// ---------------------------------------------------------------- questions

Resolution WatchState::resolve_on_link(const IpAddress& next_hop, IfIndex link) const {
  const auto at = links_.find(link);
  if (at == links_.end()) return {};
  const LinkState& state = at->second;
  const bool has_own = std::ranges::any_of(
      state.addresses, [](const auto& a) { return a.first.is_v6() && a.first.is_link_local() && !a.second.duplicate; });
  if (!state.up || !state.carrier || state.loopback || !has_own || state.addresses.contains(next_hop)) return {};
  return {.resolved = true, .oif = link};
}

Resolution WatchState::resolve(const IpAddress& next_hop, IfIndex link, NextHopResolution how) const {
  if (next_hop.is_v6() && next_hop.is_link_local()) return resolve_on_link(next_hop, link);
  // The node itself is no way out (RFC 4271 section 5.1.3 calls such a next hop semantically incorrect).
  if (is_local(next_hop) || next_hop.is_unspecified() || next_hop.is_multicast() || next_hop.is_loopback()) return {};
  const bool recursive = how != NextHopResolution::OnLink && foreign_.followed() == Follow::All;
  const int least = recursive && how == NextHopResolution::RecursiveViaDefault ? 0 : 1;
  for (int length = next_hop.bits(); length >= least; --length) {
    const Prefix subnet(next_hop, static_cast<std::uint8_t>(length));
    const bool has_ends = next_hop.is_v4() && length < 31;  // RFC 3021: a /31 has neither network nor broadcast
    const bool is_end = has_ends && (next_hop == subnet.address() || next_hop == subnet.last_address());
    if (is_end && connected_.contains(subnet)) return {};
    if (const auto found = link_to(subnet, /*loopback_too=*/false)) return {.resolved = true, .oif = *found};
    if (!recursive) continue;
    if (const auto found = route_to(subnet)) return *found;
  }
  return {};
}

/// By another's route to exactly this subnet that has a gateway. One that discards ends the search unresolved. The
/// kernel takes a gateway that it does not find on link by itself only with a flag of that route's: passed over.
std::optional<Resolution> WatchState::route_to(const Prefix& subnet) const {
  for (const auto& route : foreign_.at(subnet)) {
    if (route.type != netlink::RouteType::Unicast) return Resolution{};
    for (const auto& hop : route.next_hops) {
      if (!hop.gateway || !is_usable_link(hop.link) || links_.at(hop.link).loopback) continue;
      if (hop.on_link && !hop.gateway->is_link_local() && resolve(*hop.gateway).oif != hop.link) continue;
      return Resolution{.resolved = true, .oif = hop.link, .gateway = hop.gateway, .metric = route.metric};
    }
  }
  return std::nullopt;
}

bool WatchState::is_usable_link(IfIndex index) const {
  const auto at = links_.find(index);
  return at != links_.end() && at->second.up && at->second.carrier;
}

/// The link that leads to exactly this subnet without a gateway: by an address of ours, or by a route that somebody
/// configured ("dev eth0").
std::optional<IfIndex> WatchState::link_to(const Prefix& subnet, bool loopback_too) const {
  const auto good = [&](IfIndex link) { return is_usable_link(link) && (loopback_too || !links_.at(link).loopback); };
  if (const auto at = connected_.find(subnet); at != connected_.end())
    for (const IfIndex link : at->second)
      if (good(link)) return link;
  for (const auto& route : foreign_.at(subnet)) {
    if (route.type != netlink::RouteType::Unicast) continue;  // IPv6 routes that discard name lo
    for (const auto& hop : route.next_hops)
      if (!hop.gateway && good(hop.link)) return hop.link;
  }
  return std::nullopt;
}

bool WatchState::is_connected(const IpAddress& address, IfIndex link) const {
  if (is_local(address)) return true;  // another daemon on this node
  if (const auto pod = pods_.find(Prefix::host(address)); pod != pods_.end() && is_live(pod->second)) return true;
  if (address.is_v6() && address.is_link_local()) return resolve_on_link(address, link).resolved;
  for (int length = address.bits(); length > 0; --length)
    if (link_to(Prefix(address, static_cast<std::uint8_t>(length)), /*loopback_too=*/true)) return true;
  return std::ranges::any_of(foreign_.links_of_gateway(address), [&](IfIndex one) { return is_usable_link(one); });
}

std::vector<Prefix> WatchState::connected_subnets() const {
  std::vector<Prefix> out;
  for (const auto& [subnet, links] : connected_) {
    if (subnet.is_host() || subnet.address().is_loopback()) continue;  // a pointopoint peer's own address is no subnet
    if (std::ranges::any_of(links, [&](IfIndex link) { return is_usable_link(link); })) out.push_back(subnet);
  }
  return out;
}

template <class Accept>
std::optional<IpAddress> WatchState::lowest_beside(const IpAddress& local, IfIndex link, Accept accept) const {
  for (const auto& [index, state] : links_) {
    if ((link != IfIndex{} && index != link) || !state.addresses.contains(local)) continue;
    for (const auto& [address, value] : state.addresses)  // in order
      if (accept(value)) return address;
  }
  return std::nullopt;
}

std::optional<IpAddress> WatchState::address_beside(const IpAddress& local, AddressFamily family, IfIndex link) const {
  const auto good = [&](const netlink::Address& a) { return a.address.family() == family && is_global(a); };
  const auto lasting = lowest_beside(local, link, [&](const auto& a) { return good(a) && !a.secondary; });
  return lasting ? lasting : lowest_beside(local, link, good);
}

std::optional<IpAddress> WatchState::link_local_beside(const IpAddress& local, IfIndex link) const {
  return lowest_beside(local, link, [](const netlink::Address& a) {
    return a.address.is_v6() && a.address.is_link_local() && is_usable(a);
  });
}

std::optional<IpAddress> WatchState::own_v4(std::span<const IpAddress> neighbors) const {
  const auto holds_one = [&](const netlink::Address& a) {
    const auto subnet = subnet_of(a);
    return subnet && std::ranges::any_of(neighbors, [&](const IpAddress& n) { return subnet->contains(n); });
  };
  std::array<std::optional<IpAddress>, 3> lowest;  // by preference
  for (const auto& [index, state] : links_) {
    const bool beside = std::ranges::any_of(state.addresses, [&](const auto& a) { return holds_one(a.second); });
    if (!beside && (state.loopback || state.made_up)) continue;
    for (const auto& [address, value] : state.addresses) {
      if (!address.is_v4() || !is_global(value) || value.secondary || !subnet_of(value)) continue;
      auto& best = lowest[holds_one(value) ? 0 : beside ? 1 : 2];
      if (!best || address < *best) best = address;
    }
  }
  for (const auto& best : lowest)
    if (best) return best;
  return std::nullopt;
}

}  // namespace slash32::bgp
