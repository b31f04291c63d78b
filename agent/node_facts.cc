#include "agent/node_facts.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "common/netlink/addressing.h"
#include "common/netlink/bulk.h"
#include "common/netlink/links.h"
#include "common/netlink/socket.h"

namespace slash32::agent {
namespace {

constexpr std::chrono::milliseconds kPatience{500};

/// The kernel's default route of a family, if it has one: what matches an address that documentation uses, and is /0. A
/// lab's node may be in one of its networks: then another of them.
Result<std::optional<netlink::Route>> default_route(netlink::Socket& socket, AddressFamily family) {
  using Addresses = std::array<const char*, 2>;
  for (const char* outside : family == AddressFamily::IPv4 ? Addresses{"192.0.2.1", "203.0.113.254"}
                                                           : Addresses{"2001:db8::1", "2001:db8:ffff::fe"}) {
    const auto address = TRY(IpAddress::parse(outside));
    auto found = TRY(netlink::find_route(socket, netlink::look_up_route(address)));
    if (found && found->destination.is_default()) return found;
  }
  return std::nullopt;
}

}  // namespace

Result<NodeFacts> read_node_facts() {
  NodeFacts out;
  auto socket = TRY(netlink::Socket::open(netlink::Family::Route, kPatience));
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    const auto route = TRY(default_route(socket, family));
    if (!route) continue;
    auto& way = out.ways[family];
    for (const auto& hop : route->next_hops) {
      const auto link = TRY(netlink::find_link(socket, hop.link));
      if (!link) continue;
      if (hop.gateway) way.gateways.push_back({.address = *hop.gateway, .interface = link->name});
      way.mtu = way.mtu ? std::min(*way.mtu, link->mtu) : link->mtu;
    }
  }
  return out;
}

std::vector<plan::DefaultGateway> NodeFacts::default_gateways() const {
  std::vector<plan::DefaultGateway> out;
  for (const auto& [family, way] : ways) out.insert(out.end(), way.gateways.begin(), way.gateways.end());
  return out;
}

std::optional<Mtu> NodeFacts::mtu() const {
  std::optional<Mtu> out;
  for (const auto& [family, way] : ways)
    if (way.mtu) out = out ? std::min(*out, *way.mtu) : *way.mtu;
  return out;
}

NodeFacts last_known(NodeFacts before, NodeFacts now) {
  now.ways.merge(before.ways);
  return now;
}

Result<std::vector<Prefix>> ranges_with_pods(const std::vector<Prefix>& ranges) {
  if (ranges.empty()) return ranges;
  std::set<Prefix> alive;
  auto bulk = TRY(netlink::Bulk::open());
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    TRY(bulk.dump_routes(
        {.family = family, .table = netlink::kMainTable, .protocol = netlink::RouteProtocol::Slash32Pod, .link = {}},
        [] {},
        [&](const netlink::Route& route) {
          for (const auto& range : ranges)
            if (range.contains(route.destination)) alive.insert(range);
        }));
  return std::vector<Prefix>(alive.begin(), alive.end());
}

}  // namespace slash32::agent
