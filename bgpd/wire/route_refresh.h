// The ROUTE-REFRESH codec (RFC 2918 section 3; RFC 7313 section 3.2, and section 5 for what must be ignored or
// refused).
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "bgpd/wire/message.h"
#include "common/result.h"

namespace slash32::bgp {

/// Reads the body. A family or a subtype we do not know comes back as IgnoredMessage; an error is the NOTIFICATION to
/// send.
Result<std::variant<RouteRefresh, IgnoredMessage>, Notification> decode_route_refresh(
    std::span<const std::uint8_t> body);

/// The whole message.
std::vector<std::uint8_t> encode_route_refresh(const RouteRefresh& refresh);

}  // namespace slash32::bgp
