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

/// A capability as it stands in an OPEN (RFC 5492 section 4).
struct RawCapability {
  std::uint8_t code = 0;
  std::span<const std::uint8_t> value;
};

/// The capabilities in the body of an OPEN, in order, known or not, for show: nothing is judged. Where lengths do not
/// add up, those before. Valid as long as `body` is.
std::vector<RawCapability> capabilities_in(std::span<const std::uint8_t> body);

}  // namespace slash32::bgp
