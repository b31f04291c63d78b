// BGP messages as values. Codecs: header.h, open.h, update.h, notification.h, route_refresh.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bgpd/wire/attributes.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

/// A NOTIFICATION (RFC 4271 section 4.5); also the error type of the codecs, since a fatal protocol error *is* the
/// message to send. Codes and subcodes: iana.h.
struct Notification {
  std::uint8_t code = 0;
  std::uint8_t subcode = 0;
  std::vector<std::uint8_t> data;
  bool operator==(const Notification&) const = default;
};

/// "Cease/Administrative Shutdown: going home", for people; of a Hard Reset (RFC 8538) also what it carries.
std::string describe(const Notification& notification);

/// RFC 4724 section 3, one family's tuple.
struct GracefulRestartFamily {
  AddressFamily family = AddressFamily::IPv4;
  bool forwarding_preserved = false;  // F
  bool operator==(const GracefulRestartFamily&) const = default;
};

struct GracefulRestartCapability {
  bool restarting = false;         // R
  bool notification = false;       // N (RFC 8538 section 2)
  std::uint16_t restart_time = 0;  // seconds, 12 bits
  std::vector<GracefulRestartFamily> families;
  bool operator==(const GracefulRestartCapability&) const = default;
};

/// RFC 9494 section 3.1, one family's tuple.
struct LongLivedFamily {
  AddressFamily family = AddressFamily::IPv4;
  bool forwarding_preserved = false;  // F
  std::uint32_t stale_time = 0;       // seconds, 24 bits
  bool operator==(const LongLivedFamily&) const = default;
};

/// RFC 7911 section 4, one family's tuple.
struct AddPathFamily {
  AddressFamily family = AddressFamily::IPv4;
  bool receive = false;  // who says it can receive several paths
  bool send = false;
  bool operator==(const AddPathFamily&) const = default;
};

/// What an OPEN's capabilities say, as far as we know them. Unknown ones are kept for show.
struct Capabilities {
  std::vector<AddressFamily> families;  // RFC 4760, unicast; empty and !multiprotocol: IPv4 unicast only
  bool multiprotocol = false;           // at least one Multiprotocol capability was there, known or not
  bool route_refresh = false;           // RFC 2918
  bool enhanced_refresh = false;        // RFC 7313
  bool extended_messages = false;       // RFC 8654
  bool ipv4_over_ipv6 = false;          // RFC 8950: IPv4 unicast routes may have an IPv6 next hop
  std::optional<Asn> four_octet_as;     // RFC 6793
  std::optional<GracefulRestartCapability> graceful_restart;
  std::optional<std::vector<LongLivedFamily>> long_lived;  // RFC 9494
  std::optional<std::uint8_t> role;                        // RFC 9234: the value as it came, known or not
  bool roles_disagree = false;                             // several Role capabilities with different values
  std::vector<AddPathFamily> add_path;                     // RFC 7911
  std::vector<std::uint8_t> unknown_codes;
  bool operator==(const Capabilities&) const = default;
};

struct Open {
  std::uint8_t version = 4;
  Asn asn;                      // the four-octet one where the capability was there; AS_TRANS is undone
  std::uint16_t hold_time = 0;  // seconds
  RouterId id;
  Capabilities capabilities;
  bool operator==(const Open&) const = default;
};

/// RFC 7606 section 2, weakest first; of several errors the strongest governs (section 3 h).
enum class Verdict : std::uint8_t { Accept, AttributeDiscard, TreatAsWithdraw, SessionReset };

/// A decoded UPDATE. IPv4 and IPv6 routes of one message may both be there, each with its own next hop.
struct Update {
  struct Reach {
    AttributesPtr attributes;  // next_hop is that of this family
    std::vector<Prefix> prefixes;
    std::vector<PathId> path_ids;  // one a prefix where RFC 7911 is negotiated for the family; else none
  };
  std::vector<Prefix> withdrawn;            // both families; under TreatAsWithdraw also what was announced
  std::vector<PathId> withdrawn_path_ids;   // one for each of them where some family has path ids; else none
  std::vector<Reach> announced;             // one a family; two of IPv4 where MP_REACH_NLRI has some of it as well
  std::optional<AddressFamily> end_of_rib;  // RFC 4724 section 2
  Verdict verdict = Verdict::Accept;
  std::string complaint;  // why the verdict is not Accept; names the attribute and the clause
  /// Where that was found.
  struct Fault {
    std::optional<std::uint8_t> attribute;  // type; nothing: not one attribute
    std::optional<std::size_t> offset;      // octets from the message's first; nothing: what is missing is nowhere
    bool operator==(const Fault&) const = default;
  };
  Fault fault;
};

struct Keepalive {
  bool operator==(const Keepalive&) const = default;
};

/// What a ROUTE-REFRESH is (RFC 7313 section 3.2): a request, or the beginning or end of what answers one.
enum class RefreshKind : std::uint8_t { Request = 0, Begin = 1, End = 2 };

struct RouteRefresh {
  AddressFamily family = AddressFamily::IPv4;
  RefreshKind kind = RefreshKind::Request;
  bool operator==(const RouteRefresh&) const = default;
};

/// A ROUTE-REFRESH for a family or subtype we do not know: ignored (RFC 7313 section 5).
struct IgnoredMessage {
  std::string why;
};

}  // namespace slash32::bgp
