// The table and its members; output: adj_rib_out_flush.cc.
#include "bgpd/rib/adj_rib_out.h"

#include <algorithm>

namespace slash32::bgp {

bool Audience::includes(PeerSlot slot) const {
  return only != kNoSlot ? only == slot : std::ranges::find(except, slot) == except.end();
}

AdjRibOut::AdjRibOut(ExportSettings settings, OutTables tables, std::size_t lane)
    : settings_(std::move(settings)), tables_(tables), lane_(lane) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    complete_[family] = lane > 0 || !settings_.sends(family_of(family)) || (*tables_.prefixes)[family].end() == 0;
}

AdjRibOut::~AdjRibOut() {
  queue_.clear(tables_);
  for (const auto& sets : sets_)
    for (std::size_t id = 0; id < sets.size(); ++id) tables_.sets->release(sets[id]);
}

OutState AdjRibOut::state(std::size_t family, PrefixId id) const {
  if (id >= sets_[family].size()) return {};
  return {sets_[family][id], from_[family][id]};
}

void AdjRibOut::set_source(std::size_t family, PrefixId id, PathId source) {
  sources_[family].grow_to(id + 1);
  sources_[family][id] = source;
}

bool AdjRibOut::holds(std::size_t family, PrefixId id, PeerSlot from, PathId source) const {
  const OutState now = state(family, id);
  return now.set != 0 && now.from == from && id < sources_[family].size() && sources_[family][id] == source;
}

void AdjRibOut::set(std::size_t family, PrefixId id, OutState next) {
  const OutState old = state(family, id);
  if (next.set == 0) next.from = kNoSlot;
  if (old == next) {
    tables_.sets->release(next.set);
    return;
  }
  // Somebody may need a withdrawal: everybody, or the peer that the route now comes from.
  const bool urgent = next.set == 0 || (old.set != 0 && next.from != old.from);
  for (std::size_t i = 0; i < detached_.size();) {
    OutMember& member = *detached_[i];
    const bool told_by_its_walk = member.walk[family].active && id >= member.walk[family].next;
    if (!told_by_its_walk && is_idle(member) && queue_.empty()) {
      attach(member);  // and out of this list
      continue;
    }
    if (!told_by_its_walk) member.queue.push(tables_, family, id, old, urgent, false);
    ++i;
  }
  if (attached_ > 0) queue_.push(tables_, family, id, old, urgent, false);
  sets_[family].grow_to(id + 1);
  from_[family].grow_to(id + 1);
  sets_[family][id] = next.set;
  from_[family][id] = next.from;
  tables_.sets->release(old.set);
}

void AdjRibOut::advance_build(std::size_t family) {
  if (++built_[family] >= (*tables_.prefixes)[family].end()) complete_[family] = true;
}

// What this member hears of a state.
SetId AdjRibOut::visible(const OutState& state, const OutMember& member) const {
  if (state.set == 0 || state.from == member.slot) return 0;
  // RFC 4271 section 5.1.3: never an address of the peer itself as its next hop.
  if (settings_.keeps_next_hop() && tables_.sets->next_hop(state.set) == member.address) return 0;
  return state.set;
}

OutMember* AdjRibOut::attached_at(PeerSlot slot) const {
  OutMember* member = slot < by_slot_.size() ? by_slot_[slot] : nullptr;
  return member != nullptr && member->attached ? member : nullptr;
}

OutMember* AdjRibOut::attached_at_next_hop(SetId set) const {
  if (set == 0 || !settings_.keeps_next_hop()) return nullptr;
  const auto found = by_address_.find(tables_.sets->next_hop(set));
  return found != by_address_.end() && found->second->attached ? found->second : nullptr;
}

// ---------------------------------------------------------------- members

void AdjRibOut::join(OutMember& member) {
  member.attached = false;
  member.told = {};
  for (std::size_t family = 0; family < kFamilies; ++family)
    member.walk[family] = {.active = settings_.sends(family_of(family)), .next = 0};
  members_.push_back(&member);
  detached_.push_back(&member);
  if (by_slot_.size() <= member.slot) by_slot_.resize(member.slot + 1);
  by_slot_[member.slot] = &member;
  by_address_[member.address] = &member;
}

void AdjRibOut::join(OutMember& member, const std::array<std::vector<SetId>, kFamilies>& told) {
  join(member);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    member.walk[family].active = false;
    const PrefixId end = (*tables_.prefixes)[family].end();
    for (PrefixId id = 0; id < end; ++id) {
      const SetId before = id < told[family].size() ? told[family][id] : 0;
      if (before != 0) ++member.told[family];
      const SetId now = visible(state(family, id), member);
      // `from` is nobody: this is what it was told, whoever it came from.
      if (before != now) member.queue.push(tables_, family, id, {before, kNoSlot}, now == 0, false);
      tables_.sets->release(before);
    }
  }
}

void AdjRibOut::leave(OutMember& member) {
  std::erase(members_, &member);
  std::erase(detached_, &member);
  by_slot_[member.slot] = nullptr;
  const auto found = by_address_.find(member.address);
  if (found != by_address_.end() && found->second == &member) by_address_.erase(found);
  if (member.attached && --attached_ == 0) {
    queue_.clear(tables_);
    told_ = {};
  }
  member.attached = false;
  member.queue.clear(tables_);
  member.backlog.clear();
  member.backlog_bytes = 0;
  member.walk = {};
  member.told = {};
  for (EndOfRib& end : member.end_of_rib)  // the mark was one of the queue that is gone
    if (end.phase == EndOfRib::Phase::Marked) end.phase = EndOfRib::Phase::TableReady;
}

// Nothing is left to be said to it: it knows what the table says.
bool AdjRibOut::is_idle(const OutMember& member) const {
  if (!member.queue.empty()) return false;
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (member.walk[family].active || member.end_of_rib[family].phase != EndOfRib::Phase::Sent) return false;
  return true;
}

void AdjRibOut::attach(OutMember& member) {
  member.attached = true;
  std::erase(detached_, &member);
  ++attached_;
  for (std::size_t family = 0; family < kFamilies; ++family) member.told[family] -= told_[family];
}

void AdjRibOut::detach(OutMember& member) {
  member.attached = false;
  detached_.push_back(&member);
  member.queue.copy_from(tables_, queue_);
  for (std::size_t family = 0; family < kFamilies; ++family) member.told[family] += told_[family];
  if (--attached_ > 0) return;
  queue_.clear(tables_);
  told_ = {};
}

void AdjRibOut::again(OutMember& member, std::size_t family) {
  if (!settings_.sends(family_of(family))) return;
  if (member.attached) detach(member);
  const OutMember::Walk& walk = member.walk[family];
  const auto end = static_cast<PrefixId>(sets_[family].size());
  for (PrefixId id = 0; id < end && (!walk.active || id < walk.next); ++id)
    if (const OutState now = state(family, id); now.set != 0) member.queue.push(tables_, family, id, now, false, true);
}

SetId AdjRibOut::told(const OutMember& member, std::size_t family, PrefixId id) const {
  if (member.walk[family].active && id >= member.walk[family].next) return 0;
  const OutQueue& queue = member.attached ? queue_ : member.queue;
  const Pending* pending = queue.find(family, id);
  return visible(pending != nullptr ? pending->told : state(family, id), member);
}

std::uint64_t AdjRibOut::told_count(const OutMember& member, std::size_t family) const {
  return static_cast<std::uint64_t>(member.told[family] + (member.attached ? told_[family] : 0));
}

}  // namespace slash32::bgp
