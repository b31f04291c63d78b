// For show: every path and why it won or lost, what was told to whom.
#include <algorithm>
#include <utility>

#include "bgpd/rib/rib_impl.h"
#include "bgpd/wire/header.h"

namespace slash32::bgp {

void Rib::Impl::visit_node(std::size_t family, PrefixId id, const std::function<void(const PathView&)>& visit) const {
  const Node& node = tables[family].node(id);
  const Prefix prefix = tables[family].prefix(id);
  std::vector<Candidate> candidates;
  const auto best = select(node, candidates);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Path& path = node.paths.all()[i];
    const bool is_local = path.peer == kLocalSlot;
    PathView view;
    view.prefix = prefix;
    if (!is_local) view.peer = slots[path.peer]->id;
    view.attributes = sets.pointer(path.accepted != 0 ? path.accepted : path.received);
    view.best = best == i;
    view.multipath = candidates[i].multipath;
    view.stale = path.stale;
    view.long_lived_stale = path.accepted != 0 && sets.get(path.accepted).marks.long_lived_stale;
    view.path_id = path.path_id;
    view.resolved = is_local || (path.accepted != 0 && next_hops.state(sets.tag(path.accepted)).resolved);
    if (!is_local && path.accepted != 0) {
      const NextHopState& hop = next_hops.state(sets.tag(path.accepted));
      view.gateway = hop.gateway;
      view.silent = hop.silent;
      view.igp_cost = hop.igp_cost;
    }
    view.why_not = why_not(prefix, path, candidates[i]);
    view.step = key_of(view.best ? won_at(candidates, i) : candidates[i].lost);
    if (view.best) view.won_by = won_text(won_at(candidates, i));
    visit(view);
  }
}

std::vector<PrefixId> Rib::Impl::in_order(std::size_t family) const {
  std::vector<PrefixId> ids;
  ids.reserve(tables[family].size());
  for (PrefixId id = 0; id < tables[family].end(); ++id)
    if (tables[family].used(id)) ids.push_back(id);
  std::ranges::sort(ids, {}, [&](PrefixId id) { return tables[family].prefix(id); });
  return ids;
}

FamilyCounts Rib::counts(PeerId id, AddressFamily of) const {
  const RibPeerState* peer = impl_->find(id);
  if (peer == nullptr) return {};
  const std::size_t family = index_of(of);
  FamilyCounts out;
  out.received = peer->received[family];
  out.accepted = peer->accepted[family];
  out.too_many = peer->too_many_paths[family];
  if (!peer->up) return out;
  out.held_back = peer->group->limit[family].waiting.size();
  out.too_long = peer->group->too_long[family];
  out.advertised = peer->group->out.told_count(peer->out, family);
  for (std::size_t n = 0; n < peer->more.size(); ++n)
    out.advertised += peer->group->more[n]->told_count(*peer->more[n], family);
  return out;
}

bool Rib::list_prefixes(AddressFamily of, std::size_t& cursor, std::size_t count, std::vector<Prefix>& out) const {
  const PrefixTable& table = impl_->tables[index_of(of)];
  for (const std::size_t end = std::min<std::size_t>(table.end(), cursor + count); cursor < end; ++cursor)
    if (const auto id = static_cast<PrefixId>(cursor); table.used(id)) out.push_back(table.prefix(id));
  return cursor < table.end();
}

bool Rib::visit_accepted(AddressFamily of, std::size_t& cursor, std::size_t count,
                         const std::function<void(const Prefix&, const std::vector<AcceptedPath>&)>& visit) const {
  const PrefixTable& table = impl_->tables[index_of(of)];
  std::vector<AcceptedPath> paths;
  for (const std::size_t end = std::min<std::size_t>(table.end(), cursor + count); cursor < end; ++cursor) {
    const auto id = static_cast<PrefixId>(cursor);
    if (!table.used(id)) continue;
    paths.clear();
    for (const Path& path : table.node(id).paths.all()) {
      if (path.accepted == 0) continue;
      const bool local = path.peer == kLocalSlot;
      paths.push_back({local ? std::nullopt : std::optional(impl_->slots[path.peer]->id), path.path_id,
                       impl_->sets.pointer(path.accepted)});
    }
    if (!paths.empty()) visit(table.prefix(id), paths);
  }
  return cursor < table.end();
}

void Rib::visit_paths(const std::optional<Prefix>& only, const std::function<void(const PathView&)>& visit) const {
  if (only) {
    const std::size_t family = index_of(only->family());
    const PrefixId id = impl_->tables[family].find(*only);
    if (id != kNoPrefix) impl_->visit_node(family, id, visit);
    return;
  }
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (const PrefixId id : impl_->in_order(family)) impl_->visit_node(family, id, visit);
}

// Adj-RIB-Out keeps sets as they were encoded; for show they are decoded again.
AttributesPtr Rib::advertised(PeerId id, const Prefix& prefix) const {
  const RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up) return nullptr;
  const std::size_t family = index_of(prefix.family());
  const PrefixId prefix_id = impl_->tables[family].find(prefix);
  if (prefix_id == kNoPrefix) return nullptr;
  SetId set = peer->group->out.told(peer->out, family, prefix_id);
  for (std::size_t n = 0; set == 0 && n < peer->more.size(); ++n)
    set = peer->group->more[n]->told(*peer->more[n], family, prefix_id);
  return set == 0 ? nullptr : impl_->decoded(*peer, prefix, set);
}

AttributesPtr Rib::Impl::decoded(const RibPeerState& peer, const Prefix& prefix, SetId set) const {
  const DecodeContext context{.four_octet_as = peer.conf.four_octet_as,
                              .external = peer.conf.external,
                              .families = peer.conf.families,
                              .extended_next_hop = true,
                              .first_as = std::nullopt,
                              .add_path = {}};
  std::vector<std::uint8_t> message;
  if (!encode_announcements(encoded.view(set), {&prefix, 1}, 65535, message, {})) return nullptr;
  const auto update = decode_update(std::span{message}.subspan(kHeaderSize), context);
  return update && !update->announced.empty() ? update->announced.front().attributes : nullptr;
}

void Rib::visit_advertised(PeerId id, const std::function<void(const Prefix&, const AttributesPtr&)>& visit) const {
  const RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up) return;
  const auto show = [&](const AdjRibOut& out, const OutMember& member, std::size_t family, PrefixId prefix_id) {
    const SetId set = out.told(member, family, prefix_id);
    const Prefix prefix = impl_->tables[family].prefix(prefix_id);
    if (set != 0)
      if (const auto attributes = impl_->decoded(*peer, prefix, set)) visit(prefix, attributes);
  };
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (const PrefixId prefix_id : impl_->in_order(family)) {
      show(peer->group->out, peer->out, family, prefix_id);
      for (std::size_t n = 0; n < peer->more.size(); ++n)
        show(*peer->group->more[n], *peer->more[n], family, prefix_id);
    }
}

Rib::Waiting Rib::waiting(PeerId id) const {
  const RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up) return {};
  Waiting out{peer->group->out.waiting(peer->out), peer->out.backlog_bytes};
  for (std::size_t n = 0; n < peer->more.size(); ++n) {
    out.prefixes += peer->group->more[n]->waiting(*peer->more[n]);
    out.octets += peer->more[n]->backlog_bytes;
  }
  return out;
}

std::size_t Rib::undecided() const { return impl_->work.size(); }

void Rib::watch_best(bool on) {
  impl_->watching_best = on;
  if (!on) impl_->best_changes = {};
}

BestChanges Rib::take_best_changes() { return std::exchange(impl_->best_changes, {}); }

std::size_t Rib::prefixes() const { return impl_->tables[0].size() + impl_->tables[1].size(); }

bool Rib::is_held(PeerId id, AddressFamily family) const {
  const RibPeerState* peer = impl_->find(id);
  return peer != nullptr && peer->up && contains(peer->conf.families, family) &&
         !peer->group->out.settings().sends(family);
}

}  // namespace slash32::bgp
