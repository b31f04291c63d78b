// Lengths of timers that nobody configures, and the pauses between attempts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/clock.h"

namespace slash32::bgp {

/// The timers of one connection (RFC 4271 section 8.1.3).
enum class Timer : std::uint8_t { ConnectRetry, Hold, Keepalive, DelayOpen };
inline constexpr std::size_t kTimers = 4;

inline constexpr Seconds kOpenHoldTime{240};        // RFC 4271 section 8.2.2: "a large value", 4 minutes
inline constexpr Milliseconds kFastReconnect{500};  // the first pause after a connection was lost

/// `first`, doubled `times` times, but never above `most`.
constexpr Duration doubled(Duration first, std::uint32_t times, Duration most) {
  for (; times > 0 && first < most; --times) first *= 2;
  return std::min(first, most);
}

/// RFC 4271 section 10: between three quarters and the whole. `chance` is from 0 to 1.
inline Duration with_jitter(Duration d, double chance) {
  const double part = 0.75 + 0.25 * std::clamp(chance, 0.0, 1.0);
  return Duration{static_cast<Duration::rep>(static_cast<double>(d.count()) * part)};
}

}  // namespace slash32::bgp
