// One neighbour's sessions, sans I/O: bytes, events and times in; bytes, events and the next deadline out.
// Framing over wire over fsm, for up to two connections at once (RFC 4271 section 6.8). Knows no socket and no clock:
// whoever owns a Peer opens and closes TCP connections as the actions say, and calls on_time() when next_deadline() has
// come. Graceful restart (RFC 4724, RFC 8538, RFC 9494) as helper: SessionDown says which families to retain,
// LongLivedStale when they become the last resort, StaleExpired when to drop them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bgpd/fsm/session.h"
#include "bgpd/fsm/timers.h"
#include "bgpd/peer/last_errors.h"
#include "bgpd/peer/last_opens.h"
#include "bgpd/wire/message.h"
#include "bgpd/wire/notification.h"
#include "common/clock.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

/// Chance, injected: a number from 0 (included) to 1 (excluded), for timer jitter (RFC 4271 section 10).
using Random = double (*)(void* context);

namespace act {
struct Connect {
  ConnectionId id;
};  // open TCP to the neighbour
struct Send {
  ConnectionId id;
  std::vector<std::uint8_t> bytes;
};  // whole messages
struct Close {
  ConnectionId id;
};  // after what is queued was flushed
struct SessionUp {
  Session session;
};
struct SessionDown {
  std::string reason;                 // for people: "hold timer expired", "received Cease/..."
  std::vector<AddressFamily> retain;  // keep these families' routes as stale (RFC 4724 section 4.2)
  bool keep_stale = false;            // of these also what was stale before (RFC 8538 section 4.1)
};
struct StaleExpired {
  std::vector<AddressFamily> families;
};  // drop what is still stale of these
struct LongLivedStale {
  std::vector<AddressFamily> families;
};  // what is stale of these stays on, as the last resort (RFC 9494 section 4.2)
struct UpdateReceived {
  Update update;
};  // verdict is never SessionReset here
struct RefreshReceived {
  RouteRefresh refresh;
};  // End: also when the time for it is up
struct MessageRecorded {
  std::vector<std::uint8_t> message;  // an UPDATE, whole, whatever is wrong with it
  bool four_octet_as = true;          // of the session
  bool add_path = false;              // of a family that it has routes of
  bool sent = false;                  // by us
};  // ahead of what follows from it; only while recording
struct StateRecorded {
  PeerState before, after;
};  // the same
}  // namespace act

using Action = std::variant<act::Connect, act::Send, act::Close, act::SessionUp, act::SessionDown, act::StaleExpired,
                            act::LongLivedStale, act::UpdateReceived, act::RefreshReceived, act::MessageRecorded,
                            act::StateRecorded>;
using Actions = std::vector<Action>;

/// For `/v1/neighbors`.
struct PeerStatus {
  PeerState state = PeerState::Idle;
  std::optional<Instant> established_at;
  std::uint64_t flaps = 0;  // times Established was left
  std::string last_error;   // of either direction, for people; empty: none
  std::optional<Notification> last_sent;
  std::optional<Notification> last_received;
  LastErrors errors;                // for show
  LastOpens opens;                  // for show: the session's while Established, else the last ones
  bool identifier_refused = false;  // either side refused the other's (Bad BGP Identifier), and none came up since
  std::uint64_t messages_in = 0, messages_out = 0, updates_in = 0;
  std::map<NotificationKind, std::uint64_t> notifications_sent, notifications_received;
  std::optional<Session> session;  // while Established
  /// The families of which there may be stale routes, and until when at the latest.
  struct Stale {
    AddressFamily family = AddressFamily::IPv4;
    bool long_lived = false;  // RFC 9494
    std::optional<Instant> until;
  };
  std::vector<Stale> stale;
};

/// When the timers that run will expire; for show.
struct PeerTimers {
  std::array<std::optional<Instant>, kTimers> connection{};  // of the connection that has come furthest, by Timer
  std::optional<Instant> idle_hold;                          // the pause before the next attempt
  std::optional<Instant> route_refresh;                      // the patience with the end of one (RFC 7313)
  std::optional<Instant> send_hold;                          // RFC 9687: its owner's, not the Peer's
};

class Peer {
 public:
  Peer(PeerSettings settings, Random random, void* random_context);
  ~Peer();
  Peer(Peer&&) noexcept;
  Peer& operator=(Peer&&) noexcept;

  /// While `restarting`, OPENs carry R and `preserved` families carry F (RFC 4724 section 4.1). Used at the next OPEN.
  void set_restarting(bool restarting, std::vector<AddressFamily> preserved);

  /// While on, UPDATEs and every change of state() are among the actions, for whoever keeps them.
  void set_recording(bool on);

  /// ManualStart (RFC 4271 section 8.1.2).
  Actions start(Instant now);
  /// ManualStop: sends `cease` where a session or OPEN is there (as a Hard Reset where RFC 8538 was agreed on), closes,
  /// stays Idle. Nothing is retained.
  Actions stop(Instant now, Notification cease);
  /// Closes without a NOTIFICATION, so that a helper keeps our routes (RFC 4724 section 4: a restart). Stays Idle.
  Actions close_for_restart(Instant now);

  /// The connection asked for by act::Connect is there, or failed.
  Actions on_connected(ConnectionId id, Instant now);
  Actions on_connect_failed(ConnectionId id, const std::string& why, Instant now);
  /// An incoming connection from this neighbour's address. The actions may close it at once (Idle, or a collision).
  std::pair<ConnectionId, Actions> on_accepted(Instant now);
  /// Bytes as they came; partial messages are kept. Bytes of a connection that is gone are dropped.
  Actions on_bytes(ConnectionId id, std::span<const std::uint8_t> bytes, Instant now);
  /// The other side closed, or an error ended it.
  Actions on_closed(ConnectionId id, const std::string& why, Instant now);

  /// The send hold timer of the Established connection expired: the owner, who sees what is taken and what not, runs it
  /// (RFC 9687).
  Actions on_send_hold_expired(Instant now);

  /// BFD says that the path to the peer has failed, and why: Established ends with Cease/10 (RFC 9384; as a Hard Reset
  /// where RFC 8538 was agreed on), nothing is retained. In any other state, and while the peer restarts, nothing
  /// happens (RFC 5882 section 4.3: our C is 0).
  Actions on_bfd_down(const std::string& why, Instant now);

  /// When on_time() wants to be called next; nothing: no timer runs.
  std::optional<Instant> next_deadline() const;
  Actions on_time(Instant now);

  /// The owner wrote an UPDATE itself (the RIB encodes them): restarts the keepalive timer, counts it.
  void note_update_sent(Instant now, std::uint64_t messages);
  /// A ROUTE-REFRESH to send, where negotiated; else nothing.
  Actions request_refresh(AddressFamily family, Instant now);
  /// End-of-RIB of this family came in, so nothing of it is stale any more: the owner's RIB swept it.
  void note_end_of_rib(AddressFamily family);

  PeerStatus status() const;
  /// Three of status() that are asked for often.
  PeerState state() const;
  const LastErrors& last_errors() const;
  Seconds hold_time() const;  // of the session that is up; 0: neither side expects KEEPALIVEs, or none is up
  PeerTimers timers() const;
  const PeerSettings& settings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
