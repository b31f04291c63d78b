// The inside of Peer. One state machine that opens connections (always there) and one for each incoming connection
// (RFC 4271 section 8.2.1); what concerns more than one of them is decided here: collisions, pauses, retention.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bgpd/fsm/collision.h"
#include "bgpd/fsm/fsm.h"
#include "bgpd/fsm/negotiate.h"
#include "bgpd/peer/backoff.h"
#include "bgpd/peer/framer.h"
#include "bgpd/peer/peer.h"
#include "bgpd/peer/refreshes.h"
#include "bgpd/peer/retention.h"
#include "bgpd/wire/update.h"

namespace slash32::bgp {

/// A state machine and its TCP connection.
struct Connection {
  ConnectionId id = 0;  // 0: no TCP connection, nor an attempt at one
  Direction direction = Direction::Incoming;
  Fsm fsm;
  Open sent;                      // our OPEN on it
  LastOpens opens;                // both sides' on it
  bool with_capabilities = true;  // of that OPEN
  Instant since{};                // when it was accepted or opened
  std::array<std::optional<Instant>, kTimers> timers{};
  Framer framer;

  /// Messages are read, and the peer's OPEN has not come.
  bool awaits_open() const { return fsm.delaying || fsm.state == PeerState::OpenSent; }
};

struct Peer::Impl {
  Impl(PeerSettings s, Random r, void* context);

  // ------------------------------------------------------------ what Peer forwards to
  void start(Instant now);
  void stop(Instant now, const Event& how);
  void connected(ConnectionId id, Instant now);
  void failed(ConnectionId id, const std::string& why, Instant now);
  ConnectionId accepted(Instant now);
  void bytes(ConnectionId id, std::span<const std::uint8_t> data, Instant now);
  void time(Instant now);
  std::optional<Instant> next_deadline() const;
  PeerStatus show() const;
  PeerState state() const;
  PeerTimers timers() const;
  /// Ends a call: removes connections that are gone, plans the next attempt, hands the actions out.
  Actions finish(Instant now);

  // ------------------------------------------------------------ messages (peer_messages.cc)
  void on_message(Connection& c, const Frame& frame, Instant now);
  void on_open(Connection& c, std::span<const std::uint8_t> body, Instant now);
  void on_update(Connection& c, std::span<const std::uint8_t> body, Instant now);
  void on_refresh(Connection& c, std::span<const std::uint8_t> body, Instant now);
  /// False: `c` lost (RFC 4271 section 6.8), so its OPEN is not acted on.
  bool resolve_collisions(Connection& c, const Open& open, Instant now);

  // ------------------------------------------------------------ the state machines
  void dispatch(Connection& c, const Event& event, Instant now);
  void run(Connection& c, PeerState before, const std::shared_ptr<const Session>& session, const Operation& operation,
           Instant now);
  void record_state();
  void record_update(const Connection& c, const Update* update);
  void send(Connection& c, std::vector<std::uint8_t> bytes);
  void note_identifier(const Notification& n);
  void note_open(Connection& c, std::shared_ptr<const NotedOpen> LastOpens::* which,
                 std::span<const std::uint8_t> message, Instant now);
  void note_sent(const Connection& c, const Notification& n, Instant now);
  void prepare_open(Connection& c);
  void send_open(Connection& c, Instant now);
  void session_up(Connection& c, Instant now);
  void ended(Connection& c, PeerState before, const std::shared_ptr<const Session>& session, const op::Ended& how,
             Instant now);
  bool was_one_too_many(Ending how, Instant now) const;
  void session_down(const Session& session, const op::Ended& how, Instant now);
  void deliver_refresh(const RouteRefresh& refresh, Instant now);
  void expire_refreshes(Instant now);
  void expire_stale(Instant now);
  void plan_pause(const Connection& c, PeerState before, Ending how, Instant now);

  Connection* find(ConnectionId id);
  Connection* established();
  const Connection* established() const;
  Connection& initiator() { return *connections.front(); }
  Duration jitter(Duration d) { return with_jitter(d, random(random_context)); }

  PeerSettings settings;
  Random random;
  void* random_context;
  RestartState restart;

  bool running = false;
  bool with_capabilities = true;  // of the next OPEN; off after the peer refused them (RFC 5492 section 3)
  ConnectionId next_id = 1;
  std::vector<std::unique_ptr<Connection>> connections;  // the first one opens connections
  std::optional<Instant> had_two_at;                     // connections at a time: when that was so last
  std::optional<Instant> start_at;                       // when the initiator leaves Idle (IdleHoldTimer)
  std::optional<Duration> pause;                         // what `start_at` shall be set to
  Backoff backoff;
  Retention retention;
  Refreshes refreshes;
  ConnectionId judging = 0;                      // the connection whose message is being judged, and ...
  std::span<const std::uint8_t> judged_message;  // ... that message, or what came instead of one
  DecodeContext decode_context;                  // of the established session
  bool recording = false;
  PeerState recorded = PeerState::Idle;  // the last state that was told, while recording
  PeerStatus status;
  Actions actions;
};

}  // namespace slash32::bgp
