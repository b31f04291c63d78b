// A listening TCP socket for what may be read over the network: metrics and probes.
#pragma once

#include <cstdint>

#include "common/fd.h"
#include "common/ip.h"
#include "common/result.h"

namespace slash32::control {

/// Bound and listening, non-blocking; an IPv6 one takes IPv6 only. Error: names address, port and reason.
Result<UniqueFd> bind_tcp_socket(const IpAddress& address, std::uint16_t port);

}  // namespace slash32::control
