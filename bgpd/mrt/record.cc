#include "bgpd/mrt/record.h"

#include <algorithm>
#include <array>

#include "bgpd/wire/family.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/nlri.h"
#include "bgpd/wire/update.h"
#include "common/bytes.h"

namespace slash32::bgp::mrt {
namespace {

// RFC 6396 section 4
constexpr std::uint16_t kTableDumpV2 = 13;
constexpr std::uint16_t kBgp4mpEt = 17;

// Section 4.3; RFC 8050 section 4
constexpr std::uint16_t kPeerIndexTable = 1;
constexpr std::uint16_t kRibIpv4Unicast = 2;
constexpr std::uint16_t kRibIpv6Unicast = 4;
constexpr std::uint16_t kRibIpv4UnicastAddPath = 8;
constexpr std::uint16_t kRibIpv6UnicastAddPath = 10;

// Section 4.4; RFC 8050 section 3
constexpr std::uint16_t kMessage = 1;
constexpr std::uint16_t kMessageAs4 = 4;
constexpr std::uint16_t kStateChangeAs4 = 5;
constexpr std::uint16_t kMessageLocal = 6;
constexpr std::uint16_t kMessageAs4Local = 7;
constexpr std::uint16_t kMessageAddPath = 8;
constexpr std::uint16_t kMessageAs4AddPath = 9;
constexpr std::uint16_t kMessageLocalAddPath = 10;
constexpr std::uint16_t kMessageAs4LocalAddPath = 11;

// Section 4.3.1: what a peer's entry is made of
constexpr std::uint8_t kPeerIpv6 = 1;
constexpr std::uint8_t kPeerAs4 = 2;

constexpr std::size_t kMostEntries = 65535;  // Entry Count has two octets
constexpr std::size_t kMostOctets = 65535;   // and so has Attribute Length

std::uint32_t seconds_of(WallTime time) {
  return static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

std::uint32_t microseconds_of(WallTime time) {
  const auto rest = time - std::chrono::floor<std::chrono::seconds>(time);
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(rest).count());
}

/// Section 2. The length is of what follows the header.
void put_header(WallTime time, std::uint16_t type, std::uint16_t subtype, std::size_t length, ByteWriter& out) {
  out.u32(seconds_of(time));
  out.u16(type);
  out.u16(subtype);
  out.u32(static_cast<std::uint32_t>(length));
}

Bytes finished(WallTime time, std::uint16_t type, std::uint16_t subtype, const Bytes& body) {
  ByteWriter out;
  put_header(time, type, subtype, body.size(), out);
  out.bytes(body);
  return out.take();
}

/// Section 3: microseconds stand behind the header, and its length counts them.
Bytes finished_et(WallTime time, std::uint16_t subtype, const Bytes& body) {
  ByteWriter out;
  put_header(time, kBgp4mpEt, subtype, body.size() + 4, out);
  out.u32(microseconds_of(time));
  out.bytes(body);
  return out.take();
}

/// RFC 6396 section 4.3.4: AS_PATH has four-octet ASes whatever the session had, and of MP_REACH_NLRI stands the next
/// hop alone, with its length. Nothing: they are too long.
std::optional<Bytes> attributes_of(const PathAttributes& given, AddressFamily family) {
  PathAttributes attributes = given;
  if (family == AddressFamily::IPv6 && attributes.next_hop.is_v4()) attributes.next_hop = IpAddress::v6({});  // our own
  // What only internal peers are told is written where it is there, and never made up.
  const bool internal = attributes.local_pref || attributes.originator_id || !attributes.cluster_list.empty();
  const auto block = encode_attribute_block(attributes, family, {.four_octet_as = true, .external = !internal});
  if (!block) return std::nullopt;
  ByteWriter out;
  if (!block->mp_next_hop.empty()) {
    out.u8(attribute_flag::kOptional);
    out.u8(attribute::kMpReachNlri);
    out.u8(static_cast<std::uint8_t>(block->mp_next_hop.size() + 1));
    out.u8(static_cast<std::uint8_t>(block->mp_next_hop.size()));
    out.bytes(block->mp_next_hop);
  }
  out.bytes(block->bytes);
  if (out.size() > kMostOctets) return std::nullopt;
  return out.take();
}

struct EncodedEntry {
  std::uint16_t peer;
  std::optional<PathId> path_id;
  Bytes attributes;
};

Bytes rib_record(WallTime time, std::uint32_t sequence, const Prefix& prefix, std::span<const EncodedEntry> entries) {
  const bool add_path = entries.front().path_id.has_value();
  ByteWriter body;
  body.u32(sequence);
  encode_prefix(prefix, body);
  body.u16(static_cast<std::uint16_t>(entries.size()));
  for (const auto& entry : entries) {
    body.u16(entry.peer);
    body.u32(0);  // Originated Time: not kept
    if (entry.path_id) body.u32(*entry.path_id);
    body.u16(static_cast<std::uint16_t>(entry.attributes.size()));
    body.bytes(entry.attributes);
  }
  const bool v4 = prefix.family() == AddressFamily::IPv4;
  const auto subtype =
      add_path ? (v4 ? kRibIpv4UnicastAddPath : kRibIpv6UnicastAddPath) : (v4 ? kRibIpv4Unicast : kRibIpv6Unicast);
  return finished(time, kTableDumpV2, subtype, body.data());
}

void put_address(const IpAddress& address, AddressFamily family, ByteWriter& out) {
  constexpr std::array<std::uint8_t, 16> kZeros{};
  if (address.family() == family)
    out.bytes(address.bytes());
  else
    out.bytes(std::span{kZeros}.first(family == AddressFamily::IPv4 ? 4 : 16));
}

void put_as(Asn asn, bool four_octets, ByteWriter& out) {
  if (four_octets)
    out.u32(asn.value);
  else
    out.u16(asn.value > 0xffff ? kAsTrans : static_cast<std::uint16_t>(asn.value));
}

void put_ends(const Ends& ends, bool four_octets, ByteWriter& out) {
  const auto family = ends.peer.family();
  put_as(ends.peer_as, four_octets, out);
  put_as(ends.local_as, four_octets, out);
  const bool fits = ends.interface.value >= 0 && ends.interface.value <= 0xffff;
  out.u16(fits ? static_cast<std::uint16_t>(ends.interface.value) : std::uint16_t{0});
  out.u16(to_afi(family));
  put_address(ends.peer, family, out);
  put_address(ends.local, family, out);
}

/// Section 4.4.1: 1 is Idle, 6 Established.
std::uint16_t state_number(PeerState state) { return static_cast<std::uint16_t>(static_cast<unsigned>(state) + 1); }
static_assert(static_cast<int>(PeerState::Idle) == 0 && static_cast<int>(PeerState::Established) == 5);

}  // namespace

Bytes encode_peer_index(WallTime time, RouterId collector, std::string_view view, std::span<const PeerEntry> peers) {
  view = view.substr(0, 0xffff);
  peers = peers.first(std::min(peers.size(), kMostPeers));
  ByteWriter body;
  body.u32(collector.value);
  body.u16(static_cast<std::uint16_t>(view.size()));
  for (const char c : view) body.u8(static_cast<std::uint8_t>(c));
  body.u16(static_cast<std::uint16_t>(peers.size()));
  for (const auto& peer : peers) {
    body.u8(peer.address.is_v6() ? kPeerAs4 | kPeerIpv6 : kPeerAs4);
    body.u32(peer.id.value);
    body.bytes(peer.address.bytes());
    body.u32(peer.asn.value);
  }
  return finished(time, kTableDumpV2, kPeerIndexTable, body.data());
}

std::size_t append_rib(WallTime time, std::uint32_t& sequence, const Prefix& prefix, std::span<const RibEntry> entries,
                       Bytes& out) {
  std::array<std::vector<EncodedEntry>, 2> kinds;  // without path identifier, and with one
  std::size_t left_out = 0;
  for (const auto& entry : entries) {
    if (auto attributes = attributes_of(*entry.attributes, prefix.family()))
      kinds.at(entry.path_id ? 1 : 0).push_back({entry.peer, entry.path_id, *std::move(attributes)});
    else
      ++left_out;
  }
  for (const auto& kind : kinds) {
    for (std::span<const EncodedEntry> rest{kind}; !rest.empty();) {
      const auto some = rest.first(std::min(rest.size(), kMostEntries));
      const auto record = rib_record(time, sequence++, prefix, some);
      out.insert(out.end(), record.begin(), record.end());
      rest = rest.subspan(some.size());
    }
  }
  return left_out;
}

Bytes encode_message(WallTime time, const Ends& ends, bool four_octet_as, bool add_path,
                     std::span<const std::uint8_t> message, bool sent) {
  ByteWriter body;
  put_ends(ends, four_octet_as, body);
  body.bytes(message);
  const auto two = sent ? (add_path ? kMessageLocalAddPath : kMessageLocal) : (add_path ? kMessageAddPath : kMessage);
  const auto four =
      sent ? (add_path ? kMessageAs4LocalAddPath : kMessageAs4Local) : (add_path ? kMessageAs4AddPath : kMessageAs4);
  return finished_et(time, four_octet_as ? four : two, body.data());
}

Bytes encode_state_change(WallTime time, const Ends& ends, PeerState before, PeerState after) {
  ByteWriter body;
  put_ends(ends, true, body);
  body.u16(state_number(before));
  body.u16(state_number(after));
  return finished_et(time, kStateChangeAs4, body.data());
}

}  // namespace slash32::bgp::mrt
