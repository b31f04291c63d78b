// AFI and SAFI (RFC 4760) to the two families the speaker carries, and back.
#pragma once

#include <cstdint>
#include <optional>

#include "bgpd/wire/iana.h"
#include "common/ip.h"

namespace slash32::bgp {

/// The unicast family, or nothing for one we do not carry.
constexpr std::optional<AddressFamily> to_family(std::uint16_t afi, std::uint8_t safi) {
  if (safi != kSafiUnicast) return std::nullopt;
  if (afi == kAfiIpv4) return AddressFamily::IPv4;
  if (afi == kAfiIpv6) return AddressFamily::IPv6;
  return std::nullopt;
}

constexpr std::uint16_t to_afi(AddressFamily family) { return family == AddressFamily::IPv4 ? kAfiIpv4 : kAfiIpv6; }

}  // namespace slash32::bgp
