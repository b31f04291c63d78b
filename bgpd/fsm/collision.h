// Connection collision detection (RFC 4271 section 6.8; RFC 6286 section 2.3).
#pragma once

#include <cstdint>

#include "bgpd/fsm/session.h"

namespace slash32::bgp {

/// Who opened the TCP connection.
enum class Direction : std::uint8_t { Outgoing, Incoming };

/// Of two connections of one peer, which stays: the one opened by the side with the higher BGP Identifier; where those
/// are equal, by the side with the higher AS number. Both sides come to the same answer, whatever they saw first.
constexpr Direction survivor(RouterId local_id, Asn local_as, RouterId remote_id, Asn remote_as) {
  const bool ours = local_id != remote_id ? local_id > remote_id : local_as > remote_as;
  return ours ? Direction::Outgoing : Direction::Incoming;
}

}  // namespace slash32::bgp
