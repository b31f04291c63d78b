// SHA-256 (FIPS 180-4) for names and MAC addresses. Small on purpose: OpenSSL's would cost the static programs 3.4 MB
// and a millisecond. Not for secrets: no constant-time claim.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace slash32 {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest sha256(std::string_view data);
/// The first `digits` (at most 64) lower-case hex digits of the digest.
std::string sha256_hex(std::string_view data, std::size_t digits = 64);

}  // namespace slash32
