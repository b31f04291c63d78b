// From Loc-RIB to the groups of neighbours.
#include <algorithm>

#include "bgpd/rib/rib_impl.h"
#include "bgpd/wire/route_refresh.h"

namespace slash32::bgp {
namespace {

ExportMemo& memo_of(std::vector<ExportMemo>& memos, std::uint32_t serial, std::size_t family) {
  return memos[(serial ^ family) % memos.size()];
}

template <class Visit>
void for_each_told(const Told& told, Visit visit) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (PrefixId id = 0; id < told[family].size(); ++id)
      if (told[family][id] != 0) visit(family, id);
}

}  // namespace

Group& Rib::Impl::group_for(const ExportSettings& wanted) {
  for (const auto& group : groups)
    if (group->out.settings() == wanted) return *group;
  const bool prefixes_matter = depends_on_prefix(settings.policies, wanted.policies);
  groups.push_back(std::make_unique<Group>(wanted, out_tables, prefixes_matter));
  return *groups.back();
}

void Rib::Impl::leave_group(RibPeerState& peer) {
  Group* group = std::exchange(peer.group, nullptr);
  group->out.leave(peer.out);
  for (std::size_t n = 0; n < peer.more.size(); ++n) group->more[n]->leave(*peer.more[n]);
  peer.more.clear();
  if (group->out.members() > 0) return;
  for (const ExportMemo& memo : group->memo) encoded.release(memo.encoded);
  std::erase_if(groups, [&](const auto& g) { return g.get() == group; });
}

// With references.
Told Rib::Impl::told_by(const AdjRibOut& out, const OutMember& member) {
  Told told;
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (PrefixId id = 0; id < tables[family].end(); ++id)
      told[family].push_back(encoded.add_reference(out.told(member, family, id)));
  return told;
}

// What the session was told stays known, so that only what differs under the new settings is sent.
void Rib::Impl::change_group(RibPeerState& peer, const ExportSettings& wanted) {
  if (peer.group->out.settings() == wanted) return;
  Group& next = group_for(wanted);
  std::size_t budget = SIZE_MAX;
  build(next, budget);
  std::vector<Told> told{told_by(peer.group->out, peer.out)};
  for (std::size_t n = 0; n < peer.more.size(); ++n) told.push_back(told_by(*peer.group->more[n], *peer.more[n]));
  // What only its queue still names must not be forgotten on the way.
  for (const Told& one : told)
    for_each_told(one, [&](std::size_t family, PrefixId id) { ++tables[family].node(id).held; });
  // What was still to be said again goes with the queue: it is said from the beginning.
  std::array<bool, kFamilies> again{};
  for (std::size_t family = 0; family < kFamilies; ++family) {
    again[family] = !peer.refresh[family].running && !all_said_again(peer, family);
    if (std::exchange(peer.refresh[family].running, false)) peer.refresh[family].wanted = true;
  }
  leave_group(peer);
  lane(next, told.size() - 1);
  peer.group = &next;
  next.out.join(peer.out, told[0]);
  told.resize(1 + next.more.size());
  for (std::size_t n = 1; n < told.size(); ++n) next.more[n - 1]->join(add_member(peer), told[n]);
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (again[family]) say_again(peer, family);
  for (const Told& one : told)
    for_each_told(one, [&](std::size_t family, PrefixId id) {
      --tables[family].node(id).held;
      tables[family].forget_if_unused(id);
    });
}

ExportRoute Rib::Impl::export_route(const Prefix& prefix, const Path& best) const {
  ExportRoute route{.prefix = prefix,
                    .attributes = sets.pointer(best.accepted),
                    .source = config::RouteSource::Local,
                    .from_client = false,
                    .from_id = {},
                    .neighbor = {}};
  if (best.peer == kLocalSlot) return route;
  const RibPeer& peer = slots[best.peer]->conf;
  route.source = peer.external ? config::RouteSource::Ebgp : config::RouteSource::Ibgp;
  route.from_client = peer.route_reflector_client;
  route.from_id = peer.remote_id;
  route.neighbor = peer.name;
  return route;
}

void Rib::Impl::export_to(Group& group, std::size_t family, PrefixId id) {
  if (group.out.settings().add_path.at(family) > 0) return export_paths(group, family, id);
  const Node& node = tables[family].node(id);
  const Path* best = node.paths.best();
  // A new group is built from what was chosen last, which may be about to be decided again.
  OutState next;
  if (best != nullptr && best->accepted != 0) next = {encoded_for(group, family, id, *best), best->peer};
  if (group.out.settings().max_prefixes) next = within_limit(group, group.out, family, id, next);
  group.out.set(family, id, next);
}

// What is told already may change; what is new waits where the limit is reached, unless it is our own. Whatever makes
// room lets one of those that wait try again.
OutState Rib::Impl::within_limit(Group& group, const AdjRibOut& out, std::size_t family, PrefixId id, OutState next) {
  OutLimit& limit = group.limit[family];
  const bool was = out.state(family, id).set != 0;
  if (next.set != 0 && !was && next.from != kLocalSlot && limit.told >= *group.out.settings().max_prefixes) {
    limit.waiting.insert(id);
    encoded.release(next.set);
    return {};
  }
  limit.waiting.erase(id);
  if (next.set != 0 && !was) ++limit.told;
  if (next.set == 0 && was) --limit.told;
  if (limit.told < *group.out.settings().max_prefixes && !limit.waiting.empty()) {
    work.push(family, *limit.waiting.begin(), false);
    limit.waiting.erase(limit.waiting.begin());
  }
  return next;
}

// The encoded set for this route, with a reference; 0: not sent. Remembered by set and peer: all of it where policy
// does not look at prefixes, else the transformation of what policy let through unchanged.
SetId Rib::Impl::encoded_for(Group& group, std::size_t family, PrefixId id, const Path& best) {
  const std::uint32_t serial = sets.serial(best.accepted);
  ExportMemo& memo = memo_of(group.memo, serial, family);
  const bool known = memo.valid && memo.serial == serial && memo.slot == best.peer && memo.family == family;
  if (known && !group.prefix_matters) return encoded.add_reference(memo.encoded);
  ExportRoute route = export_route(tables[family].prefix(id), best);
  Permitted permitted = permit(group.out.settings(), settings.policies, route);
  const bool changed = permitted.attributes != nullptr && permitted.attributes != route.attributes;
  const bool memorable = !group.prefix_matters || (permitted.withheld == Withheld::No && !changed);
  if (known && memorable) return encoded.add_reference(memo.encoded);
  SetId set = 0;
  if (permitted.withheld == Withheld::No) {
    route.attributes = std::move(permitted.attributes);
    set = encode(group, route, changed);
  }
  if (memorable) {
    const bool replaces = memo.valid && memo.serial != serial;
    encoded.release(memo.encoded);
    memo = {true, serial, best.peer, static_cast<std::uint8_t>(family), encoded.add_reference(set)};
    // Others had it already: it was rendered before, and forgotten.
    if (replaces && set != 0 && encoded.references(set) > 2 && ++group.forgotten > 2 * group.memo.size())
      remember_more(group);
  }
  return set;
}

// Twice the sets, as long as they are few beside the prefixes.
void Rib::Impl::remember_more(Group& group) {
  group.forgotten = 0;
  const std::size_t wanted = group.memo.size() * 2;
  if (wanted > std::min(kMostMemos, (tables[0].size() + tables[1].size()) / 8)) return;
  std::vector<ExportMemo> more(wanted);
  for (const ExportMemo& memo : group.memo)
    if (memo.valid) memo_of(more, memo.serial, memo.family) = memo;
  group.memo = std::move(more);
}

SetId Rib::Impl::encode(Group& group, const ExportRoute& route, bool policy_changed) {
  const Rendered rendered = render(group.out.settings(), route, policy_changed);
  if (rendered.withheld == Withheld::TooLong) ++group.too_long.at(index_of(route.prefix.family()));
  return rendered.withheld == Withheld::No ? encoded.intern(rendered.block) : 0;
}

void Rib::Impl::forget_memos() {
  for (const auto& group : groups) {
    for (const ExportMemo& memo : group->memo) encoded.release(memo.encoded);
    group->memo.assign(kFewMemos, {});
    group->memo.shrink_to_fit();
    group->forgotten = 0;
  }
}

// Fills a new group's table; true while some is left.
bool Rib::Impl::build(Group& group, std::size_t& budget) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    while (!group.out.is_complete(family)) {
      if (budget == 0) return true;
      --budget;
      const PrefixId id = group.out.next_to_build(family);
      group.out.advance_build(family);  // first: set() takes built prefixes only
      if (tables[family].used(id)) export_to(group, family, id);
    }
  return false;
}

// ---------------------------------------------------------------- output

bool Rib::Impl::end_of_rib_due(const RibPeerState& peer, std::size_t family) const {
  return peer.out.end_of_rib[family].phase == EndOfRib::Phase::Waiting && !deferral && !end_of_rib_held &&
         peer.group->out.is_complete(family) && work.passed(peer.table_mark) && !lanes_have_output(peer);
}

void Rib::Impl::refresh(RibPeerState& peer, std::size_t family) {
  if (peer.conf.enhanced_refresh)
    peer.refresh[family].wanted = true;
  else
    say_again(peer, family);
}

void Rib::Impl::say_again(RibPeerState& peer, std::size_t family) {
  peer.group->out.again(peer.out, family);
  for (std::size_t n = 0; n < peer.more.size(); ++n) peer.group->more[n]->again(*peer.more[n], family);
}

// RFC 7313 section 4: not before End-of-RIB.
bool Rib::Impl::refresh_due(const RibPeerState& peer, std::size_t family) const {
  const OutRefresh& refresh = peer.refresh[family];
  return refresh.wanted && !refresh.running && peer.out.end_of_rib[family].phase == EndOfRib::Phase::Sent;
}

bool Rib::Impl::refresh_done(const RibPeerState& peer, std::size_t family) const {
  return peer.refresh[family].running && all_said_again(peer, family);
}

bool Rib::Impl::all_said_again(const RibPeerState& peer, std::size_t family) {
  const auto said = [&](const OutMember& member) { return member.queue.to_say_again(family) == 0; };
  return said(peer.out) && std::ranges::all_of(peer.more, [&](const auto& member) { return said(*member); });
}

void Rib::Impl::mark_refresh(RibPeerState& peer, std::size_t family, RefreshKind kind, Output& out) {
  const std::vector<std::uint8_t> message = encode_route_refresh({family_of(family), kind});
  out.bytes.insert(out.bytes.end(), message.begin(), message.end());
  ++out.messages;
  peer.refresh[family].running = kind == RefreshKind::Begin;
  if (kind == RefreshKind::End) return;
  peer.refresh[family].wanted = false;
  say_again(peer, family);
}

bool Rib::Impl::has_output(const RibPeerState& peer) const {
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (end_of_rib_due(peer, family) || refresh_due(peer, family) || refresh_done(peer, family)) return true;
  return peer.group->out.has_output(peer.out) || lanes_have_output(peer);
}

Rib::Output Rib::Impl::take_output(RibPeerState& peer, std::size_t max_bytes) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (end_of_rib_due(peer, family)) peer.out.end_of_rib[family].phase = EndOfRib::Phase::TableReady;
  Output out;
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (refresh_due(peer, family)) mark_refresh(peer, family, RefreshKind::Begin, out);
  peer.group->out.take(peer.out, max_bytes, out);
  take_lanes(peer, max_bytes, out);
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (refresh_done(peer, family)) mark_refresh(peer, family, RefreshKind::End, out);
  return out;
}

}  // namespace slash32::bgp
