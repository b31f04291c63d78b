// Peer's door, and the life of its connections. Messages: peer_messages.cc; effects of steps: peer_effects.cc.
#include "bgpd/peer/peer.h"

#include <algorithm>

#include "bgpd/peer/peer_impl.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/route_refresh.h"

namespace slash32::bgp {

Peer::Impl::Impl(PeerSettings s, Random r, void* context)
    : settings(std::move(s)), random(r), random_context(context), retention(settings.stale_time) {
  connections.push_back(std::make_unique<Connection>());
  initiator().direction = Direction::Outgoing;
}

Connection* Peer::Impl::find(ConnectionId id) {
  const auto at = std::ranges::find_if(connections, [&](const auto& c) { return id != 0 && c->id == id; });
  return at == connections.end() ? nullptr : at->get();
}

const Connection* Peer::Impl::established() const {
  const auto at =
      std::ranges::find_if(connections, [](const auto& c) { return c->fsm.state == PeerState::Established; });
  return at == connections.end() ? nullptr : at->get();
}

Connection* Peer::Impl::established() { return const_cast<Connection*>(std::as_const(*this).established()); }

void Peer::Impl::start(Instant now) {
  if (running) return;
  running = true;
  dispatch(initiator(), ev::Start{}, now);
}

void Peer::Impl::stop(Instant now, const Event& how) {
  running = false;
  start_at.reset();
  for (std::size_t i = 0; i < connections.size(); ++i) dispatch(*connections[i], how, now);
  if (std::holds_alternative<ev::CloseForRestart>(how)) return;
  if (!retention.stale().empty()) actions.emplace_back(act::StaleExpired{retention.forget()});
}

void Peer::Impl::connected(ConnectionId id, Instant now) {
  Connection* c = find(id);
  if (c == nullptr || c->fsm.state != PeerState::Connect) return;
  dispatch(*c, ev::TcpConnected{}, now);
}

void Peer::Impl::failed(ConnectionId id, const std::string& why, Instant now) {
  Connection* c = find(id);
  if (c == nullptr) return;
  c->id = 0;  // gone already: nobody needs to be told to close it
  // Who calls only to hang up before its OPEN costs as much as who sends a wrong one.
  if (c->direction == Direction::Incoming && c->awaits_open()) backoff.note_refusal(now);
  dispatch(*c, ev::TcpFailed{why}, now);
}

ConnectionId Peer::Impl::accepted(Instant now) {
  const ConnectionId id = next_id++;
  if (!running || !backoff.takes_connections(now)) {  // RFC 4271 section 8.2.2: Idle refuses connections
    actions.emplace_back(act::Close{id});
    return id;
  }
  // A peer opens one connection at a time: what it opened before and did not bring to Established is given up.
  for (std::size_t i = 1; i < connections.size(); ++i) {
    if (connections[i]->fsm.state == PeerState::Established) continue;
    if (connections[i]->awaits_open()) backoff.note_refusal(now);  // its OPEN never came
    dispatch(*connections[i], ev::CollisionLost{}, now);
  }
  auto c = std::make_unique<Connection>();
  c->id = id;
  c->since = now;
  c->fsm.state = PeerState::Active;
  connections.push_back(std::move(c));
  dispatch(*connections.back(), ev::TcpConnected{}, now);
  return id;
}

void Peer::Impl::bytes(ConnectionId id, std::span<const std::uint8_t> data, Instant now) {
  Connection* c = find(id);
  if (c == nullptr || (c->fsm.state < PeerState::OpenSent && !c->fsm.delaying)) return;
  c->framer.push(data);
  while (c->id == id) {  // a message may end the connection; what came behind it is then dropped
    // RFC 8654 section 4: who sent the capability takes longer messages, whether or not the peer sent it.
    const bool extended = c->fsm.session && c->fsm.session->takes_extended_messages;
    const auto rest = c->framer.rest();
    const auto frame = c->framer.next(extended ? kMaxExtendedMessageSize : kMaxMessageSize);
    if (!frame) break;
    judging = id;
    judged_message = *frame ? (*frame)->whole : rest;
    if (*frame)
      on_message(*c, **frame, now);
    else
      dispatch(*c, ev::HeaderError{frame->error()}, now);
  }
  judging = 0;
  judged_message = {};
}

void Peer::Impl::time(Instant now) {
  static const std::array<Event, kTimers> kEvents{ev::ConnectRetryExpired{}, ev::HoldExpired{}, ev::KeepaliveExpired{},
                                                  ev::DelayOpenExpired{}};
  for (std::size_t i = 0; i < connections.size(); ++i) {
    Connection& c = *connections[i];
    for (std::size_t t = 0; t < kTimers; ++t) {
      if (!c.timers[t] || *c.timers[t] > now) continue;
      c.timers[t].reset();
      dispatch(c, kEvents[t], now);
    }
  }
  expire_stale(now);
  expire_refreshes(now);
  if (start_at && *start_at <= now) {
    start_at.reset();
    dispatch(initiator(), ev::Start{}, now);
  }
}

std::optional<Instant> Peer::Impl::next_deadline() const {
  std::optional<Instant> first = start_at;
  const auto consider = [&](const std::optional<Instant>& at) {
    if (at && (!first || *at < *first)) first = at;
  };
  consider(retention.deadline());
  consider(refreshes.deadline());
  for (const auto& c : connections)
    for (const auto& timer : c->timers) consider(timer);
  return first;
}

PeerState Peer::Impl::state() const {
  PeerState out = PeerState::Idle;
  for (const auto& c : connections) out = std::max(out, c->fsm.state);
  return out;
}

PeerTimers Peer::Impl::timers() const {
  const auto further = [](const auto& a, const auto& b) { return a->fsm.state < b->fsm.state; };
  PeerTimers out;
  out.connection = (*std::ranges::max_element(connections, further))->timers;
  auto& retry = out.connection[static_cast<std::size_t>(Timer::ConnectRetry)];
  if (!retry) retry = connections.front()->timers[static_cast<std::size_t>(Timer::ConnectRetry)];
  out.idle_hold = start_at;
  out.route_refresh = refreshes.deadline();
  return out;
}

PeerStatus Peer::Impl::show() const {
  PeerStatus out = status;
  out.state = state();
  if (const Connection* c = established()) {
    out.session = *c->fsm.session;
    out.opens = c->opens;
  }
  for (const AddressFamily f : retention.stale())
    out.stale.push_back({f, retention.is_long_lived(f), retention.deadline(f)});
  return out;
}

Actions Peer::Impl::finish(Instant now) {
  if (std::ranges::count_if(connections, [](const auto& c) { return c->id != 0; }) > 1) had_two_at = now;
  for (std::size_t i = connections.size() - 1; i > 0; --i)
    if (connections[i]->id == 0) connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
  // The initiator left for Idle: it comes back after a pause, unless another connection is doing its work. Incoming
  // connections that lead nowhere do not put it off.
  const auto any_above = [&](PeerState state) {
    return std::ranges::any_of(connections, [&](const auto& c) { return c->fsm.state > state; });
  };
  const bool idle = initiator().fsm.state == PeerState::Idle;
  if (running && idle && !start_at && !any_above(PeerState::Active))
    start_at = now + jitter(pause.value_or(kFastReconnect));
  if (idle && any_above(PeerState::OpenSent)) start_at.reset();
  pause.reset();
  return std::exchange(actions, {});
}

// ---------------------------------------------------------------- the door

Peer::Peer(PeerSettings settings, Random random, void* random_context)
    : impl_(std::make_unique<Impl>(std::move(settings), random, random_context)) {}
Peer::~Peer() = default;
Peer::Peer(Peer&&) noexcept = default;
Peer& Peer::operator=(Peer&&) noexcept = default;

void Peer::set_restarting(bool restarting, std::vector<AddressFamily> preserved) {
  impl_->restart = {restarting, std::move(preserved)};
}

void Peer::set_recording(bool on) {
  impl_->recording = on;
  impl_->recorded = impl_->state();
}

Actions Peer::start(Instant now) {
  impl_->start(now);
  return impl_->finish(now);
}

Actions Peer::stop(Instant now, Notification cease) {
  impl_->stop(now, ev::Stop{std::move(cease)});
  return impl_->finish(now);
}

Actions Peer::close_for_restart(Instant now) {
  impl_->stop(now, ev::CloseForRestart{});
  return impl_->finish(now);
}

Actions Peer::on_connected(ConnectionId id, Instant now) {
  impl_->connected(id, now);
  return impl_->finish(now);
}

Actions Peer::on_connect_failed(ConnectionId id, const std::string& why, Instant now) {
  impl_->failed(id, "connect: " + why, now);
  return impl_->finish(now);
}

std::pair<ConnectionId, Actions> Peer::on_accepted(Instant now) {
  const ConnectionId id = impl_->accepted(now);
  return {id, impl_->finish(now)};
}

Actions Peer::on_bytes(ConnectionId id, std::span<const std::uint8_t> bytes, Instant now) {
  impl_->bytes(id, bytes, now);
  return impl_->finish(now);
}

Actions Peer::on_closed(ConnectionId id, const std::string& why, Instant now) {
  impl_->failed(id, "connection lost: " + why, now);
  return impl_->finish(now);
}

Actions Peer::on_send_hold_expired(Instant now) {
  if (Connection* c = impl_->established(); c != nullptr) impl_->dispatch(*c, ev::SendHoldExpired{}, now);
  return impl_->finish(now);
}

Actions Peer::on_bfd_down(const std::string& why, Instant now) {
  if (Connection* c = impl_->established(); c != nullptr) impl_->dispatch(*c, ev::BfdDown{why}, now);
  return impl_->finish(now);
}

std::optional<Instant> Peer::next_deadline() const { return impl_->next_deadline(); }

Actions Peer::on_time(Instant now) {
  impl_->time(now);
  return impl_->finish(now);
}

void Peer::note_update_sent(Instant now, std::uint64_t messages) {
  Connection* c = impl_->established();
  if (c == nullptr || messages == 0) return;
  impl_->status.messages_out += messages;
  // RFC 4271 section 8.2.2, Established: every UPDATE or KEEPALIVE sent restarts the timer, unless there is none.
  if (c->fsm.session->keepalive_time > Seconds{0})
    c->timers[static_cast<std::size_t>(Timer::Keepalive)] = now + impl_->jitter(c->fsm.session->keepalive_time);
}

Actions Peer::request_refresh(AddressFamily family, Instant now) {
  Connection* c = impl_->established();
  if (c == nullptr || !c->fsm.session->route_refresh) return {};
  if (std::ranges::find(c->fsm.session->families, family) == c->fsm.session->families.end()) return {};
  impl_->send(*c, encode_route_refresh({family}));
  return impl_->finish(now);
}

void Peer::note_end_of_rib(AddressFamily family) { impl_->retention.on_end_of_rib(family); }

PeerStatus Peer::status() const { return impl_->show(); }
PeerState Peer::state() const { return impl_->state(); }
const LastErrors& Peer::last_errors() const { return impl_->status.errors; }
Seconds Peer::hold_time() const {
  const Connection* c = impl_->established();
  return c == nullptr ? Seconds{0} : c->fsm.session->hold_time;
}
PeerTimers Peer::timers() const { return impl_->timers(); }
const PeerSettings& Peer::settings() const { return impl_->settings; }

}  // namespace slash32::bgp
