#include "bgpd/rib/next_hops.h"

#include "bgpd/rib/id_map.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kMostUnused = 16;  // whose last route may come back in a moment

}  // namespace

NextHop effective_next_hop(const PathAttributes& attributes) {
  const auto& global = attributes.next_hop;
  if (attributes.marks.link != IfIndex{}) return {attributes.link_local.value_or(global), attributes.marks.link};
  return {attributes.link_local && global.is_unspecified() ? *attributes.link_local : global,
          {},
          attributes.marks.resolution};
}

std::uint32_t NextHops::acquire(const NextHop& hop) {
  const auto found = by_hop_.find(hop);
  if (found != by_hop_.end()) {
    Entry& entry = entries_[found->second];
    if (entry.users++ == 0) {
      std::erase(unused_, found->second);
      if (entry.state.silent) entry.state = resolve_(hop);  // nobody followed its silence while it was not used
      count(found->second, 1);
    }
    return found->second;
  }
  std::uint32_t id = 0;
  if (free_.empty()) {
    id = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id].hop = hop;
  entries_[id].state = resolve_(hop);
  entries_[id].users = 1;
  count(id, 1);
  by_hop_.emplace(hop, id);
  return id;
}

void NextHops::release(std::uint32_t id) {
  if (id == 0 || --entries_[id].users != 0) return;
  count(id, -1);
  for (BlockIndex& index : entries_[id].index) index = {};
  unused_.push_back(id);
  if (unused_.size() <= kMostUnused) return;
  const std::uint32_t oldest = unused_.front();
  unused_.erase(unused_.begin());
  by_hop_.erase(entries_[oldest].hop);
  entries_[oldest] = {};
  free_.push_back(oldest);
}

std::uint32_t NextHops::ask_again(const NextHop& hop) {
  const auto found = by_hop_.find(hop);
  if (found == by_hop_.end()) return 0;
  Entry& entry = entries_[found->second];
  const NextHopState state = resolve_(hop);
  if (state == entry.state) return 0;
  const bool is_used = entry.users != 0;
  if (is_used) count(found->second, -1);
  entry.state = state;
  if (is_used) count(found->second, 1);
  return found->second;
}

void NextHops::count(std::uint32_t id, int by) {
  if (!entries_[id].state.resolved) return;
  auto& users = gateways_[in_kernel(id)];
  users += static_cast<unsigned>(by);  // by -1 only where it was counted
  if (users == 0) gateways_.erase(in_kernel(id));
}

std::vector<NextHop> NextHops::all() const {
  std::vector<NextHop> hops;
  hops.reserve(by_hop_.size());
  for (const auto& [hop, id] : by_hop_) hops.push_back(hop);
  return hops;
}

std::uint32_t FibGroups::intern(const FibRoute& route) {
  if (route.next_hops.empty() && !route.blackhole) return 0;
  std::uint32_t hash = mix32(route.metric ^ (route.blackhole ? 1U : 0U));
  for (const auto* hops : {&route.next_hops, &route.backup})
    for (const FibNextHop& hop : *hops)
      hash = mix32(hash ^ static_cast<std::uint32_t>(std::hash<IpAddress>{}(hop.gateway)) ^
                   mix32(static_cast<std::uint32_t>(hop.oif.value)));
  const auto hash_of = [this](std::uint32_t id) { return entries_[id].hash; };
  const auto found = index_.find(hash, hash_of, [&](std::uint32_t id) { return entries_[id].route == route; });
  if (found != 0) return add_reference(found);
  std::uint32_t id = 0;
  if (free_.empty()) {
    id = static_cast<std::uint32_t>(entries_.size());
    entries_.push();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = {route, 1, hash};
  index_.insert(id, hash_of);
  return id;
}

void FibGroups::release(std::uint32_t id) {
  if (id == 0 || --entries_[id].references != 0) return;
  index_.erase(id, [this](std::uint32_t i) { return entries_[i].hash; });
  entries_[id] = {};
  free_.push_back(id);
}

}  // namespace slash32::bgp
