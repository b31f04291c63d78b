// What a step of a state machine asks for, done: messages, timers, sessions up and down.
#include <algorithm>

#include "bgpd/peer/peer_impl.h"
#include "bgpd/peer/recorded.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"

namespace slash32::bgp {
namespace {

/// After so long no OPEN of a simultaneous open is on its way any more.
constexpr Seconds kSimultaneous{15};

template <class... Arms>
struct Overloaded : Arms... {
  using Arms::operator()...;
};

std::size_t index(Timer timer) { return static_cast<std::size_t>(timer); }

bool is(const Notification& n, ErrorCode code, std::uint8_t subcode) {
  return n.code == static_cast<std::uint8_t>(code) && n.subcode == subcode;
}

}  // namespace

void Peer::Impl::dispatch(Connection& c, const Event& event, Instant now) {
  const PeerState before = c.awaits_open() ? PeerState::OpenSent : c.fsm.state;  // what is wrong then counts the same
  const auto session = c.fsm.session;
  Step step = bgp::step(c.fsm, event, {settings, c.sent, c.direction == Direction::Outgoing && !settings.passive});
  c.fsm = std::move(step.next);
  if (before == PeerState::Established) record_state();  // while it can still be told whose it was
  for (const Operation& operation : step.operations) run(c, before, session, operation, now);
  record_state();
}

void Peer::Impl::record_state() {
  const PeerState is = state();
  if (recording && is != recorded) actions.emplace_back(act::StateRecorded{std::exchange(recorded, is), is});
}

/// Where it could not be decoded, `update` is nothing: then all families count.
void Peer::Impl::record_update(const Connection& c, const Update* update) {
  if (!recording) return;
  const auto& families = c.fsm.session->add_path_in;
  const bool add_path = update != nullptr ? has_path_ids(*update, families) : !families.empty();
  actions.emplace_back(
      act::MessageRecorded{{judged_message.begin(), judged_message.end()}, c.fsm.session->four_octet_as, add_path});
}

void Peer::Impl::run(Connection& c, PeerState before, const std::shared_ptr<const Session>& session,
                     const Operation& operation, Instant now) {
  std::visit(Overloaded{
                 [&](const op::StartConnect&) {
                   c.id = next_id++;
                   c.since = now;
                   actions.emplace_back(act::Connect{c.id});
                 },
                 [&](const op::SendOpen&) { send_open(c, now); },
                 [&](const op::SendKeepalive&) { send(c, encode_keepalive()); },
                 [&](const op::SendNotification& o) {
                   note_sent(c, o.notification, now);
                   send(c, encode_notification(o.notification));
                 },
                 [&](const op::CloseTcp&) {
                   if (c.id != 0) actions.emplace_back(act::Close{std::exchange(c.id, 0)});
                   c.framer.clear();
                 },
                 [&](const op::StartTimer& o) {
                   const bool exact = o.timer == Timer::Hold || o.timer == Timer::DelayOpen;  // RFC 4271 section 10
                   c.timers[index(o.timer)] = now + (exact ? o.length : jitter(o.length));
                 },
                 [&](const op::StopTimer& o) { c.timers[index(o.timer)].reset(); },
                 [&](const op::StopAllTimers&) { c.timers = {}; },
                 [&](const op::SessionUp&) { session_up(c, now); },
                 [&](const op::DeliverRefresh& o) { deliver_refresh(o.refresh, now); },
                 [&](const op::Ended& o) { ended(c, before, session, o, now); },
             },
             operation);
}

void Peer::Impl::send(Connection& c, std::vector<std::uint8_t> bytes) {
  ++status.messages_out;
  actions.emplace_back(act::Send{c.id, std::move(bytes)});
}

void Peer::Impl::note_identifier(const Notification& n) {
  if (is(n, ErrorCode::OpenMessage, open_error::kBadBgpIdentifier)) status.identifier_refused = true;
}

/// A Cease is administration's and blames no message, whatever is being read meanwhile.
void Peer::Impl::note_sent(const Connection& c, const Notification& n, Instant now) {
  status.last_sent = n;
  ++status.notifications_sent[kind_of(n)];
  note_identifier(n);
  auto noted = std::make_shared<NotedNotification>(NotedNotification{n, now, std::nullopt});
  if (judging == c.id && c.id != 0 && n.code != static_cast<std::uint8_t>(ErrorCode::Cease))
    noted->message = KeptMessage::of(judged_message);
  status.errors.sent = std::move(noted);
}

/// The OPEN that is sent, or will be: what the peer's is judged by.
void Peer::Impl::prepare_open(Connection& c) {
  c.with_capabilities = with_capabilities;
  c.sent = make_open(settings, restart, with_capabilities);
}

void Peer::Impl::send_open(Connection& c, Instant now) {
  prepare_open(c);
  auto open = encode_open(c.sent, with_capabilities);
  note_open(c, &LastOpens::sent, open, now);
  send(c, std::move(open));
}

void Peer::Impl::note_open(Connection& c, std::shared_ptr<const NotedOpen> LastOpens::* which,
                           std::span<const std::uint8_t> message, Instant now) {
  c.opens.*which = status.opens.*which = std::make_shared<const NotedOpen>(NotedOpen{now, KeptMessage::of(message)});
}

void Peer::Impl::session_up(Connection& c, Instant now) {
  const Session& session = *c.fsm.session;
  status.established_at = now;
  status.identifier_refused = false;
  decode_context = {.four_octet_as = session.four_octet_as,
                    .external = session.external,
                    .families = session.families,
                    .extended_next_hop = session.extended_next_hop,
                    .first_as = {},
                    .add_path = session.add_path_in,
                    .allow_as_set = settings.allow_as_set};
  if (session.external && settings.enforce_first_as) decode_context.first_as = session.remote.asn;
  refreshes.on_up(session);
  actions.emplace_back(act::SessionUp{session});
  std::get<act::SessionUp>(actions.back()).session.preserved = retention.on_up(session, now);
  // RFC 4271 section 6.8: with one Established, all others go; an attempt that is still under way is not needed.
  for (std::size_t i = 0; i < connections.size(); ++i)
    if (connections[i].get() != &c && connections[i]->fsm.state != PeerState::Idle)
      dispatch(*connections[i], ev::CollisionLost{}, now);
}

void Peer::Impl::ended(Connection& c, PeerState before, const std::shared_ptr<const Session>& session,
                       const op::Ended& how, Instant now) {
  if (how.how != Ending::CollisionLost && how.how != Ending::Stopped) status.last_error = how.why;
  if (before == PeerState::Established) session_down(*session, how, now);
  plan_pause(c, before, how.how, now);
}

/// RFC 4271 section 6.8: in a simultaneous open one side may take that connection for Established which the other one
/// gives up a moment later. Nothing failed and the next attempt settles it, so this NOTIFICATION ends no retention.
/// From who had one connection alone it is one as any other.
bool Peer::Impl::was_one_too_many(Ending how, Instant now) const {
  return how == Ending::NotificationReceived &&
         is(status.last_received.value_or(Notification{}), ErrorCode::Cease, cease::kConnectionCollision) &&
         had_two_at && now < *had_two_at + kSimultaneous;
}

void Peer::Impl::session_down(const Session& session, const op::Ended& how, Instant now) {
  ++status.flaps;
  const bool collided = was_one_too_many(how.how, now);
  if (status.established_at) backoff.was_established_for(now - *status.established_at);
  status.established_at.reset();
  refreshes.on_down();
  std::vector<AddressFamily> retain = Retention::retained(session, collided ? Ending::TcpLost : how.how);
  if (how.how != Ending::ForRestart) std::erase_if(retain, [&](AddressFamily f) { return retention.has_lapsed(f); });
  const bool keep_stale = session.graceful_notification || collided || retention.spares(session);
  std::vector<AddressFamily> stale_before;
  if (how.how != Ending::ForRestart) stale_before = retention.on_down(session, retain, now, collided);
  if (!stale_before.empty()) actions.emplace_back(act::StaleExpired{std::move(stale_before)});
  actions.emplace_back(act::SessionDown{how.why, std::move(retain), keep_stale});
  expire_stale(now);
}

/// A request is always answered; of the rest, only what RFC 7313 section 4 wants to be heeded.
void Peer::Impl::deliver_refresh(const RouteRefresh& refresh, Instant now) {
  if (refresh.kind != RefreshKind::Request) {
    if (const auto why = refreshes.refuses(refresh)) {
      status.last_error = std::string{"ignored the "} + (refresh.kind == RefreshKind::Begin ? "beginning" : "end") +
                          " of a route refresh of " + std::string{to_string(refresh.family)} + ": " + std::string{*why};
      return;
    }
    refreshes.heed(refresh, now);
  }
  actions.emplace_back(act::RefreshReceived{refresh});
}

void Peer::Impl::expire_stale(Instant now) {
  Retention::Expired expired = retention.expire(now);
  if (!expired.gone.empty()) actions.emplace_back(act::StaleExpired{std::move(expired.gone)});
  if (!expired.long_lived.empty()) actions.emplace_back(act::LongLivedStale{std::move(expired.long_lived)});
}

void Peer::Impl::expire_refreshes(Instant now) {
  for (const AddressFamily family : refreshes.expire(now)) {
    status.last_error = "its route refresh of " + std::string{to_string(family)} + " did not end in time";
    actions.emplace_back(act::RefreshReceived{{family, RefreshKind::End}});
  }
}

/// How long to stay away. Lost connections and collisions are tried again soon; refusals and errors later and later.
void Peer::Impl::plan_pause(const Connection& c, PeerState before, Ending how, Instant now) {
  const bool open_phase = before == PeerState::OpenSent || before == PeerState::OpenConfirm;
  const Notification last = cause_of(status.last_received.value_or(Notification{}));
  if (how == Ending::NotificationSent || how == Ending::BfdDown) {
    if (open_phase) backoff.note_refusal(now);
    pause = backoff.next(!open_phase);
  } else if (how == Ending::NotificationReceived || how == Ending::HardResetReceived) {
    if (is(last, ErrorCode::Cease, cease::kConnectionCollision) ||
        is(last, ErrorCode::Cease, cease::kAdministrativeReset))
      return;
    // RFC 5492 section 3: a peer that knows no capabilities refuses the parameter; try without.
    const bool refused = open_phase && is(last, ErrorCode::OpenMessage, open_error::kUnsupportedOptionalParameter);
    const bool plain_helps = std::ranges::find(settings.families, AddressFamily::IPv4) != settings.families.end();
    const bool retry_plain = refused && c.with_capabilities && plain_helps;
    with_capabilities = !retry_plain;
    if (!retry_plain) pause = backoff.next(!open_phase);
  }
}

}  // namespace slash32::bgp
