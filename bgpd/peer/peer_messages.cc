// What came in: decoded by the wire, judged by the state machine, and collisions between connections in between.
#include <algorithm>

#include "bgpd/peer/peer_impl.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/route_refresh.h"
#include "bgpd/wire/update.h"

namespace slash32::bgp {
namespace {

/// A connection accepted so soon after ours came up may have been on its way before the peer knew of the session: the
/// tail of a simultaneous start, not a restarted peer.
constexpr Seconds kSettling{3};
/// How long a connection that won a collision may still take to send its OPEN: the peer lives, as the loser shows.
constexpr Seconds kWinnersPatience{15};

bool waits_for_open_or_keepalive(const Connection& c) {
  return c.fsm.state == PeerState::OpenSent || c.fsm.state == PeerState::OpenConfirm;
}

bool says_restarting(const Open& open) {
  return open.capabilities.graceful_restart && open.capabilities.graceful_restart->restarting;
}

/// RFC 4724 section 5: a peer that restarted may be back before its old connection's end was noticed. Its valid OPEN is
/// the proof; a bare TCP connection would let anything that connects from its address end the session. It is no
/// collision when the peer had opened the old connection as well (nobody opens two), when it says now that it restarted
/// and had not said so before, or when the old session had settled.
bool came_back(const Connection& old, const Connection& c, const Open& open, std::optional<Instant> established_at) {
  if (old.direction == Direction::Incoming) return true;
  if (says_restarting(open) && !says_restarting(old.fsm.session->remote)) return true;
  return established_at && c.since >= *established_at + kSettling;
}

}  // namespace

void Peer::Impl::on_message(Connection& c, const Frame& frame, Instant now) {
  ++status.messages_in;
  switch (frame.type) {
    case MessageType::Open:
      note_open(c, &LastOpens::received, frame.whole, now);
      return on_open(c, frame.body, now);
    case MessageType::Update:
      return on_update(c, frame.body, now);
    case MessageType::Keepalive:
      return dispatch(c, ev::KeepaliveReceived{}, now);
    case MessageType::RouteRefresh:
      return on_refresh(c, frame.body, now);
    case MessageType::Notification: {
      const Notification n = decode_notification(frame.body);
      status.last_received = n;
      ++status.notifications_received[kind_of(n)];
      status.errors.received =
          std::make_shared<NotedNotification>(NotedNotification{n, now, KeptMessage::of(frame.whole)});
      note_identifier(n);
      return dispatch(c, ev::NotificationReceived{n}, now);
    }
  }
}

void Peer::Impl::on_open(Connection& c, std::span<const std::uint8_t> body, Instant now) {
  auto open = decode_open(body);
  if (!open) return dispatch(c, ev::OpenError{open.error()}, now);
  if (c.fsm.delaying) prepare_open(c);
  if (c.awaits_open() && !resolve_collisions(c, *open, now)) return;
  dispatch(c, ev::OpenReceived{std::move(*open), c.id}, now);
}

/// RFC 4271 section 6.8, decided before our KEEPALIVE could make the peer believe in a connection that is to go. Also
/// against a connection in OpenSent: this OPEN tells us who is at the other end of both.
bool Peer::Impl::resolve_collisions(Connection& c, const Open& open, Instant now) {
  if (!negotiate(settings, c.sent, open)) return true;  // refused anyway, and nobody else suffers for it
  if (Connection* old = established(); old != nullptr) {
    const bool back = old->fsm.session->graceful_restart && came_back(*old, c, open, status.established_at);
    dispatch(back ? *old : c, back ? Event{ev::Replaced{}} : Event{ev::CollisionLost{}}, now);
    return back;
  }
  const Direction stays = survivor(settings.local_id, settings.local_as, open.id, open.asn);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    Connection& other = *connections[i];
    if (&other == &c || !waits_for_open_or_keepalive(other)) continue;
    if (c.direction != stays) {
      auto& hold = other.timers[static_cast<std::size_t>(Timer::Hold)];
      if (other.fsm.state == PeerState::OpenSent && hold) hold = std::min(*hold, now + kWinnersPatience);
      dispatch(c, ev::CollisionLost{}, now);
      return false;
    }
    dispatch(other, ev::CollisionLost{}, now);
  }
  return true;
}

void Peer::Impl::on_update(Connection& c, std::span<const std::uint8_t> body, Instant now) {
  if (c.fsm.state != PeerState::Established) return dispatch(c, ev::UpdateReceived{}, now);
  ++status.updates_in;
  auto update = decode_update(body, decode_context);
  record_update(c, update ? &*update : nullptr);
  if (!update) return dispatch(c, ev::UpdateError{update.error()}, now);
  if (update->verdict != Verdict::Accept) {
    status.last_error = "received UPDATE: " + update->complaint;
    status.errors.malformed = std::make_shared<NotedUpdate>(
        NotedUpdate{update->verdict, update->complaint, update->fault, now, KeptMessage::of(judged_message)});
  }
  if (update->end_of_rib) {
    retention.on_end_of_rib(*update->end_of_rib);
    refreshes.on_end_of_rib(*update->end_of_rib);
  }
  if (const auto hold = hold_after_message(*c.fsm.session))
    c.timers[static_cast<std::size_t>(Timer::Hold)] = now + *hold;
  actions.emplace_back(act::UpdateReceived{std::move(*update)});
}

void Peer::Impl::on_refresh(Connection& c, std::span<const std::uint8_t> body, Instant now) {
  const auto decoded = decode_route_refresh(body);
  if (!decoded) return dispatch(c, ev::HeaderError{decoded.error()}, now);
  ev::RefreshReceived event;
  if (const auto* refresh = std::get_if<RouteRefresh>(&*decoded)) event.refresh = *refresh;
  // RFC 2918 section 4: a family that was not negotiated is ignored.
  if (event.refresh && c.fsm.session &&
      std::ranges::find(c.fsm.session->families, event.refresh->family) == c.fsm.session->families.end())
    event.refresh.reset();
  dispatch(c, event, now);
}

}  // namespace slash32::bgp
