// Adj-RIB-In: from UPDATEs to paths. What a peer said is kept as it was said, and beside it what guard and policy made
// of it, so that both can be asked again.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "bgpd/rib/rib_impl.h"

namespace slash32::bgp {
namespace {

/// Paths to one prefix that one peer may have (RFC 7911): deciding takes time with their square.
constexpr std::ptrdiff_t kMaxPaths = 64;
/// And all peers together.
constexpr std::size_t kMaxPathsOfAll = 4096;
/// Prefixes of a neighbour that go ahead of others' tables until all is decided.
constexpr std::size_t kMostAhead = 1000;

bool has_too_many_paths(const PathList& paths, PeerSlot peer) {
  return paths.size() >= kMaxPathsOfAll || std::ranges::count(paths.all(), peer, &Path::peer) >= kMaxPaths;
}

}  // namespace

std::optional<PrefixLimitExceeded> Rib::Impl::update(RibPeerState& peer, const Update& update) {
  // RFC 4271 section 4.3: a prefix in both fields counts as announced, so withdrawals come first.
  withdraw(peer, update);
  for (const Update::Reach& reach : update.announced) announce(peer, reach);
  if (update.end_of_rib) sweep(peer, *update.end_of_rib);
  if (!peer.conf.max_prefixes_in) return std::nullopt;
  for (std::size_t family = 0; family < kFamilies; ++family)
    if (peer.received[family] > *peer.conf.max_prefixes_in)
      return PrefixLimitExceeded{peer.id, family_of(family), *peer.conf.max_prefixes_in};
  return std::nullopt;
}

void Rib::Impl::announce(RibPeerState& peer, const Update::Reach& reach) {
  if (reach.prefixes.empty() || !contains(peer.conf.families, reach.prefixes.front().family())) return;
  const std::size_t family = index_of(reach.prefixes.front().family());
  const SetId received = sets.intern(with_otc(peer.conf, reach.attributes));
  const Refusal refusal = check_attributes(peer.conf, settings, sets.get(received));
  std::optional<Imported> shared;  // policy's answer, where it is the same for every prefix of the message
  const PathId* path_ids = reach.path_ids.empty() ? nullptr : reach.path_ids.data();
  for (const Prefix& prefix : reach.prefixes) {
    const PathId path_id = path_ids != nullptr ? *path_ids++ : 0;
    const PrefixId id = tables[family].insert(prefix);
    Node& node = tables[family].node(id);
    Path* path = node.paths.find(peer.out.slot, path_id);
    if (path == nullptr && path_ids != nullptr) path = take_over_stale(peer, family, id, {path_id, received});
    if (path == nullptr || path->unsaid) note_said(peer, family, id);
    if (path != nullptr && path->received == received) {  // said again: no longer stale, nothing else
      path->stale = path->unsaid = false;
      if (path->long_lived) {  // no longer the last resort
        path->long_lived = false;
        node.reimport = true;
        work.push(family, id, false);
      }
      continue;
    }
    if (path == nullptr && has_too_many_paths(node.paths, peer.out.slot)) {
      ++peer.too_many_paths[family];
      continue;
    }
    if (path == nullptr) {
      path = &node.paths.add(peer.out.slot, path_id);
      peer.index[family].add(id);
      ++peer.received[family];
    }
    release_set(path->received);
    path->received = sets.add_reference(received);
    path->stale = path->unsaid = path->long_lived = false;
    Imported imported{refusal != Refusal::None ? refusal : guard.check(prefix, peer.conf.external, peer.conf.allow), 0};
    if (imported.refusal == Refusal::None) {
      if (!shared || peer.prefix_matters) {
        if (shared) release_set(shared->accepted);
        shared = apply_policy(peer, prefix, received);
      }
      imported = {shared->refusal, sets.add_reference(shared->accepted)};
    }
    assign(peer, family, id, *path, imported);
    decide_announced(peer, family, id);
  }
  if (shared) release_set(shared->accepted);
  release_set(received);
}

// Reading is faster than deciding: a table that loads stands here in its full length. Who announces a little meanwhile
// must not wait for it; who announces more than that waits in turn.
void Rib::Impl::decide_announced(RibPeerState& peer, std::size_t family, PrefixId id) {
  if (std::exchange(peer.ahead_in, lulls) != lulls) peer.ahead = 0;
  if (peer.ahead >= kMostAhead) return work.push(family, id, false);
  ++peer.ahead;
  work.push_ahead(family, id);
}

// After its restart a peer may number the same paths otherwise (RFC 7911 section 3: an identifier is the sender's own).
// The stale ones would stand beside them until End-of-RIB and count against limits that the peer does not pass.
Path* Rib::Impl::take_over_stale(const RibPeerState& peer, std::size_t family, PrefixId id, const NewPath& said) {
  PathList& paths = tables[family].node(id).paths;
  Path* path = paths.find_stale(peer.out.slot, said.received);
  const auto& limit = peer.conf.max_prefixes_in;
  if (path == nullptr && (has_too_many_paths(paths, peer.out.slot) || (limit && peer.received[family] >= *limit)))
    path = paths.find_stale(peer.out.slot, std::nullopt);
  if (path == nullptr) return nullptr;
  path->path_id = said.path_id;
  work.push(family, id, false);
  return path;
}

// A group at a time, in steps: a step's waits for memory overlap, which in a large table is most of the time. No prefix
// is forgotten meanwhile, so that the ids stay what they are.
void Rib::Impl::withdraw(RibPeerState& peer, const Update& update) {
  constexpr std::size_t kGroup = 16;
  const std::span<const Prefix> all{update.withdrawn};
  const bool path_ids = !update.withdrawn_path_ids.empty();
  for (std::size_t first = 0; first < all.size(); first += kGroup) {
    const auto group = all.subspan(first, std::min(kGroup, all.size() - first));
    std::array<PrefixId, kGroup> ids{};
    for (const Prefix& prefix : group) tables[index_of(prefix.family())].expect_find(prefix);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const PrefixTable& table = tables[index_of(group[i].family())];
      ids.at(i) = table.find(group[i]);
      if (ids.at(i) != kNoPrefix) table.expect_use(ids.at(i));
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (ids.at(i) == kNoPrefix) continue;
      for (const Path& path : tables[index_of(group[i].family())].node(ids.at(i)).paths.all())
        sets.expect_use(path.received);
    }
    for (std::size_t i = 0; i < group.size(); ++i)  // one that was never announced is harmless
      if (ids.at(i) != kNoPrefix)
        withdraw(peer, index_of(group[i].family()), ids.at(i), path_ids ? update.withdrawn_path_ids[first + i] : 0);
  }
}

void Rib::Impl::withdraw(RibPeerState& peer, std::size_t family, PrefixId id, PathId path_id) {
  if (Path* path = tables[family].node(id).paths.find(peer.out.slot, path_id)) remove_path(family, id, path);
}

void Rib::Impl::remove_path(std::size_t family, PrefixId id, Path* path) {
  if (path->peer != kLocalSlot) {
    RibPeerState& peer = *slots[path->peer];
    --peer.received[family];
    if (path->accepted != 0) --peer.accepted[family];
  }
  release_set(path->received);
  release_set(path->accepted);
  tables[family].node(id).paths.remove(path);
  work.push(family, id, true);
}

// End-of-RIB (RFC 4724 section 4.2): what the peer did not say again is gone.
void Rib::Impl::sweep(RibPeerState& peer, AddressFamily of) {
  const std::size_t family = index_of(of);
  if (!std::exchange(peer.may_be_stale[family], false)) return;  // a second End-of-RIB costs nothing
  peer.index[family].walk(tables[family].end(), [&](PrefixId id) {
    ++visits;
    return remove_unless(family, id, peer.out.slot, [](const Path& path) { return !path.stale; });
  });
}

// RFC 9494 section 4.2.
void Rib::Impl::begin_long_lived(RibPeerState& peer, std::size_t family) {
  peer.index[family].walk(tables[family].end(), [&](PrefixId id) {
    bool changed = false;
    const bool left = remove_unless(family, id, peer.out.slot, [&](Path& path) {
      if (!path.stale || path.long_lived) return true;
      if (forbids_long_life(sets.get(path.received))) return false;
      if (path.accepted != 0 && forbids_long_life(sets.get(path.accepted))) return false;
      return changed = path.long_lived = true;
    });
    if (!changed) return left;
    tables[family].node(id).reimport = true;
    work.push(family, id, false);
    return true;
  });
}

// Takes over the reference and gives another one.
Rib::Impl::Imported Rib::Impl::as_last_resort(Imported imported) {
  if (imported.accepted == 0) return imported;
  const SetId last = sets.intern(last_resort(sets.pointer(imported.accepted)));
  release_set(imported.accepted);
  return {imported.refusal, last};
}

bool Rib::Impl::mark_unsaid(RibPeerState& peer, std::size_t family, PrefixId id) {
  ++visits;
  if (!tables[family].used(id)) return false;
  bool has = false;
  for (Path& path : tables[family].node(id).paths.all())
    if (path.peer == peer.out.slot) has = path.unsaid = true;
  return has;
}

void Rib::Impl::note_said(RibPeerState& peer, std::size_t family, PrefixId id) {
  InRefresh& refresh = peer.in_refresh[family];
  if (!refresh.begun || refresh.much) return;
  refresh.said.push_back(id);
  refresh.much = refresh.said.size() > 2 * peer.received[family] + 64;  // announced and withdrawn over and over
  if (refresh.much) refresh.said = {};
}

// RFC 7313 section 4. A second beginning without an end marks everything again: 23 octets, which the peer may repeat as
// fast as it can, must not cost a walk each.
void Rib::Impl::refresh_begins(RibPeerState& peer, std::size_t family) {
  InRefresh& refresh = peer.in_refresh[family];
  if (refresh.begun && !refresh.much) {
    for (const PrefixId id : refresh.said) mark_unsaid(peer, family, id);
  } else {
    peer.index[family].walk(tables[family].end(), [&](PrefixId id) { return mark_unsaid(peer, family, id); });
  }
  refresh = {.begun = true, .much = false, .said = {}};
}

void Rib::Impl::refresh_ends(RibPeerState& peer, std::size_t family) {
  if (!std::exchange(peer.in_refresh[family], {}).begun) return;
  peer.index[family].walk(tables[family].end(), [&](PrefixId id) {
    ++visits;
    return remove_unless(family, id, peer.out.slot, [](const Path& path) { return !path.unsaid; });
  });
}

Rib::Impl::Imported Rib::Impl::import(const RibPeerState& peer, const Prefix& prefix, SetId received,
                                      Refusal attributes_refusal) {
  if (attributes_refusal != Refusal::None) return {attributes_refusal, 0};
  const Refusal guarded = guard.check(prefix, peer.conf.external, peer.conf.allow);
  if (guarded != Refusal::None) return {guarded, 0};
  return apply_policy(peer, prefix, received);
}

Rib::Impl::Imported Rib::Impl::apply_policy(const RibPeerState& peer, const Prefix& prefix, SetId received) {
  if (!peer.conf.import_policies) {
    if (peer.conf.external) return {Refusal::NoPolicy, 0};  // RFC 8212 section 2
    AttributesPtr attributes = sets.pointer(received);
    if (is_draining(peer)) attributes = used_last(std::move(attributes));
    if (says_long_lived_stale(peer.conf, sets.get(received))) attributes = last_resort(attributes);
    attributes = located(peer.conf, std::move(attributes));
    if (attributes == sets.pointer(received)) return {Refusal::None, sets.add_reference(received)};
    return {Refusal::None, sets.intern(std::move(attributes))};
  }
  const AttributesPtr& attributes = sets.pointer(received);
  PolicyResult result = bgp::evaluate(settings.policies, *peer.conf.import_policies, import_route(peer.conf, prefix),
                                      attributes, peer.conf.local_as);
  if (!result.accepted) return {Refusal::Policy, 0};
  result.attributes = with_graceful_shutdown(peer.conf, std::move(result.attributes));
  if (is_draining(peer)) result.attributes = used_last(std::move(result.attributes));
  if (says_long_lived_stale(peer.conf, *attributes)) result.attributes = last_resort(result.attributes);
  result.attributes = located(peer.conf, std::move(result.attributes));
  if (result.attributes == attributes) return {Refusal::None, sets.add_reference(received)};
  return {Refusal::None, sets.intern(std::move(result.attributes))};
}

void Rib::Impl::assign(RibPeerState& peer, std::size_t family, PrefixId id, Path& path, const Imported& imported) {
  peer.accepted[family] += (imported.accepted != 0 ? 1 : 0) - (path.accepted != 0 ? 1 : 0);
  const SetId before = path.accepted;
  path.accepted = imported.accepted;
  path.noted = path.noted && path.accepted == before;
  path.refusal = imported.refusal;
  release_set(before);
  if (path.accepted == 0) return;
  if (sets.tag(path.accepted) == 0)
    sets.set_tag(path.accepted, next_hops.acquire(effective_next_hop(sets.get(path.accepted))));
  next_hops.index(sets.tag(path.accepted), family).add(id);
}

void Rib::Impl::import_again(std::size_t family, PrefixId id) {
  Node& node = tables[family].node(id);
  node.reimport = false;
  const Prefix prefix = tables[family].prefix(id);
  for (Path& path : node.paths.all()) {
    if (path.peer == kLocalSlot) continue;
    RibPeerState& peer = *slots[path.peer];
    const Refusal refusal = check_attributes(peer.conf, settings, sets.get(path.received));
    const Imported imported = import(peer, prefix, path.received, refusal);
    assign(peer, family, id, path, path.long_lived ? as_last_resort(imported) : imported);
  }
}

void Rib::Impl::release_set(SetId id) {
  if (id == 0) return;
  if (sets.is_last_reference(id)) next_hops.release(sets.tag(id));
  sets.release(id);
}

void Rib::Impl::next_hops_changed(const std::vector<NextHop>& changed) {
  for (const NextHop& one : changed) {
    const std::uint32_t hop = next_hops.ask_again(one);
    if (hop == 0) continue;
    for (std::size_t family = 0; family < kFamilies; ++family)
      next_hops.index(hop, family).walk(tables[family].end(), [&](PrefixId id) {
        if (!tables[family].used(id)) return false;
        bool through_it = false;
        for (const Path& path : tables[family].node(id).paths.all())
          through_it |= path.accepted != 0 && path.peer != kLocalSlot && sets.tag(path.accepted) == hop;
        if (through_it) work.push(family, id, true);
        return through_it;
      });
  }
}

}  // namespace slash32::bgp
