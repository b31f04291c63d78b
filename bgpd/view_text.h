// Small texts that several documents of the control interface share. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "common/clock.h"

namespace slash32::bgp {

/// One moment on both clocks: what is noted by the first is shown by the second.
struct ViewTime {
  Instant now{};
  std::chrono::system_clock::time_point wall{};
};

/// "2026-11-22T03:15:28Z".
std::string time_text(std::chrono::sys_seconds at);
std::string time_text(const ViewTime& time, Instant at);

/// "ffff0013", two digits an octet.
std::string hex_text(std::span<const std::uint8_t> bytes);

}  // namespace slash32::bgp
