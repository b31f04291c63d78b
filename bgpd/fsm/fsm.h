// The finite state machine of one connection (RFC 4271 section 8.2.2): a state and an event in, a state and what to do
// out. No clock, no socket; who runs StartTimer adds the jitter. A peer has one for each connection (section 8.2.1).
//
// Where it differs from the RFC's text, on purpose:
// - A failed connection attempt leads from Connect to Active, not to Idle: we go on listening while we wait.
// - A NOTIFICATION in OpenSent ends the connection without one of ours in answer: nobody reads that.
// - An OPEN in OpenConfirm or Established is an error on that connection; collisions are seen between connections
//   (collision.h), which have a state machine each.
// - What DelayOpen waits for may also be a NOTIFICATION of ours without an OPEN before it (optional attribute 13).
// - Peer oscillation damping (optional) is not there; the pause before Idle is left is Peer's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bgpd/fsm/session.h"
#include "bgpd/fsm/timers.h"
#include "bgpd/wire/message.h"

namespace slash32::bgp {

namespace ev {    // numbers: RFC 4271 section 8.1
struct Start {};  // 1, 3 to 7: by hand or after a pause
struct Stop {
  Notification cease;
};  // 2, 8
struct CloseForRestart {};      // RFC 4724 section 4: end without NOTIFICATION
struct ConnectRetryExpired {};  // 9
struct HoldExpired {};          // 10
struct KeepaliveExpired {};     // 11
struct DelayOpenExpired {};     // 12
struct TcpConnected {};         // 16, 17
struct TcpFailed {
  std::string why;
};  // 18
struct OpenReceived {
  Open open;
  ConnectionId connection = 0;
};  // 19, and 20 where DelayOpen waits
struct HeaderError {
  Notification notification;
};  // 21
struct OpenError {
  Notification notification;
};  // 22
struct CollisionLost {};  // 23
struct NotificationReceived {
  Notification notification;
};  // 24, 25
struct KeepaliveReceived {};  // 26
struct UpdateReceived {};     // 27: its content stays with the caller
struct UpdateError {
  Notification notification;
};  // 28
struct RefreshReceived {
  std::optional<RouteRefresh> refresh;
};  // RFC 2918, RFC 7313; nothing: one to ignore
struct Replaced {};         // RFC 4724 section 5: the peer is back on another connection
struct SendHoldExpired {};  // 29 (RFC 9687): the peer takes nothing of what we send
struct BfdDown {
  std::string why;
};  // RFC 9384: the path to the peer has failed
}  // namespace ev

using Event = std::variant<ev::Start, ev::Stop, ev::CloseForRestart, ev::ConnectRetryExpired, ev::HoldExpired,
                           ev::KeepaliveExpired, ev::DelayOpenExpired, ev::TcpConnected, ev::TcpFailed,
                           ev::OpenReceived, ev::HeaderError, ev::OpenError, ev::CollisionLost,
                           ev::NotificationReceived, ev::KeepaliveReceived, ev::UpdateReceived, ev::UpdateError,
                           ev::RefreshReceived, ev::Replaced, ev::SendHoldExpired, ev::BfdDown>;

/// How a connection, or the attempt at one, came to its end.
enum class Ending : std::uint8_t {
  TcpLost,
  NotificationSent,
  NotificationReceived,
  CollisionLost,
  Stopped,
  Replaced,
  ForRestart,
  HardResetReceived,  // RFC 8538: other NOTIFICATIONs may leave routes to retain, this one none
  BfdDown,            // nor does a broken path, of which the peer is told
};

namespace op {  // in the order they are to be done
struct StartConnect {};
struct SendOpen {};
struct SendKeepalive {};
struct SendNotification {
  Notification notification;
};
struct CloseTcp {};  // after what was sent before has left
struct StartTimer {
  Timer timer;
  Duration length;
};  // again from now, where it runs
struct StopTimer {
  Timer timer;
};
struct StopAllTimers {};
struct SessionUp {};
struct DeliverRefresh {
  RouteRefresh refresh;
};
struct Ended {
  Ending how;
  std::string why;
};  // left the state it was in for Idle or Active
}  // namespace op

using Operation =
    std::variant<op::StartConnect, op::SendOpen, op::SendKeepalive, op::SendNotification, op::CloseTcp, op::StartTimer,
                 op::StopTimer, op::StopAllTimers, op::SessionUp, op::DeliverRefresh, op::Ended>;

struct Fsm {
  PeerState state = PeerState::Idle;
  std::uint32_t connect_retry_counter = 0;  // RFC 4271 section 8.1.1; here also the pause's exponent
  std::shared_ptr<const Session> session;   // in OpenConfirm and Established
  bool delaying = false;                    // in Connect and Active: connected, and the DelayOpenTimer runs
};

struct Step {
  Fsm next;
  std::vector<Operation> operations;
};

struct FsmContext {
  const PeerSettings& settings;
  const Open& sent;        // our OPEN on this connection
  bool initiates = false;  // this machine opens connections; otherwise it only takes one
};

/// One step. Every pair of state and event has an answer.
Step step(const Fsm& fsm, const Event& event, const FsmContext& context);

/// To what any message in Established restarts the hold timer; nothing: there is none. It is all that a good UPDATE
/// does (event 27), so that who has millions of them need not take a step for each.
std::optional<Seconds> hold_after_message(const Session& session);

}  // namespace slash32::bgp
