// How TCP-AO signs segments, as configured and as the kernel is told.
#pragma once

#include <cstdint>

namespace slash32 {

/// RFC 5926 section 3.1: HMAC-SHA-1-96 and AES-128-CMAC-96.
enum class TcpAoAlgorithm : std::uint8_t { HmacSha1, AesCmac };

}  // namespace slash32
