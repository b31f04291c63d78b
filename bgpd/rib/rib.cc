// Settings and peers: what comes and goes. The door (class Rib) is at the end.
#include "bgpd/rib/rib.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "bgpd/rib/rib_impl.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kFewRanges = 64;  // for more, one walk through the table costs less

}  // namespace

Rib::Impl::Impl(RibSettings given, NextHopResolver resolve)
    : settings(std::move(given)), next_hops(std::move(resolve)) {
  slots.push_back(nullptr);
}

RibPeerState* Rib::Impl::find(PeerId id) const {
  const auto found = slot_of.find(id);
  return found == slot_of.end() ? nullptr : slots[found->second].get();
}

RibPeerState& Rib::Impl::find_or_make(PeerId id) {
  if (RibPeerState* peer = find(id)) return *peer;
  PeerSlot slot = 0;
  if (free_slots.empty()) {
    slot = static_cast<PeerSlot>(slots.size());
    slots.emplace_back();
  } else {
    slot = free_slots.back();
    free_slots.pop_back();
  }
  slots[slot] = std::make_unique<RibPeerState>();
  slots[slot]->id = id;
  slots[slot]->out.slot = slot;
  slot_of[id] = slot;
  return *slots[slot];
}

// ---------------------------------------------------------------- settings and what is ours

void Rib::Impl::reconfigure(RibSettings given) {
  if (settings == given) return;
  settings = std::move(given);
  forget_memos();
  for (const auto& peer : slots) {
    if (!peer) continue;
    peer->prefix_matters = depends_on_prefix(settings.policies, peer->conf.import_policies);
    if (peer->up) change_group(*peer, export_settings(peer->conf, settings));
  }
  for (const auto& group : groups)
    group->prefix_matters = depends_on_prefix(settings.policies, group->out.settings().policies);
  evaluate_again([](const Prefix&) { return true; });
}

void Rib::Impl::set_local_routes(const std::vector<LocalRoute>& routes) {
  std::unordered_map<Prefix, const LocalRoute*> wanted;
  for (const LocalRoute& route : routes) wanted[route.prefix] = &route;
  for (auto it = local.begin(); it != local.end();) {
    if (wanted.contains(*it)) {
      ++it;
      continue;
    }
    const std::size_t family = index_of(it->family());
    const PrefixId id = tables[family].find(*it);
    remove_path(family, id, tables[family].node(id).paths.find(kLocalSlot));
    it = local.erase(it);
  }
  for (const auto& [prefix, route] : wanted) {
    auto attributes = std::make_shared<PathAttributes>();  // ORIGIN IGP, an empty AS_PATH (RFC 4271 section 5.1)
    attributes->communities = route->communities;
    attributes->local_pref = route->local_pref;
    attributes->med = route->med;
    if (prefix.family() == AddressFamily::IPv6) attributes->next_hop = IpAddress::v6({});
    set_local(prefix, sets.intern(std::move(attributes)));
  }
}

// Takes over the reference.
void Rib::Impl::set_local(const Prefix& prefix, SetId set) {
  const std::size_t family = index_of(prefix.family());
  const PrefixId id = tables[family].insert(prefix);
  PathList& paths = tables[family].node(id).paths;
  Path* path = paths.find(kLocalSlot);
  if (path != nullptr && path->accepted == set) return release_set(set);
  if (path == nullptr) path = &paths.add(kLocalSlot);
  release_set(path->received);
  release_set(path->accepted);
  path->received = sets.add_reference(set);
  path->accepted = set;
  path->noted = false;
  local.insert(prefix);
  work.push(family, id, true);
}

/// Ranges and links come and go: only what overlaps those that did is looked at again, here and below.
void Rib::Impl::set_own_ranges(std::vector<Prefix> ranges) {
  RangeSet wanted(std::move(ranges));
  const auto touched = RangeSet::difference(wanted, guard.own_ranges());
  guard.set_own_ranges(std::move(wanted));
  evaluate_overlapping(touched);
}

void Rib::Impl::set_guarded(std::vector<Prefix> connected, std::vector<Prefix> ranges) {
  RangeSet subnets(std::move(connected));
  RangeSet guarded(std::move(ranges));
  auto touched = RangeSet::difference(subnets, guard.connected());
  std::ranges::copy(RangeSet::difference(guarded, guard.guarded()), std::back_inserter(touched));
  guard.set_connected(std::move(subnets));
  guard.set_guarded(std::move(guarded));
  evaluate_overlapping(touched);
}

void Rib::Impl::evaluate_overlapping(const std::vector<Prefix>& touched) {
  if (touched.empty()) return;
  if (touched.size() <= kFewRanges && std::ranges::all_of(touched, &Prefix::is_host)) {
    for (const Prefix& host : touched) evaluate_covering(host);
    return;
  }
  const RangeSet ranges(touched);
  evaluate_again([&](const Prefix& prefix) { return ranges.overlaps(prefix); });
}

/// The host and all that covers it, without a walk through the table: Services come and go one by one.
void Rib::Impl::evaluate_covering(const Prefix& host) {
  const std::size_t family = index_of(host.family());
  for (int length = 0; length <= host.length(); ++length) {
    const PrefixId id = tables[family].find(Prefix(host.address(), static_cast<std::uint8_t>(length)));
    if (id == kNoPrefix) continue;
    tables[family].node(id).reimport = true;
    work.push(family, id, false);
  }
}

void Rib::Impl::set_live_pod(const Prefix& pod, bool live) {
  if (!guard.set_live_pod(pod, live)) return;
  const std::size_t family = index_of(pod.family());
  const PrefixId id = tables[family].find(pod);
  if (id == kNoPrefix) return;
  tables[family].node(id).reimport = true;
  work.push(family, id, true);
}

void Rib::Impl::set_deferral(bool on) {
  if (deferral == on) return;
  deferral = on;
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (PrefixId id = 0; id < tables[family].end(); ++id)
      if (tables[family].used(id) && !tables[family].node(id).paths.empty()) work.push(family, id, false);
  for (const auto& peer : slots)
    if (peer) peer->table_mark = work.mark();
}

void Rib::Impl::hold_end_of_rib(bool on) {
  end_of_rib_held = on;
  for (const auto& peer : slots)  // what is queued for a decision until now belongs to the initial table
    if (peer) peer->table_mark = work.mark();
}

// ---------------------------------------------------------------- peers

void Rib::Impl::peer_up(PeerId id, RibPeer given, const std::vector<AddressFamily>& preserved) {
  RibPeerState& peer = find_or_make(id);
  if (peer.up) peer_down(peer, preserved, StaleBefore::Deleted);
  peer.conf = std::move(given);
  peer.up = true;
  peer.prefix_matters = depends_on_prefix(settings.policies, peer.conf.import_policies);
  for (const AddressFamily family : {AddressFamily::IPv4, AddressFamily::IPv6})
    if (!contains(preserved, family) || !contains(peer.conf.families, family)) sweep(peer, family);
  forget_memos();
  evaluate_peer_again(peer);  // what stayed stale is now judged by the new session's settings
  peer.out.address = peer.conf.address;
  for (std::size_t family = 0; family < kFamilies; ++family)
    peer.out.end_of_rib[family] = {
        .phase = contains(peer.conf.families, family_of(family)) ? EndOfRib::Phase::Waiting : EndOfRib::Phase::Sent,
        .mark = {}};
  peer.refresh = {};
  peer.table_mark = work.mark();
  join_group(peer, group_for(export_settings(peer.conf, settings)));
}

void Rib::Impl::peer_changed(PeerId id, RibPeer given) {
  RibPeerState* peer = find(id);
  if (peer == nullptr) return;
  peer->conf = std::move(given);
  peer->prefix_matters = depends_on_prefix(settings.policies, peer->conf.import_policies);
  forget_memos();
  evaluate_peer_again(*peer);
  if (peer->up) change_group(*peer, export_settings(peer->conf, settings));
}

void Rib::Impl::peer_moved(PeerId id, IfIndex link, std::optional<IpAddress> link_local) {
  RibPeerState* peer = find(id);
  if (peer == nullptr || (peer->conf.link == link && peer->conf.local_link_local == link_local)) return;
  peer->conf.link = link;
  peer->conf.local_link_local = link_local;
  evaluate_peer_again(*peer);
  if (peer->up) change_group(*peer, export_settings(peer->conf, settings));
}

void Rib::Impl::evaluate_peer_again(RibPeerState& peer) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    peer.index[family].walk(tables[family].end(), [&](PrefixId id) {
      if (!tables[family].used(id) || !tables[family].node(id).paths.has(peer.out.slot)) return false;
      tables[family].node(id).reimport = true;
      work.push(family, id, false);
      return true;
    });
}

void Rib::Impl::peer_down(RibPeerState& peer, const std::vector<AddressFamily>& retain, StaleBefore before) {
  if (peer.up) leave_group(peer);
  peer.up = false;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    const bool retained = contains(retain, family_of(family));
    peer.may_be_stale[family] = retained;
    peer.in_refresh[family] = {};
    peer.index[family].walk(tables[family].end(), [&](PrefixId id) {
      // RFC 4724 section 4.2: a route that is stale already does not survive a second restart, unless RFC 8538 was
      // agreed on.
      return remove_unless(family, id, peer.out.slot, [&](Path& path) {
        if (!retained || (path.stale && before == StaleBefore::Deleted)) return false;
        path.stale = true;
        path.unsaid = false;
        return true;
      });
    });
  }
}

void Rib::Impl::peer_removed(PeerId id) {
  RibPeerState* peer = find(id);
  if (peer == nullptr) return;
  peer_down(*peer, {}, StaleBefore::Deleted);
  forget_memos();
  const PeerSlot slot = peer->out.slot;
  slot_of.erase(id);
  slots[slot].reset();
  free_slots.push_back(slot);
}

// ---------------------------------------------------------------- the door

Rib::Rib(RibSettings settings, NextHopResolver resolve)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(resolve))) {}
Rib::~Rib() = default;

void Rib::reconfigure(RibSettings settings) { impl_->reconfigure(std::move(settings)); }
void Rib::set_local_routes(const std::vector<LocalRoute>& routes) { impl_->set_local_routes(routes); }
void Rib::set_guarded(std::vector<Prefix> connected, std::vector<Prefix> ranges) {
  impl_->set_guarded(std::move(connected), std::move(ranges));
}
void Rib::set_own_ranges(std::vector<Prefix> ranges) { impl_->set_own_ranges(std::move(ranges)); }
void Rib::set_live_pod(const Prefix& pod, bool live) { impl_->set_live_pod(pod, live); }
void Rib::set_deferral(bool on) { impl_->set_deferral(on); }
void Rib::hold_end_of_rib(bool on) { impl_->hold_end_of_rib(on); }

void Rib::peer_up(PeerId id, RibPeer peer, const std::vector<AddressFamily>& preserved) {
  impl_->peer_up(id, std::move(peer), preserved);
}
void Rib::peer_changed(PeerId id, RibPeer peer) { impl_->peer_changed(id, std::move(peer)); }
void Rib::peer_moved(PeerId id, IfIndex link, std::optional<IpAddress> link_local) {
  impl_->peer_moved(id, link, link_local);
}
void Rib::peer_down(PeerId id, const std::vector<AddressFamily>& retain, StaleBefore before) {
  if (RibPeerState* peer = impl_->find(id)) impl_->peer_down(*peer, retain, before);
}
void Rib::long_lived_stale(PeerId id, const std::vector<AddressFamily>& families) {
  if (RibPeerState* peer = impl_->find(id))
    for (const AddressFamily family : families) impl_->begin_long_lived(*peer, index_of(family));
}
void Rib::stale_expired(PeerId id, const std::vector<AddressFamily>& families) {
  if (RibPeerState* peer = impl_->find(id))
    for (const AddressFamily family : families) impl_->sweep(*peer, family);
}
void Rib::peer_removed(PeerId id) { impl_->peer_removed(id); }

std::optional<PrefixLimitExceeded> Rib::update(PeerId id, const Update& update) {
  RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up) return std::nullopt;
  return impl_->update(*peer, update);
}
void Rib::refresh(PeerId id, AddressFamily family) {
  RibPeerState* peer = impl_->find(id);
  if (peer != nullptr && peer->up) impl_->refresh(*peer, index_of(family));
}
std::uint64_t Rib::visits() const { return impl_->visits; }
void Rib::peer_refreshes(PeerId id, const RouteRefresh& refresh) {
  RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up || refresh.kind == RefreshKind::Request) return;
  if (refresh.kind == RefreshKind::Begin)
    impl_->refresh_begins(*peer, index_of(refresh.family));
  else
    impl_->refresh_ends(*peer, index_of(refresh.family));
}
void Rib::next_hops_changed(const std::vector<NextHop>& next_hops) { impl_->next_hops_changed(next_hops); }
std::vector<NextHop> Rib::next_hops() const { return impl_->next_hops.all(); }
bool Rib::uses(const FibNextHop& gateway) const { return impl_->next_hops.uses(gateway); }

bool Rib::run(std::size_t budget) { return impl_->run(budget); }
std::vector<FibDelta> Rib::take_fib_deltas() { return impl_->take_fib_deltas(); }
std::vector<FibDelta> Rib::fib() const { return impl_->fib(); }
bool Rib::has_output(PeerId id) const {
  const RibPeerState* peer = impl_->find(id);
  return peer != nullptr && peer->up && impl_->has_output(*peer);
}
Rib::Output Rib::take_output(PeerId id, std::size_t max_bytes) {
  RibPeerState* peer = impl_->find(id);
  return peer != nullptr && peer->up ? impl_->take_output(*peer, max_bytes) : Output{};
}

}  // namespace slash32::bgp
