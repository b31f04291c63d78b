// What a peer is configured to be, what a session has agreed on, and the states between (RFC 4271 section 8.2.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bgpd/wire/message.h"
#include "common/bgp_role.h"
#include "common/clock.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

/// FSM states of RFC 4271 section 8.2.2; of two connections the further one counts.
enum class PeerState : std::uint8_t { Idle, Connect, Active, OpenSent, OpenConfirm, Established };
std::string_view to_string(PeerState state);

/// A TCP connection as Peer and its owner name it; never used twice.
using ConnectionId = std::uint64_t;

/// Everything a Peer needs to know; a change of any of it means a new session.
struct PeerSettings {
  Asn local_as;
  RouterId local_id;
  std::optional<Asn> remote_as;  // nothing: any AS but (external) or only (internal) local_as
  bool external = false;         // which of the two, when remote_as is nothing
  bool passive = false;
  Seconds hold_time{90};
  std::optional<Seconds> keepalive_time;  // scaled when the negotiated hold time is shorter; absent: a third of it
  Milliseconds connect_retry_time{5000};  // the longest pause between attempts to connect, and the patience with one
  Seconds delay_open{0};  // how long the peer's OPEN is waited for before ours is sent; 0: not at all (DelayOpen)
  std::vector<AddressFamily> families;
  bool graceful_restart = true;
  Seconds restart_time{120};
  bool graceful_notification = false;  // with graceful restart: RFC 8538, so that a NOTIFICATION is a restart as well
  Seconds stale_time{360};             // where RFC 8538 was agreed on: the longest time routes stay stale (section 4.1)
  /// RFC 9494, with graceful restart: how long after it the peer is asked to keep our routes, IPv4 and IPv6; nothing:
  /// the capability is not sent.
  std::optional<std::array<Seconds, 2>> long_lived;
  Seconds long_lived_most{604800};  // and the longest time its routes are kept here
  Seconds send_hold_time{480};      // RFC 9687 section 4: the greater of this and twice the hold time
  bool enforce_first_as = true;     // eBGP: a path must begin with the peer's AS (RFC 4271 section 6.3)
  std::optional<BgpRole> role;      // eBGP: our role towards the peer (RFC 9234)
  bool role_strict = false;         // a peer that says no role is refused
  bool enhanced_refresh = true;     // RFC 7313
  bool extended_messages = false;   // RFC 8654
  bool extended_next_hop = false;   // RFC 8950
  bool allow_as_set = false;        // RFC 9774: otherwise such a route is treated as withdrawn
  bool add_path_receive = false;    // RFC 7911, every family
  bool add_path_send = false;
  bool operator==(const PeerSettings&) const = default;
};

/// What both sides agreed on, valid while Established.
struct Session {
  ConnectionId connection = 0;
  Open remote;            // the peer's OPEN
  bool external = false;  // eBGP
  Seconds hold_time{0};   // 0: no keepalives
  Seconds keepalive_time{0};
  std::vector<AddressFamily> families;  // negotiated
  bool four_octet_as = false;           // both sides: AS_PATH carries four octets
  bool route_refresh = false;
  bool enhanced_refresh = false;            // both sides: refreshes have a beginning and an end (RFC 7313)
  bool extended_messages = false;           // both sides: the peer is sent messages of up to 65535 octets (RFC 8654)
  bool takes_extended_messages = false;     // we sent the capability: it may send them, whatever it said itself
  bool extended_next_hop = false;           // both sides: IPv4 routes may have an IPv6 next hop (RFC 8950)
  std::vector<AddressFamily> add_path_in;   // routes of these come with path identifiers (RFC 7911)
  std::vector<AddressFamily> add_path_out;  // and of these we may send several paths
  bool graceful_restart = false;            // both sides sent the capability
  bool graceful_notification = false;       // and set N in it (RFC 8538)
  /// Negotiated families whose forwarding state the peer says it preserved (F): stale routes of others go at once
  /// (RFC 4724 section 4.2). What Rib::peer_up() wants.
  std::vector<AddressFamily> preserved;
  /// Negotiated families the peer's graceful restart capability lists: retained when the connection is lost, and under
  /// RFC 8538 also after a NOTIFICATION.
  std::vector<AddressFamily> restartable;
  bool long_lived_offered = false;     // we sent RFC 9494's capability: LLGR_STALE in what the peer says is heeded
  bool long_lived_understood = false;  // the peer sent it: it may be told of such routes
  /// Both: how long the peer's stale routes stay after its restart time, IPv4 and IPv6; 0: not at all.
  std::array<Seconds, 2> long_lived{};
  std::vector<AddressFamily> long_lived_preserved;  // F of that capability
};

}  // namespace slash32::bgp
