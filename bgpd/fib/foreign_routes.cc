#include "bgpd/fib/foreign_routes.h"

#include <algorithm>
#include <utility>

namespace slash32::bgp {
namespace {

using netlink::RouteProtocol;
using netlink::RouteType;

bool is_followed_type(RouteType type) {
  return type == RouteType::Unicast || type == RouteType::Blackhole || type == RouteType::Unreachable ||
         type == RouteType::Prohibit;
}

/// As they were configured: whether they are dead now the links say, and no event tells when that changes.
std::vector<netlink::NextHop> without_state(std::vector<netlink::NextHop> hops) {
  for (auto& hop : hops) hop.link_down = hop.dead = false;
  return hops;
}

template <class Map, class Key>
void add(Map& map, const Key& key, int by) {
  auto& count = map[key];
  count += static_cast<std::size_t>(by);  // by -1 only where it was counted
  if (count == 0) map.erase(key);
}

}  // namespace

bool ForeignRoutes::wants(const netlink::Route& route) const {
  if ((route.table != table_ && route.table != netlink::kMainTable) || route.tos != 0) return false;
  if (!is_followed_type(route.type)) return false;
  if (follow_ == Follow::Configured)
    return std::ranges::find(kConfiguredRoutes, route.protocol) != std::end(kConfiguredRoutes);
  return route.protocol != RouteProtocol::Kernel && route.protocol != RouteProtocol::Slash32Pod &&
         route.protocol != RouteProtocol::Slash32Aggregate && route.protocol != RouteProtocol::Slash32Bgp;
}

std::vector<ForeignRoutes::Entry>::iterator ForeignRoutes::find(std::vector<Entry>& entries,
                                                                const netlink::Route& route) const {
  return std::ranges::find_if(entries,
                              [&](const Entry& e) { return e.table == route.table && e.metric == route.metric; });
}

void ForeignRoutes::on_route(const netlink::Route& route, bool gone, bool replaces) {
  if (route.tos != 0 || too_many_) return;
  const bool wanted = !gone && wants(route);
  const auto known = routes_.find(route.destination);
  if (known != routes_.end()) {
    const auto at = find(known->second, route);
    if (at != known->second.end()) {
      const bool same = at->type == route.type && at->next_hops == without_state(route.next_hops);
      // One of several of the same metric came or went (IPv6 and `append`): the event does not tell what stands now.
      if ((gone && !same) || (wanted && !replaces && !same)) doubtful_ = true;
      if (wanted && same) return;
      if ((gone && same) || replaces) erase(route.destination, at);
    }
  }
  if (wanted && !doubtful_) put(route);
}

void ForeignRoutes::put(const netlink::Route& route) {
  if (size_ >= most_) return give_up();
  auto& entries = routes_[route.destination];
  if (find(entries, route) != entries.end()) return;  // a dump has each once; the first one is used by the kernel
  Entry entry{route.table, route.metric, route.type, route.preferred_source, without_state(route.next_hops)};
  count(route.destination, entry, 1);
  entries.insert(std::ranges::upper_bound(entries, entry.metric, {}, &Entry::metric), std::move(entry));
  ++size_;
  changed_ = true;
}

void ForeignRoutes::erase(const Prefix& prefix, std::vector<Entry>::iterator at) {
  const auto known = routes_.find(prefix);
  count(prefix, *at, -1);
  known->second.erase(at);
  if (known->second.empty()) routes_.erase(known);
  --size_;
  changed_ = true;
}

void ForeignRoutes::count(const Prefix& prefix, const Entry& entry, int by) {
  for (const auto& hop : entry.next_hops) {
    if (hop.gateway) add(gateways_, std::pair{*hop.gateway, hop.link}, by);
    add(through_, hop.link, by);
    if (prefix.family() == AddressFamily::IPv4) add(v4_through_, hop.link, by);
  }
  if (entry.source) add(sources_, *entry.source, by);
}

void ForeignRoutes::give_up() {
  const auto table = table_;
  const auto most = most_;
  const auto follow = follow_;
  *this = ForeignRoutes(table, most);
  follow_ = follow;
  changed_ = too_many_ = true;
}

void ForeignRoutes::load(std::span<const netlink::Route> routes) {
  const auto before = std::exchange(routes_, {});
  const bool was_too_many = std::exchange(too_many_, false), was_changed = changed_;
  gateways_.clear();
  through_.clear();
  v4_through_.clear();
  sources_.clear();
  size_ = 0;
  doubtful_ = false;
  for (const auto& route : routes)
    if (!too_many_ && wants(route)) put(route);
  changed_ = was_changed || was_too_many != too_many_ || routes_ != before;
}

void ForeignRoutes::link_lost(IfIndex link) { doubtful_ = doubtful_ || v4_through_.contains(link); }

void ForeignRoutes::address_lost(const IpAddress& address, IfIndex link) {
  doubtful_ = doubtful_ || sources_.contains(address) || (address.is_v4() && v4_through_.contains(link));
}

std::span<const ForeignRoutes::Entry> ForeignRoutes::at(const Prefix& prefix) const {
  const auto found = routes_.find(prefix);
  if (found == routes_.end()) return {};
  return found->second;
}

std::vector<IfIndex> ForeignRoutes::links_of_gateway(const IpAddress& address) const {
  std::vector<IfIndex> out;
  for (auto at = gateways_.lower_bound({address, IfIndex{}}); at != gateways_.end() && at->first.first == address; ++at)
    out.push_back(at->first.second);
  return out;
}

}  // namespace slash32::bgp
