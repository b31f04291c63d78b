// Time as pure code sees it: handed in, never asked for. Only shells read a clock.
#pragma once

#include <chrono>

namespace slash32 {

/// A point on CLOCK_MONOTONIC; tests turn it by hand.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;

}  // namespace slash32
