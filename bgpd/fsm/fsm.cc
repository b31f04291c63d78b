// One function a state, one arm an event, the RFC's "any other event" last.
#include "bgpd/fsm/fsm.h"

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

template <class... Arms>
struct Overloaded : Arms... {
  using Arms::operator()...;
};

Step stay(const Fsm& fsm) { return {fsm, {}}; }

/// Back to Idle, with nothing said to the peer.
Step to_idle(const Fsm& fsm, Ending how, std::string why) {
  // ConnectRetryCounter: section 8.2.2 counts every ending but those a person asked for.
  const std::uint32_t counter = how == Ending::Stopped ? 0 : fsm.connect_retry_counter + 1;
  return {{PeerState::Idle, counter, nullptr}, {op::StopAllTimers{}, op::CloseTcp{}, op::Ended{how, std::move(why)}}};
}

/// Back to Idle, after a NOTIFICATION.
Step notify_and_idle(const Fsm& fsm, const Notification& n, Ending how = Ending::NotificationSent) {
  Step out = to_idle(fsm, how, "sent " + describe(n));
  out.operations.insert(out.operations.begin(), op::SendNotification{n});
  return out;
}

Step fsm_error(const Fsm& fsm, std::uint8_t subcode) {  // RFC 6608 section 3
  return notify_and_idle(fsm, notification(ErrorCode::FiniteStateMachine, subcode));
}

Step collision_lost(const Fsm& fsm) {  // section 6.8
  return notify_and_idle(fsm, notification(ErrorCode::Cease, cease::kConnectionCollision), Ending::CollisionLost);
}

/// RFC 8538 section 3.1: where both sides set N, a NOTIFICATION that shall end everything goes inside of a Hard Reset.
Notification for_good(const Fsm& fsm, const Notification& n) {
  return fsm.session && fsm.session->graceful_notification ? hard_reset(n) : n;
}

/// Who stops us takes the neighbour's routes out, whatever the Cease says; the neighbour shall do the same with ours.
Step stopped(const Fsm& fsm, const Notification& cease) {
  return notify_and_idle(fsm, for_good(fsm, cease), Ending::Stopped);
}

/// The pause before the next attempt: short at first, longer with every failure.
op::StartTimer retry_timer(std::uint32_t counter, const FsmContext& context) {
  return {Timer::ConnectRetry, doubled(kFastReconnect, counter, context.settings.connect_retry_time)};
}

/// Waits in Active for the next attempt, or for the peer to come.
Step to_active(const Fsm& fsm, const FsmContext& context, std::string why) {
  Step out{{PeerState::Active, fsm.connect_retry_counter + 1, nullptr}, {op::StopAllTimers{}, op::CloseTcp{}}};
  if (context.initiates) out.operations.emplace_back(retry_timer(fsm.connect_retry_counter, context));
  out.operations.emplace_back(op::Ended{Ending::TcpLost, std::move(why)});
  return out;
}

Step connect(const Fsm& fsm, const FsmContext& context) {
  return {{PeerState::Connect, fsm.connect_retry_counter, nullptr},
          {op::CloseTcp{}, op::StopTimer{Timer::DelayOpen}, op::StartConnect{},
           op::StartTimer{Timer::ConnectRetry, context.settings.connect_retry_time}}};
}

Step send_open(const Fsm& fsm) {
  return {{PeerState::OpenSent, fsm.connect_retry_counter, nullptr},
          {op::StopTimer{Timer::ConnectRetry}, op::SendOpen{}, op::StartTimer{Timer::Hold, kOpenHoldTime}}};
}

/// Section 8.2.2, Connect and Active: with DelayOpen our OPEN waits for the peer's, or for its time.
Step tcp_connected(const Fsm& fsm, const FsmContext& context) {
  if (context.settings.delay_open == Seconds{0}) return send_open(fsm);
  Step out{fsm, {op::StopTimer{Timer::ConnectRetry}, op::StartTimer{Timer::DelayOpen, context.settings.delay_open}}};
  out.next.delaying = true;
  return out;
}

Step accept_open(const Fsm& fsm, const ev::OpenReceived& e, const FsmContext& context) {
  auto agreed = negotiate(context.settings, context.sent, e.open);
  if (!agreed) return notify_and_idle(fsm, agreed.error());
  agreed->connection = e.connection;
  const auto session = std::make_shared<const Session>(std::move(*agreed));
  Step out{{PeerState::OpenConfirm, fsm.connect_retry_counter, session},
           {op::StopTimer{Timer::ConnectRetry}, op::SendKeepalive{}}};
  if (session->hold_time == Seconds{0}) {  // section 4.4: then only this one KEEPALIVE, which answers the OPEN
    out.operations.emplace_back(op::StopTimer{Timer::Hold});
  } else {
    out.operations.emplace_back(op::StartTimer{Timer::Hold, session->hold_time});
    out.operations.emplace_back(op::StartTimer{Timer::Keepalive, session->keepalive_time});
  }
  return out;
}

Step notified(const Fsm& fsm, const Notification& n) {
  return to_idle(fsm, is_hard_reset(n) ? Ending::HardResetReceived : Ending::NotificationReceived,
                 "received " + describe(n));
}

/// Connect or Active with a connection on which DelayOpen waits; nothing: as without one.
std::optional<Step> on_delaying(const Fsm& fsm, const Event& event, const FsmContext& context) {
  return std::visit(
      Overloaded{
          [&](const ev::DelayOpenExpired&) -> std::optional<Step> { return send_open(fsm); },
          [&](const ev::OpenReceived& e) -> std::optional<Step> {
            Step out = accept_open(fsm, e, context);
            if (out.next.state != PeerState::OpenConfirm) return out;
            out.operations.insert(out.operations.begin(), {op::StopTimer{Timer::DelayOpen}, op::SendOpen{}});
            return out;
          },
          [&](const ev::HeaderError& e) -> std::optional<Step> { return notify_and_idle(fsm, e.notification); },
          [&](const ev::OpenError& e) -> std::optional<Step> { return notify_and_idle(fsm, e.notification); },
          [&](const ev::NotificationReceived& e) -> std::optional<Step> { return notified(fsm, e.notification); },
          [&](const auto&) -> std::optional<Step> { return std::nullopt; },
      },
      event);
}

Step on_idle(const Fsm& fsm, const Event& event, const FsmContext& context) {
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step {
            if (context.initiates) return connect(fsm, context);
            return {{PeerState::Active, 0, nullptr}, {}};  // passive: only listens
          },
          [&](const ev::TcpConnected&) -> Step { return {fsm, {op::CloseTcp{}}}; },  // Idle refuses connections
          [&](const auto&) -> Step { return stay(fsm); },
      },
      event);
}

Step on_connect(const Fsm& fsm, const Event& event, const FsmContext& context) {
  if (fsm.delaying)
    if (auto step = on_delaying(fsm, event, context)) return std::move(*step);
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step { return stay(fsm); },
          [&](const ev::Stop&) -> Step { return to_idle(fsm, Ending::Stopped, "stopped"); },
          [&](const ev::CloseForRestart&) -> Step { return to_idle(fsm, Ending::ForRestart, "restarting"); },
          [&](const ev::ConnectRetryExpired&) -> Step { return connect(fsm, context); },
          [&](const ev::TcpConnected&) -> Step { return tcp_connected(fsm, context); },
          [&](const ev::TcpFailed& e) -> Step { return to_active(fsm, context, e.why); },
          [&](const ev::CollisionLost&) -> Step { return to_idle(fsm, Ending::CollisionLost, "not needed any more"); },
          [&](const auto&) -> Step { return to_idle(fsm, Ending::TcpLost, "unexpected event in Connect"); },
      },
      event);
}

Step on_active(const Fsm& fsm, const Event& event, const FsmContext& context) {
  if (fsm.delaying)
    if (auto step = on_delaying(fsm, event, context)) return std::move(*step);
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step { return stay(fsm); },
          [&](const ev::Stop&) -> Step { return to_idle(fsm, Ending::Stopped, "stopped"); },
          [&](const ev::CloseForRestart&) -> Step { return to_idle(fsm, Ending::ForRestart, "restarting"); },
          [&](const ev::ConnectRetryExpired&) -> Step { return context.initiates ? connect(fsm, context) : stay(fsm); },
          [&](const ev::TcpConnected&) -> Step { return tcp_connected(fsm, context); },
          [&](const ev::TcpFailed& e) -> Step { return to_active(fsm, context, e.why); },
          [&](const ev::CollisionLost&) -> Step { return to_idle(fsm, Ending::CollisionLost, "not needed any more"); },
          [&](const auto&) -> Step { return to_idle(fsm, Ending::TcpLost, "unexpected event in Active"); },
      },
      event);
}

Step hold_expired(const Fsm& fsm) { return notify_and_idle(fsm, notification(ErrorCode::HoldTimerExpired)); }

Step on_open_sent(const Fsm& fsm, const Event& event, const FsmContext& context) {
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step { return stay(fsm); },
          [&](const ev::Stop& e) -> Step { return stopped(fsm, e.cease); },
          [&](const ev::CloseForRestart&) -> Step { return to_idle(fsm, Ending::ForRestart, "restarting"); },
          [&](const ev::HoldExpired&) -> Step { return hold_expired(fsm); },
          [&](const ev::TcpConnected&) -> Step { return stay(fsm); },  // section 8.2.2: tracked by a machine of its own
          [&](const ev::TcpFailed& e) -> Step { return to_active(fsm, context, e.why); },
          [&](const ev::OpenReceived& e) -> Step { return accept_open(fsm, e, context); },
          [&](const ev::HeaderError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::OpenError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::CollisionLost&) -> Step { return collision_lost(fsm); },
          [&](const ev::NotificationReceived& e) -> Step { return notified(fsm, e.notification); },
          [&](const auto&) -> Step { return fsm_error(fsm, fsm_error::kUnexpectedInOpenSent); },
      },
      event);
}

/// Any message shows that the peer lives: stricter timers than the peer's own would break working sessions.
std::vector<Operation> restart_hold(const Fsm& fsm) {
  const auto hold = hold_after_message(*fsm.session);
  if (!hold) return {};
  return {op::StartTimer{Timer::Hold, *hold}};
}

Step established(const Fsm& fsm) {
  Step out{{PeerState::Established, 0, fsm.session}, restart_hold(fsm)};
  out.operations.emplace_back(op::SessionUp{});
  return out;
}

Step keepalive_due(const Fsm& fsm) {
  if (fsm.session->keepalive_time == Seconds{0}) return stay(fsm);
  return {fsm, {op::SendKeepalive{}, op::StartTimer{Timer::Keepalive, fsm.session->keepalive_time}}};
}

Step on_open_confirm(const Fsm& fsm, const Event& event) {
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step { return stay(fsm); },
          [&](const ev::Stop& e) -> Step { return stopped(fsm, e.cease); },
          [&](const ev::CloseForRestart&) -> Step { return to_idle(fsm, Ending::ForRestart, "restarting"); },
          [&](const ev::HoldExpired&) -> Step { return hold_expired(fsm); },
          [&](const ev::KeepaliveExpired&) -> Step { return keepalive_due(fsm); },
          [&](const ev::TcpConnected&) -> Step { return stay(fsm); },
          [&](const ev::TcpFailed& e) -> Step { return to_idle(fsm, Ending::TcpLost, e.why); },
          [&](const ev::HeaderError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::OpenError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::CollisionLost&) -> Step { return collision_lost(fsm); },
          [&](const ev::NotificationReceived& e) -> Step { return notified(fsm, e.notification); },
          [&](const ev::KeepaliveReceived&) -> Step { return established(fsm); },
          [&](const auto&) -> Step { return fsm_error(fsm, fsm_error::kUnexpectedInOpenConfirm); },
      },
      event);
}

Step deliver(const Fsm& fsm, std::optional<Operation> operation) {
  Step out{fsm, restart_hold(fsm)};
  if (operation) out.operations.push_back(std::move(*operation));
  return out;
}

/// RFC 9384 section 3: the path is broken, so nothing is retained over it, of neither side.
Step bfd_down(const Fsm& fsm, const std::string& why) {
  const auto cease = for_good(fsm, notification(ErrorCode::Cease, cease::kBfdDown));
  Step out = to_idle(fsm, Ending::BfdDown, "BFD: " + why + "; sent " + describe(cease));
  out.operations.insert(out.operations.begin(), op::SendNotification{cease});
  return out;
}

Step on_established(const Fsm& fsm, const Event& event) {
  return std::visit(
      Overloaded{
          [&](const ev::Start&) -> Step { return stay(fsm); },
          [&](const ev::Stop& e) -> Step { return stopped(fsm, e.cease); },
          [&](const ev::CloseForRestart&) -> Step { return to_idle(fsm, Ending::ForRestart, "restarting"); },
          [&](const ev::HoldExpired&) -> Step { return hold_expired(fsm); },
          [&](const ev::KeepaliveExpired&) -> Step { return keepalive_due(fsm); },
          [&](const ev::TcpConnected&) -> Step { return stay(fsm); },
          [&](const ev::TcpFailed& e) -> Step { return to_idle(fsm, Ending::TcpLost, e.why); },
          [&](const ev::HeaderError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::CollisionLost&) -> Step { return collision_lost(fsm); },
          [&](const ev::NotificationReceived& e) -> Step { return notified(fsm, e.notification); },
          [&](const ev::KeepaliveReceived&) -> Step { return deliver(fsm, {}); },
          [&](const ev::UpdateReceived&) -> Step { return deliver(fsm, {}); },
          [&](const ev::UpdateError& e) -> Step { return notify_and_idle(fsm, e.notification); },
          [&](const ev::RefreshReceived& e) -> Step {
            return e.refresh ? deliver(fsm, op::DeliverRefresh{*e.refresh}) : deliver(fsm, {});
          },
          [&](const ev::Replaced&) -> Step {
            return to_idle(fsm, Ending::Replaced, "the peer came back on a new connection");
          },
          [&](const ev::SendHoldExpired&) -> Step {
            return notify_and_idle(fsm, notification(ErrorCode::SendHoldTimerExpired));
          },
          [&](const ev::BfdDown& e) -> Step { return bfd_down(fsm, e.why); },
          [&](const auto&) -> Step { return fsm_error(fsm, fsm_error::kUnexpectedInEstablished); },
      },
      event);
}

}  // namespace

std::string_view to_string(PeerState state) {
  switch (state) {
    case PeerState::Idle:
      return "Idle";
    case PeerState::Connect:
      return "Connect";
    case PeerState::Active:
      return "Active";
    case PeerState::OpenSent:
      return "OpenSent";
    case PeerState::OpenConfirm:
      return "OpenConfirm";
    case PeerState::Established:
      return "Established";
  }
  return "?";
}

std::optional<Seconds> hold_after_message(const Session& session) {
  if (session.hold_time == Seconds{0}) return std::nullopt;
  return session.hold_time;
}

Step step(const Fsm& fsm, const Event& event, const FsmContext& context) {
  switch (fsm.state) {
    case PeerState::Idle:
      return on_idle(fsm, event, context);
    case PeerState::Connect:
      return on_connect(fsm, event, context);
    case PeerState::Active:
      return on_active(fsm, event, context);
    case PeerState::OpenSent:
      return on_open_sent(fsm, event, context);
    case PeerState::OpenConfirm:
      return on_open_confirm(fsm, event);
    case PeerState::Established:
      return on_established(fsm, event);
  }
  return stay(fsm);
}

}  // namespace slash32::bgp
