// Router advertisements and solicitations (RFC 4861 sections 4.1 and 4.2), as far as unnumbered neighbours need them:
// who is there, and that we are. Pure: no socket.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/ip.h"
#include "common/result.h"

namespace slash32::bgp::ndp {

enum class Kind : std::uint8_t { Solicitation = 133, Advertisement = 134 };  // ICMPv6 types

inline constexpr int kHopLimit = 255;  // RFC 4861 section 6.1: nobody beyond the link can send such a packet

/// An ICMPv6 message with what the kernel said of it. Its checksum was good, or we would not have it.
struct Packet {
  std::span<const std::uint8_t> message;
  IpAddress source;
  int hop_limit = 0;
};

/// Which of the two it is. Error: which of the conditions of RFC 4861 section 6.1.1 or 6.1.2 does not hold; such a
/// packet is dropped without a word.
Result<Kind> decode(const Packet& packet);

/// "Here is a router, and no way out": router lifetime 0, so that no host makes us its default router (RFC 4861 section
/// 4.2). No prefix, no flag, no option. The kernel puts the checksum in.
std::vector<std::uint8_t> encode_advertisement();
/// Asks the link's routers to advertise themselves now.
std::vector<std::uint8_t> encode_solicitation();

}  // namespace slash32::bgp::ndp
