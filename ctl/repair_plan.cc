#include "ctl/repair_plan.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace slash32::ctl {
namespace {

constexpr int kRefused = 1;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// As pod::may_replace() will ask the kernel again: ours, and on this link or a dead one.
bool is_replaceable(const netlink::Route& route, IfIndex own, const NodeView& node) {
  if (route.protocol != netlink::RouteProtocol::Slash32Pod || route.type != netlink::RouteType::Unicast) return false;
  return std::ranges::all_of(route.next_hops, [&](const netlink::NextHop& hop) {
    const auto* link = node.link_of(hop.link);
    return hop.link == own || link == nullptr || !link->up || !link->carrier;
  });
}

void find_route_gaps(const HostEnd& end, const IpAddress& address, const NodeView& node, std::vector<Gap>& out) {
  const std::string what = "route " + Prefix::host(address).to_string();
  bool place_is_taken = false;
  for (const auto& route : node.host_routes) {
    const bool is_own =
        std::ranges::all_of(route.next_hops, [&](const auto& hop) { return hop.link == end.link.index; });
    if (route.destination.address() != address || (is_own && !route.next_hops.empty())) continue;
    if (route.metric > netlink::kPodMetric || is_replaceable(route, end.link.index, node)) continue;
    place_is_taken = place_is_taken || route.metric == netlink::kPodMetric;
    out.push_back({.piece = Piece::Conflict,
                   .address = address,
                   .what = what,
                   .detail = "another's stands there and stays: " + describe(route, node)});
  }
  if (!place_is_taken && !node.has_pod_route(end.link.index, address))
    out.push_back({.piece = Piece::Route, .address = address, .what = what, .detail = {}});
}

/// The name that keeps an address from other pods: lost, or of a pod that an earlier slash32 made.
void find_name_gap(const HostEnd& end, const IpAddress& address, const EndState& state, const NodeView& node,
                   std::vector<Gap>& out) {
  Gap gap{.piece = Piece::Name,
          .address = address,
          .what = "name " + pod::address_name(address) + " of " + address.to_string(),
          .detail = {}};
  if (const auto holder = state.holders.find(address); holder != state.holders.end()) {
    if (holder->second == end.link.name) return;
    const auto* link = node.link_named(holder->second);
    if (link == nullptr || (link->up && link->carrier)) {
      gap.piece = Piece::Conflict;
      gap.detail = "link " + holder->second + " has it and keeps it";
    }
  }
  out.push_back(std::move(gap));
}

bool has_gateway(const EndState& state, const EndWish& wish) {
  return std::ranges::any_of(state.addresses, [&](const IpAddress& address) {
    return address == wish.gateway6 || (wish.any_gateway6 && address.is_link_local());
  });
}

bool has_neighbor(const EndState& state, const IpAddress& address, const netlink::MacAddress& mac) {
  return std::ranges::any_of(state.neighbors, [&](const netlink::Neighbor& neighbor) {
    return neighbor.address == address && neighbor.permanent && neighbor.mac == mac;
  });
}

}  // namespace

std::vector<Gap> find_gaps(const HostEnd& end, const EndState& state, const EndWish& wish, const NodeView& node) {
  std::vector<Gap> out;
  if (!end.link.up)
    return {{.piece = Piece::Conflict,
             .address = {},
             .what = "link " + end.link.name,
             .detail = "is down; nothing can be put back until it is up"}};
  if (!state.wrong_settings.empty())
    out.push_back(
        {.piece = Piece::Settings, .address = {}, .what = "settings " + joined(state.wrong_settings), .detail = {}});
  // Setting the MAC makes the kernel forget the link's neighbours, permanent ones too.
  const bool has_mac = end.link.mac == pod::kHostMac;
  if (!has_mac)
    out.push_back({.piece = Piece::Mac, .address = {}, .what = "MAC " + pod::kHostMac.to_string(), .detail = {}});
  const auto& addresses = end.alias.addresses;
  if (std::ranges::any_of(addresses, &IpAddress::is_v6) && !has_gateway(state, wish))
    out.push_back({.piece = Piece::Gateway,
                   .address = wish.gateway6,
                   .what = "address " + wish.gateway6.to_string() + "/64",
                   .detail = {}});
  for (const auto& address : addresses)
    if (!has_mac || !has_neighbor(state, address, wish.pod_mac))
      out.push_back({.piece = Piece::Neighbor,
                     .address = address,
                     .what = "neighbour entry " + address.to_string(),
                     .detail = {}});
  for (const auto& address : addresses) find_name_gap(end, address, state, node, out);
  for (const auto& address : addresses) find_route_gaps(end, address, node, out);
  return out;
}

Result<std::vector<HostEnd>> select_ends(const NodeView& node, const std::string& pod) {
  if (pod.empty()) return node.ends;
  const auto where = [&](const auto& matches) {
    std::vector<HostEnd> out;
    std::ranges::copy_if(node.ends, std::back_inserter(out), matches);
    return out;
  };
  if (const auto* link = node.link_named(pod)) {
    auto ends = where([&](const HostEnd& end) { return end.link.index == link->index; });
    if (ends.empty()) return fail(kRefused, "link " + pod + " has no alias of ours: it cannot be told what it lacks");
    return ends;
  }
  if (const auto address = IpAddress::parse(pod)) {
    auto ends = where([&](const HostEnd& end) {
      return std::ranges::find(end.alias.addresses, *address) != end.alias.addresses.end();
    });
    if (ends.empty()) return fail(kRefused, "no pod of this node has " + pod);
    if (ends.size() > 1) return fail(kRefused, "more than one pod has " + pod, "see `slash32ctl ipam check`");
    return ends;
  }
  if (auto ends = where([&](const HostEnd& end) { return pod::alias_is_of_container(end.alias, pod); }); !ends.empty())
    return ends;
  auto ends = where([&](const HostEnd& end) { return end.alias.key.container_id.starts_with(pod); });
  std::set<std::string> containers;
  for (const auto& end : ends) containers.insert(end.alias.key.container_id);
  if (ends.empty()) return fail(kRefused, "no pod of this node has container ID, host link or address " + pod);
  if (containers.size() > 1)
    return fail(kRefused, std::to_string(containers.size()) + " containers' IDs begin with " + pod,
                joined({containers.begin(), containers.end()}));
  return ends;
}

}  // namespace slash32::ctl
