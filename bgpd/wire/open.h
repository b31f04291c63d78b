// The OPEN codec (RFC 4271 sections 4.2 and 6.2; RFC 5492 capabilities; RFC 6793 four-octet AS numbers; RFC 9072
// extended parameters). What only the configuration can judge (the peer's AS, a common family) is fsm/negotiate.h's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bgpd/wire/message.h"
#include "common/result.h"

namespace slash32::bgp {

/// Reads the body of an OPEN. An error is the NOTIFICATION to send.
Result<Open, Notification> decode_open(std::span<const std::uint8_t> body);

/// The whole message. `with_capabilities` false leaves the optional parameters out, for a peer that refuses them
/// (RFC 5492 section 3).
std::vector<std::uint8_t> encode_open(const Open& open, bool with_capabilities = true);

}  // namespace slash32::bgp
