// MRT records (RFC 6396, RFC 8050) as other programs read them: a table as TABLE_DUMP_V2, a session's life as
// BGP4MP_ET. Pure: values in, bytes out. Numbers: https://www.iana.org/assignments/mrt/
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bgpd/fsm/session.h"
#include "bgpd/wire/attributes.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp::mrt {

using Bytes = std::vector<std::uint8_t>;
using WallTime = std::chrono::system_clock::time_point;

/// RFC 6396 section 4.3.1: one entry of PEER_INDEX_TABLE. Nobody, an address of zeros: our own routes.
struct PeerEntry {
  RouterId id;  // 0: not known, for want of a session
  IpAddress address;
  Asn asn;  // 0: not known
};
inline constexpr std::size_t kMostPeers = 65535;  // Peer Count has two octets

/// PEER_INDEX_TABLE, which every table begins with. Of `peers` the first kMostPeers; of `view` as much as a length of
/// two octets tells.
Bytes encode_peer_index(WallTime time, RouterId collector, std::string_view view, std::span<const PeerEntry> peers);

/// One path to a prefix (section 4.3.4).
struct RibEntry {
  std::uint16_t peer = 0;         // its place in PEER_INDEX_TABLE
  std::optional<PathId> path_id;  // where RFC 7911 gave the path one
  AttributesPtr attributes;
};

/// Records of one prefix: RIB_IPV4_UNICAST or RIB_IPV6_UNICAST (section 4.3.2) with the entries that have no path
/// identifier, the ADDPATH subtype (RFC 8050 section 4) with those that have one. No entry: no record. `sequence` is
/// the next record's number and is counted on. Returns how many entries were left out, because no record can hold their
/// attributes. The originated time is 0, as nobody kept it; an unknown attribute has Partial set, as we pass it on.
std::size_t append_rib(WallTime time, std::uint32_t& sequence, const Prefix& prefix, std::span<const RibEntry> entries,
                       Bytes& out);

/// The two ends of a session (RFC 6396 section 4.4.2). An address that is not known, or of the other family, is zeros.
struct Ends {
  Asn peer_as;  // 0: not known yet
  Asn local_as;
  IpAddress peer;
  IpAddress local;
  IfIndex interface;
};

/// BGP4MP_MESSAGE_AS4, or BGP4MP_MESSAGE where the session has two-octet ASes (section 4.4.2: how AS_PATH is encoded
/// follows from that), with RFC 8050's subtypes where the message's routes have path identifiers; behind a header with
/// microseconds (section 3). `message` is the whole of it, as it came;
/// one that we `sent` has the LOCAL subtypes (section 4.4.5): its ends are the same as of one that came.
Bytes encode_message(WallTime time, const Ends& ends, bool four_octet_as, bool add_path,
                     std::span<const std::uint8_t> message, bool sent = false);

/// BGP4MP_STATE_CHANGE_AS4 (section 4.4.4).
Bytes encode_state_change(WallTime time, const Ends& ends, PeerState before, PeerState after);

}  // namespace slash32::bgp::mrt
