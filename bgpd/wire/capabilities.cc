// Each capability is read from a reader of its own length, so that one of length 0 cannot read the next one's bytes.
#include "bgpd/wire/capabilities.h"

#include <algorithm>
#include <array>

#include "bgpd/wire/family.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

constexpr std::uint16_t kRestartState = 0x8000;          // RFC 4724 section 3
constexpr std::uint16_t kGracefulNotification = 0x4000;  // RFC 8538 section 2
constexpr std::uint16_t kRestartTimeMask = 0x0fff;
constexpr std::uint8_t kForwardingState = 0x80;
constexpr std::uint32_t kMaxStaleTime = 0xffffff;  // RFC 9494 section 3.1
constexpr std::uint8_t kReceivePaths = 1;          // RFC 7911 section 4
constexpr std::uint8_t kSendPaths = 2;

/// Reads the value; false: its length or content is not what the capability's RFC says.
using Decoder = bool (*)(ByteReader, Capabilities&);

bool decode_multiprotocol(ByteReader in, Capabilities& out) {
  const std::uint16_t afi = in.u16();
  in.u8();  // reserved
  const std::uint8_t safi = in.u8();
  if (in.failed() || !in.empty()) return false;
  out.multiprotocol = true;
  const auto family = to_family(afi, safi);
  if (family && std::ranges::find(out.families, *family) == out.families.end()) out.families.push_back(*family);
  return true;
}

bool decode_refresh(ByteReader in, Capabilities& out) {
  out.route_refresh = true;
  return in.empty();
}

bool decode_enhanced_refresh(ByteReader in, Capabilities& out) {
  out.enhanced_refresh = true;
  return in.empty();
}

/// RFC 8950 section 4: of the triples only IPv4 unicast with an IPv6 next hop concerns us.
bool decode_extended_next_hop(ByteReader in, Capabilities& out) {
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint16_t safi = in.u16();
    const std::uint16_t next_hop = in.u16();
    if (in.failed()) return false;
    out.ipv4_over_ipv6 |= afi == kAfiIpv4 && safi == kSafiUnicast && next_hop == kAfiIpv6;
  }
  return true;
}

bool decode_extended_message(ByteReader in, Capabilities& out) {
  out.extended_messages = true;
  return in.empty();
}

bool decode_four_octet_as(ByteReader in, Capabilities& out) {
  out.four_octet_as = Asn{in.u32()};
  return !in.failed() && in.empty();
}

bool decode_graceful_restart(ByteReader in, Capabilities& out) {
  GracefulRestartCapability gr;
  const std::uint16_t head = in.u16();
  gr.restarting = (head & kRestartState) != 0;
  gr.notification = (head & kGracefulNotification) != 0;
  gr.restart_time = head & kRestartTimeMask;
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const bool preserved = (in.u8() & kForwardingState) != 0;
    if (const auto family = to_family(afi, safi); family && !in.failed()) gr.families.push_back({*family, preserved});
  }
  out.graceful_restart = gr;  // RFC 4724 section 3: of several, the last one counts
  return !in.failed();
}

/// RFC 9494 section 3.1.
bool decode_long_lived(ByteReader in, Capabilities& out) {
  std::vector<LongLivedFamily> found;
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const std::uint32_t rest = in.u32();  // flags, then three octets of time
    if (in.failed()) return false;
    const auto family = to_family(afi, safi);
    if (!family) continue;
    std::erase_if(found, [&](const LongLivedFamily& f) { return f.family == *family; });
    found.push_back({*family, (rest >> 24 & kForwardingState) != 0, rest & kMaxStaleTime});
  }
  out.long_lived = std::move(found);  // as with graceful restart, of several the last one counts
  return true;
}

/// RFC 9234 section 4.2: the same role may be there several times; different ones are refused by who negotiates.
bool decode_role(ByteReader in, Capabilities& out) {
  const std::uint8_t role = in.u8();
  if (in.failed() || !in.empty()) return false;
  out.roles_disagree |= out.role && *out.role != role;
  out.role = role;
  return true;
}

/// RFC 7911 section 4. An unknown Send/Receive value makes the whole capability one that is not understood.
bool decode_add_path(ByteReader in, Capabilities& out) {
  std::vector<AddPathFamily> found;
  bool understood = true;
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const std::uint8_t how = in.u8();
    if (in.failed()) return false;
    understood &= how >= kReceivePaths && how <= (kReceivePaths | kSendPaths);
    const auto family = to_family(afi, safi);
    if (!family) continue;
    std::erase_if(found, [&](const AddPathFamily& f) { return f.family == *family; });  // the last one counts
    found.push_back({*family, (how & kReceivePaths) != 0, (how & kSendPaths) != 0});
  }
  if (understood) out.add_path = std::move(found);
  return true;
}

struct Row {
  std::uint8_t code;
  Decoder decode;
};
constexpr std::array kTable{
    Row{capability::kMultiprotocol, decode_multiprotocol},
    Row{capability::kRouteRefresh, decode_refresh},
    Row{capability::kExtendedNextHop, decode_extended_next_hop},
    Row{capability::kExtendedMessage, decode_extended_message},
    Row{capability::kRole, decode_role},
    Row{capability::kGracefulRestart, decode_graceful_restart},
    Row{capability::kFourOctetAs, decode_four_octet_as},
    Row{capability::kAddPath, decode_add_path},
    Row{capability::kEnhancedRefresh, decode_enhanced_refresh},
    Row{capability::kLongLived, decode_long_lived},
};

std::unexpected<Notification> malformed(std::span<const std::uint8_t> capability) {
  return std::unexpected{
      notification(ErrorCode::OpenMessage, open_error::kUnspecific, {capability.begin(), capability.end()})};
}

void encode_graceful_restart(const GracefulRestartCapability& gr, ByteWriter& out) {
  out.u8(capability::kGracefulRestart);
  out.u8(static_cast<std::uint8_t>(2 + 4 * gr.families.size()));
  std::uint16_t head = gr.restart_time & kRestartTimeMask;
  if (gr.restarting) head |= kRestartState;
  if (gr.notification) head |= kGracefulNotification;
  out.u16(head);
  for (const GracefulRestartFamily& f : gr.families) {
    out.u16(to_afi(f.family));
    out.u8(kSafiUnicast);
    out.u8(f.forwarding_preserved ? kForwardingState : std::uint8_t{0});
  }
}

void encode_long_lived(const std::vector<LongLivedFamily>& families, ByteWriter& out) {
  out.u8(capability::kLongLived);
  out.u8(static_cast<std::uint8_t>(7 * families.size()));
  for (const LongLivedFamily& f : families) {
    out.u16(to_afi(f.family));
    out.u8(kSafiUnicast);
    out.u32((f.forwarding_preserved ? std::uint32_t{kForwardingState} << 24 : 0U) | (f.stale_time & kMaxStaleTime));
  }
}

void encode_add_path(const std::vector<AddPathFamily>& families, ByteWriter& out) {
  out.u8(capability::kAddPath);
  out.u8(static_cast<std::uint8_t>(4 * families.size()));
  for (const AddPathFamily& f : families) {
    out.u16(to_afi(f.family));
    out.u8(kSafiUnicast);
    out.u8(static_cast<std::uint8_t>((f.receive ? kReceivePaths : 0) | (f.send ? kSendPaths : 0)));
  }
}

}  // namespace

Result<void, Notification> decode_capabilities(ByteReader in, Capabilities& out) {
  while (!in.empty()) {
    const auto whole = in.peek();
    const std::uint8_t code = in.u8();
    const std::uint8_t size = in.u8();
    ByteReader value = in.sub(size);
    if (in.failed()) return malformed(whole);  // RFC 5492 section 4: the length passes the parameter's end
    const auto* row = std::ranges::find(kTable, code, &Row::code);
    if (row == kTable.end()) {
      if (std::ranges::find(out.unknown_codes, code) == out.unknown_codes.end()) out.unknown_codes.push_back(code);
    } else if (!row->decode(value, out)) {
      return malformed(whole.first(std::size_t{2} + size));
    }
  }
  return {};
}

void encode_capabilities(const Capabilities& capabilities, ByteWriter& out) {
  for (const AddressFamily family : capabilities.families) {
    out.u8(capability::kMultiprotocol);
    out.u8(4);
    out.u16(to_afi(family));
    out.u8(0);
    out.u8(kSafiUnicast);
  }
  if (capabilities.route_refresh) {
    out.u8(capability::kRouteRefresh);
    out.u8(0);
  }
  if (capabilities.ipv4_over_ipv6) {
    out.u8(capability::kExtendedNextHop);
    out.u8(6);
    out.u16(kAfiIpv4);
    out.u16(kSafiUnicast);
    out.u16(kAfiIpv6);
  }
  if (capabilities.extended_messages) {
    out.u8(capability::kExtendedMessage);
    out.u8(0);
  }
  if (capabilities.role) {
    out.u8(capability::kRole);
    out.u8(1);
    out.u8(*capabilities.role);
  }
  if (capabilities.four_octet_as) {
    out.u8(capability::kFourOctetAs);
    out.u8(4);
    out.u32(capabilities.four_octet_as->value);
  }
  if (capabilities.graceful_restart) encode_graceful_restart(*capabilities.graceful_restart, out);
  if (!capabilities.add_path.empty()) encode_add_path(capabilities.add_path, out);
  if (capabilities.enhanced_refresh) {
    out.u8(capability::kEnhancedRefresh);
    out.u8(0);
  }
  if (capabilities.long_lived) encode_long_lived(*capabilities.long_lived, out);
}

}  // namespace slash32::bgp
