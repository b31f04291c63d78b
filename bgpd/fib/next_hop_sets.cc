#include "bgpd/fib/next_hop_sets.h"

#include <algorithm>

#include "bgpd/fib/fib_plan.h"

namespace slash32::bgp {

NextHopSets::NextHopSets() : slots_(2) {}  // kNoRoute and kBlackhole

SetId NextHopSets::take(std::vector<FibNextHop> next_hops, std::uint32_t metric, std::vector<FibNextHop> backup) {
  if (next_hops.empty() && metric == 0) return kBlackhole;
  if (last_id_ != kNoRoute && metric == last_.metric && next_hops == last_.hops && backup == last_.backup) {
    hold(last_id_);
    return last_id_;
  }
  last_ = {next_hops, metric, backup};
  last_id_ = take_canonical({canonical(std::move(next_hops)), metric, canonical(std::move(backup))});
  return last_id_;
}

SetId NextHopSets::take_canonical(Value value) {
  if (const auto known = by_value_.find(value); known != by_value_.end()) {
    hold(known->second);
    return known->second;
  }
  SetId id = static_cast<SetId>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  slots_[id].users = 1;
  slots_[id].metric = value.metric;
  slots_[id].backup = value.backup;
  for (const FibNextHop& hop : value.hops) slots_[id].hops.push_back({.gateway = hop.gateway, .link = hop.oif});
  by_value_.emplace(std::move(value), id);
  return id;
}

void NextHopSets::drop(SetId id) {
  if (id <= kBlackhole || --slots_[id].users > 0) return;
  if (id == last_id_) last_id_ = kNoRoute;
  Value value{{}, slots_[id].metric, slots_[id].backup};
  for (const netlink::NextHop& hop : slots_[id].hops) value.hops.push_back({*hop.gateway, hop.link});
  if (slots_[id].group != netlink::NextHopId{}) unused_groups_.push_back(slots_[id].group);
  by_value_.erase(value);
  slots_[id] = {};
  free_.push_back(id);
}

void NextHopSets::unblock_all() {
  for (Slot& slot : slots_) slot.blocked = 0;
}

std::vector<SetId> NextHopSets::lose_groups(std::span<const netlink::NextHopId> gone) {
  std::vector<SetId> out;
  for (SetId id = kBlackhole + 1; id < slots_.size(); ++id) {
    if (slots_[id].group == netlink::NextHopId{} || std::ranges::find(gone, slots_[id].group) == gone.end()) continue;
    slots_[id].group = {};
    out.push_back(id);
  }
  return out;
}

bool NextHopSets::uses(SetId id, IfIndex link) const {
  return std::ranges::any_of(slots_[id].hops, [&](const netlink::NextHop& hop) { return hop.link == link; });
}

bool NextHopSets::any_uses(IfIndex link) const {
  return std::ranges::any_of(by_value_, [&](const auto& known) { return uses(known.second, link); });
}

}  // namespace slash32::bgp
