#include "bgpd/ndp/packet.h"

#include <string>

#include "common/bytes.h"

namespace slash32::bgp::ndp {
namespace {

constexpr std::size_t kSolicitationBody = 4;    // behind type, code and checksum: reserved
constexpr std::size_t kAdvertisementBody = 12;  // hop limit, flags, lifetime, two timers
constexpr std::size_t kOptionUnit = 8;          // RFC 4861 section 4.6: lengths are in units of 8 octets
constexpr std::uint8_t kSourceLinkAddress = 1;  // option type

/// RFC 4861 section 6.1: every option has a length greater than zero; and it must be there.
Status check_options(ByteReader in, bool from_nowhere) {
  while (!in.empty()) {
    const std::uint8_t type = in.u8();
    const std::size_t length = in.u8() * kOptionUnit;
    if (in.failed() || length == 0) return fail(7, "option " + std::to_string(type) + " has no length");
    in.bytes(length - 2);
    if (in.failed()) return fail(7, "option " + std::to_string(type) + " is cut off");
    if (from_nowhere && type == kSourceLinkAddress)
      return fail(7, "a source link-layer address of an unspecified source");
  }
  return ok();
}

}  // namespace

Result<Kind> decode(const Packet& packet) {
  if (packet.hop_limit != kHopLimit)
    return fail(7, "hop limit " + std::to_string(packet.hop_limit) + ": not sent on this link");
  ByteReader in{packet.message};
  const std::uint8_t type = in.u8(), code = in.u8();
  in.u16();  // checksum
  if (in.failed()) return fail(7, "is shorter than an ICMPv6 header");
  if (type != static_cast<std::uint8_t>(Kind::Solicitation) && type != static_cast<std::uint8_t>(Kind::Advertisement))
    return fail(7, "ICMPv6 type " + std::to_string(type) + " was not asked for");
  if (code != 0) return fail(7, "code " + std::to_string(code) + ", not 0");
  const auto kind = static_cast<Kind>(type);
  const bool advertises = kind == Kind::Advertisement;
  const bool of_link = packet.source.is_v6() && packet.source.is_link_local();
  if (advertises && !of_link)
    return fail(7, "a router advertisement from " + packet.source.to_string() + ", which is not link-local");
  in.bytes(advertises ? kAdvertisementBody : kSolicitationBody);
  if (in.failed()) return fail(7, "is cut off");
  TRY(check_options(ByteReader{in.rest()}, packet.source.is_unspecified()));
  return kind;
}

std::vector<std::uint8_t> encode_advertisement() {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(Kind::Advertisement));
  out.u8(0);   // code
  out.u16(0);  // checksum
  out.u8(0);   // hop limit: unspecified
  out.u8(0);   // neither managed nor other configuration
  out.u16(0);  // router lifetime
  out.u32(0);  // reachable time: unspecified
  out.u32(0);  // retransmission timer: unspecified
  return out.take();
}

std::vector<std::uint8_t> encode_solicitation() {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(Kind::Solicitation));
  out.u8(0);   // code
  out.u16(0);  // checksum
  out.u32(0);  // reserved
  return out.take();
}

}  // namespace slash32::bgp::ndp
