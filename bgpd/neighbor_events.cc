// What sessions report, carried to the RIB; what the RIB has to say, carried to the sessions.
#include <net/if.h>

#include <algorithm>
#include <utility>

#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {

SessionEvents Neighbors::events_for(PeerId id) {
  Neighbor* const neighbor = neighbors_.at(id).get();  // outlives its session
  return {.up = [this, neighbor](const Session& s, const Endpoint& local) { on_up(*neighbor, s, local); },
          .down = [this, neighbor](const act::SessionDown& down) { on_down(*neighbor, down); },
          .stale_expired =
              [this, neighbor](const std::vector<AddressFamily>& families) {
                log::warn("stale routes dropped", {{"peer", neighbor->conf.name}});
                deps_.rib->stale_expired(neighbor->id, families);
                deps_.work();
                const bool all_gone = neighbor->session->status().stale.empty();
                if (neighbor->range && !neighbor->up && all_gone) drop_dynamic_later(neighbor->id);
                if (!neighbor->range) look_again_later(neighbor->id);
              },
          .long_lived_stale =
              [this, neighbor](const std::vector<AddressFamily>& families) {
                log::warn("stale routes are the last resort from now on", {{"peer", neighbor->conf.name}});
                deps_.rib->long_lived_stale(neighbor->id, families);
                deps_.work();
              },
          .update = [this, neighbor](const Update& update) { on_update(*neighbor, update); },
          .refresh =
              [this, neighbor](const RouteRefresh& refresh) {
                if (refresh.kind == RefreshKind::Request)
                  deps_.rib->refresh(neighbor->id, refresh.family);
                else
                  deps_.rib->peer_refreshes(neighbor->id, refresh);
                deps_.work();
              },
          .output =
              [this, neighbor](std::size_t max_bytes) {
                if (!deps_.rib->has_output(neighbor->id)) return SessionEvents::Output{};
                auto out = deps_.rib->take_output(neighbor->id, max_bytes);
                return SessionEvents::Output{std::move(out.bytes), out.messages};
              },
          .noticed =
              [this, neighbor](const SessionEvents::Noticed& before, const SessionEvents::Noticed& now) {
                if (deps_.noticed) deps_.noticed(*neighbor, before, now);
                // Its subnet may have gone meanwhile: what is on its way is not disturbed (look_for).
                if (before.state >= PeerState::OpenSent && now.state < PeerState::OpenSent && !neighbor->range)
                  look_again_later(neighbor->id);
              },
          .call_refused =
              [this, neighbor](std::string_view reason, const std::string& why) {
                refuse(reason, neighbor->range ? neighbor->range->to_string() : neighbor->conf.name, why);
              },
          .message_recorded =
              [this, neighbor](const act::MessageRecorded& message) {
                if (deps_.message_recorded) deps_.message_recorded(*neighbor, message);
              },
          .state_recorded =
              [this, neighbor](const act::StateRecorded& change) {
                if (deps_.state_recorded) deps_.state_recorded(*neighbor, change);
              }};
}

void Neighbors::set_recording(bool on, bool sent) {
  recording_ = on;
  recording_sent_ = sent;
  for (auto& [id, neighbor] : neighbors_)
    if (neighbor->session) neighbor->session->set_recording(on, sent);
}

LocalAddresses Neighbors::addresses_beside(const Neighbor& neighbor) const {
  const IpAddress& local = neighbor.session_end.address;
  const KernelWatch& watch = *deps_.watch;
  LocalAddresses out;
  if (local.is_v6() && local.is_link_local()) {
    // Nobody says that the neighbour shares one of our subnets, and speakers differ: BIRD 2 drops a route whose global
    // next hop is on none of its own, whatever link-local one stands beside it. That alone is right for all of them.
    out.link = link_now(neighbor);
    out.v6 = out.link_local = local;
    if (!neighbor.up->extended_next_hop) out.v4 = watch.address_beside(local, AddressFamily::IPv4, out.link);
    return out;
  }
  out.link = watch.resolve(neighbor.conf.address).oif;
  if (out.link != IfIndex{}) out.link_local = watch.link_local_beside(local, out.link);
  out.v4 = local.is_v4() ? local : watch.address_beside(local, AddressFamily::IPv4);
  out.v6 = local.is_v6() ? local : watch.address_beside(local, AddressFamily::IPv6);
  return out;
}

void Neighbors::on_up(Neighbor& neighbor, const Session& session, const Endpoint& local) {
  neighbor.up = session;
  neighbor.was_up = true;
  neighbor.near_limit.clear();
  neighbor.session_end = local;
  neighbor.local = addresses_beside(neighbor);
  neighbor.session->set_restarting(false, session.families);
  log::info("session up", {{"peer", neighbor.conf.name},
                           {"address", neighbor.conf.address.to_string()},
                           {"as", std::to_string(session.remote.asn.value)},
                           {"hold", std::to_string(session.hold_time.count())},
                           {"gracefulRestart", session.graceful_restart ? "yes" : "no"},
                           {"gracefulNotification", session.graceful_notification ? "yes" : "no"}});
  order_bfd(neighbor);
  const auto& restart = session.remote.capabilities.graceful_restart;
  deps_.clocks->session_up(neighbor.id, session.graceful_restart, session.families, deps_.loop->now(),
                           restart && restart->restarting);
  deps_.rib->peer_up(neighbor.id, rib_peer_of(neighbor), session.preserved);
  if (neighbor.range) deps_.loop->post([this, range = *neighbor.range] { make_room(range); });
  deps_.work();
}

void Neighbors::on_down(Neighbor& neighbor, const act::SessionDown& down) {
  log::warn("session down", {{"peer", neighbor.conf.name},
                             {"why", down.reason},
                             {"routes", down.retain.empty() ? "removed" : "kept as stale"}});
  neighbor.up.reset();
  order_bfd(neighbor);
  deps_.clocks->session_down(neighbor.id);
  if (!ending_)  // a daemon that ends leaves the kernel as it is
    deps_.rib->peer_down(neighbor.id, down.retain, down.keep_stale ? StaleBefore::Kept : StaleBefore::Deleted);
  deps_.work();
  if (neighbor.range && down.retain.empty()) drop_dynamic_later(neighbor.id);
  if (!neighbor.range) look_again_later(neighbor.id);
}

// ---------------------------------------------------------------- BFD

/// A configured neighbour is watched from its start, one that called us while its session is Established.
void Neighbors::order_bfd(Neighbor& neighbor) {
  if (ending_) return;
  std::optional<BfdOrder> wanted;
  if (neighbor.off_link)
    wanted = std::nullopt;  // by the default route its packets would come to a stranger
  else if (!neighbor.range)
    wanted = bfd_order(conf_, neighbor.conf, std::nullopt);
  else if (neighbor.up)
    wanted = bfd_order(conf_, neighbor.conf, neighbor.session_end.address);
  if (wanted == neighbor.bfd_order) return;
  neighbor.bfd_order = wanted;
  if (!wanted) neighbor.bfd.reset();
  deps_.order_bfd(neighbor.id, wanted);
}

void Neighbors::bfd_told(PeerId id, const BfdState& state, bool failed) {
  const auto found = neighbors_.find(id);
  if (found == neighbors_.end() || !found->second->bfd_order || ending_) return;  // it was on its way meanwhile
  auto& neighbor = *found->second;
  const auto before = std::exchange(neighbor.bfd, state);
  if (!before || before->state != state.state || before->trouble != state.trouble)
    log::info("BFD", {{"peer", neighbor.conf.name},
                      {"state", std::string(to_string(state.state))},
                      {"why", state.trouble.empty() ? std::string(to_string(state.diagnostic)) : state.trouble}});
  // The kernel's groups first: that is one message, the RIB's work is one a prefix.
  if (failed && neighbor.up && deps_.next_hop_died) {
    const auto& link = neighbor.conf.bind_interface;
    deps_.next_hop_died(neighbor.conf.address, IfIndex{link ? static_cast<int>(::if_nametoindex(link->c_str())) : 0});
  }
  // RFC 5882 section 4.3: while the peer restarts, its stale routes stay, for our C is 0.
  if (failed && neighbor.session) neighbor.session->bfd_down(std::string(to_string(state.diagnostic)));
}

// ---------------------------------------------------------------- routes and limits

void Neighbors::on_update(Neighbor& neighbor, const Update& update) {
  if (update.verdict != Verdict::Accept) {  // RFC 7606 section 8: an operator must be able to see it
    neighbor.last_complaint = update.complaint;
    constexpr std::uint64_t kLogged = 10;  // of a life: a broken peer must not fill the disk
    if (++neighbor.complaints <= kLogged)
      log::warn("malformed UPDATE", {{"peer", neighbor.conf.name}, {"why", update.complaint}});
  }
  const auto limit = deps_.rib->update(neighbor.id, update);
  if (update.end_of_rib) {
    neighbor.session->note_end_of_rib(*update.end_of_rib);
    deps_.clocks->end_of_rib(neighbor.id, *update.end_of_rib);
  }
  if (limit)
    on_limit(neighbor, *limit);
  else if (neighbor.up)
    note_near_limit(neighbor);
  deps_.work();
}

void Neighbors::on_limit(Neighbor& neighbor, const PrefixLimitExceeded& limit) {
  // RFC 4486 section 4: the family and the limit go along.
  const auto count = limit.limit;
  const bool v4 = limit.family == AddressFamily::IPv4;
  auto cease = notification(ErrorCode::Cease, cease::kMaximumPrefixes,
                            {0, static_cast<std::uint8_t>(v4 ? 1 : 2), 1, static_cast<std::uint8_t>(count >> 24),
                             static_cast<std::uint8_t>(count >> 16), static_cast<std::uint8_t>(count >> 8),
                             static_cast<std::uint8_t>(count)});
  neighbor.session->stop(std::move(cease));
  neighbor.over_limit = true;
  const auto rest = neighbor.conf.max_prefixes.restart;
  hold(neighbor,
       "more than " + std::to_string(count) + " " + std::string(to_string(limit.family)) +
           " prefixes (maxPrefixes.in); " +
           (rest > Seconds{0} ? "tried again after " + std::to_string(rest.count()) + " s"
                              : "not tried again until maxPrefixes changes or the session is reset"),
       rest > Seconds{0} ? std::optional{rest} : std::nullopt);
}

/// Once when it comes near, and again only after it was away from there.
void Neighbors::note_near_limit(Neighbor& neighbor) {
  const auto limit = prefix_limit(neighbor.conf, neighbor.up->external);
  if (!limit) return;
  for (const auto family : neighbor.up->families) {
    const auto received = deps_.rib->counts(neighbor.id, family).received;
    if (!is_near_limit(received, *limit, neighbor.conf.max_prefixes.warn)) {
      neighbor.near_limit.erase(family);
    } else if (neighbor.near_limit.insert(family).second) {
      log::warn("near maxPrefixes.in", {{"peer", neighbor.conf.name},
                                        {"family", std::string(to_string(family))},
                                        {"prefixes", std::to_string(received)},
                                        {"limit", std::to_string(*limit)}});
    }
  }
}

void Neighbors::pull() {
  for (auto& [id, neighbor] : neighbors_)
    if (neighbor->up && neighbor->session && deps_.rib->has_output(id)) neighbor->session->pull();
}

bool Neighbors::has_output() const {
  return std::ranges::any_of(neighbors_,
                             [&](const auto& entry) { return entry.second->up && deps_.rib->has_output(entry.first); });
}

/// The link that a neighbour with a link-local address is on now, whatever index it had when the session began; 0: it
/// is gone.
IfIndex Neighbors::link_now(const Neighbor& neighbor) {
  if (!neighbor.conf.bind_interface) return neighbor.session_end.link;
  return IfIndex{static_cast<int>(::if_nametoindex(neighbor.conf.bind_interface->c_str()))};
}

void Neighbors::addresses_changed(const std::function<bool(IfIndex)>& moved) {
  for (auto& [id, neighbor] : neighbors_) {
    const bool by_link = neighbor->session_end.address.is_v6() && neighbor->session_end.address.is_link_local();
    if (!moved(neighbor->local.link) && !(by_link && moved(link_now(*neighbor)))) continue;
    if (!neighbor->up) {
      follow_link(*neighbor);
      continue;
    }
    if (neighbor->conf.interface && !deps_.watch->resolve(neighbor->conf.address, neighbor->local.link).resolved)
      neighbor->link_lost = true;
    const auto now = addresses_beside(*neighbor);
    if (now == neighbor->local) continue;
    neighbor->local = now;
    deps_.rib->peer_changed(id, rib_peer_of(*neighbor));
    deps_.work();
  }
}

/// What is kept of a neighbour over its restart (RFC 4724) goes on through the link as it is now.
void Neighbors::follow_link(Neighbor& neighbor) {
  if (!neighbor.session || neighbor.session->status().stale.empty()) return;
  const IpAddress& local = neighbor.session_end.address;
  const bool by_link = local.is_v6() && local.is_link_local();
  neighbor.local.link = by_link ? link_now(neighbor) : deps_.watch->resolve(neighbor.conf.address).oif;
  if (!by_link) {
    neighbor.local.link_local.reset();
    if (neighbor.local.link != IfIndex{})
      neighbor.local.link_local = deps_.watch->link_local_beside(local, neighbor.local.link);
  }
  deps_.rib->peer_moved(neighbor.id, neighbor.local.link, neighbor.local.link_local);
  deps_.work();
}

}  // namespace slash32::bgp
