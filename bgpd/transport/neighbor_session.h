// Joins one Peer (pure) with its sockets and the clock: carries out what Peer's actions say, tells it what sockets and
// time did, and hands routes and session events on. Decides nothing of BGP.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/peer/peer.h"
#include "bgpd/transport/connection.h"
#include "bgpd/transport/loop.h"
#include "bgpd/transport/socket.h"
#include "common/fd.h"

namespace slash32::bgp {

/// What a session has for its owner. Called from the loop or from inside a call of ours; in both cases calling back
/// into the session is fine, but destroying it is not (post that).
struct SessionEvents {
  std::function<void(const Session&, const Endpoint& local)> up;  // `local`: our end of the connection
  std::function<void(const act::SessionDown&)> down;
  std::function<void(const std::vector<AddressFamily>&)> stale_expired;
  std::function<void(const std::vector<AddressFamily>&)> long_lived_stale;
  std::function<void(const Update&)> update;
  std::function<void(const RouteRefresh&)> refresh;
  /// UPDATE messages to send, about `max_bytes`; empty: none now. Asked only while the connection's queue is empty.
  struct Output {
    std::vector<std::uint8_t> bytes;
    std::uint64_t messages = 0;
  };
  std::function<Output(std::size_t max_bytes)> output;
  /// State or last errors are others than `before`; told after what they led to. States that lasted no longer than one
  /// call are passed over.
  struct Noticed {
    PeerState state = PeerState::Idle;
    LastErrors errors;
    bool operator==(const Noticed&) const = default;
  };
  std::function<void(const Noticed& before, const Noticed& now)> noticed = {};
  /// An incoming connection is closed at once: "tooMany", "socketOptions" or "notNow", and the same for people
  /// where it is worth a line.
  std::function<void(std::string_view reason, const std::string& why)> call_refused = {};
  /// While set_recording() is on.
  std::function<void(const act::MessageRecorded&)> message_recorded = {};
  std::function<void(const act::StateRecorded&)> state_recorded = {};
};

class NeighborSession {
 public:
  NeighborSession(Loop& loop, PeerSettings settings, Endpoint remote, SocketOptions options, SessionEvents events);
  ~NeighborSession();  // closes what is open, after what was queued
  NeighborSession(const NeighborSession&) = delete;
  NeighborSession& operator=(const NeighborSession&) = delete;

  void start();
  /// Cease; stays stopped until start().
  void stop(Notification cease);
  /// Without a NOTIFICATION, so that the peer keeps our routes (RFC 4724 section 4).
  void close_for_restart();
  /// BFD says that the path has failed: as Peer::on_bfd_down. The session comes back on its own.
  void bfd_down(const std::string& why);
  /// An incoming connection from the neighbour.
  void accept(UniqueFd fd);
  /// There may be something to send: takes it while the connection has room.
  void pull();
  void request_refresh(AddressFamily family);
  void note_end_of_rib(AddressFamily family);
  /// Rotated keys: for what is connected now and for what comes. `range`: where the listeners have them for a range.
  /// Error: of one connection; it has what it had, or a part of it, and calling this again goes on from there.
  Status set_keys(const TcpKeys& keys, const std::optional<Prefix>& range = std::nullopt);
  void set_restarting(bool restarting, std::vector<AddressFamily> preserved);
  /// `sent`: UPDATEs that we send are told as well.
  void set_recording(bool on, bool sent);

  PeerStatus status() const { return peer_.status(); }
  PeerTimers timers() const;
  const PeerSettings& settings() const { return peer_.settings(); }
  const Endpoint& remote() const { return remote_; }
  const SocketOptions& options() const { return options_; }
  /// Octets waiting for the socket of the established connection.
  std::size_t queued() const;

 private:
  void carry_out(Actions actions);
  void notice();
  void run_one(Action& action);
  void arm();
  void connect(ConnectionId id);
  void session_up(const Session& session);
  /// RFC 9687 section 4: longer than the hold time.
  Seconds send_hold_time() const;
  void send_hold_expired();
  void record_sent(std::span<const std::uint8_t> messages);
  void forget(ConnectionId id);
  /// We give a connection up as lost: it is reset, and Peer told that it closed.
  void abandon(ConnectionId id, const std::string& why);
  TcpConnection::Events events_for(ConnectionId id);

  Loop& loop_;
  Peer peer_;
  Endpoint remote_;
  SocketOptions options_;
  SessionEvents events_;
  LoopTimer timer_;
  LoopTimer send_hold_;
  std::map<ConnectionId, TcpConnection> connections_;
  std::set<ConnectionId> connected_;      // those of connections_ that were up
  std::map<ConnectionId, TcpKeys> keys_;  // what their sockets have
  std::deque<Action> actions_;            // what callbacks provoked meanwhile, in order
  bool carrying_out_ = false;
  bool recording_sent_ = false;
  SessionEvents::Noticed noticed_;
  std::shared_ptr<int> sockets_ = std::make_shared<int>();  // each socket that is open has a share in it
  ConnectionId established_ = 0;                            // 0: none
};

}  // namespace slash32::bgp
