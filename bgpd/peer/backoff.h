// The pause before a peer that ended badly is tried again: doubling, bounded, forgotten after a good while. A peer that
// refuses our OPEN, or whose OPEN we refuse, must never become a busy loop; neither must one that connects to us.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bgpd/fsm/timers.h"
#include "common/clock.h"

namespace slash32::bgp {

class Backoff {
 public:
  static constexpr Seconds kFirst{1};
  static constexpr Seconds kMost{30};
  static constexpr Seconds kForgetAfter{60};  // Established for so long makes up for everything
  static constexpr double kRefusals = 100;    // OPENs we refuse in a burst before connections are not taken any more …
  static constexpr double kPerSecond = 10;    // … and how fast that allowance comes back

  /// The next pause after a refusal or an error, jitter not included.
  Duration next(bool was_established) {
    // A session that worked once is tried again soon, though not at once.
    failures_ = was_established ? std::min(failures_ + 1, 3U) : std::min(failures_ + 1, 16U);
    return doubled(kFirst, failures_ - 1, kMost);
  }

  void was_established_for(Duration d) {
    if (d >= kForgetAfter) failures_ = 0;
  }

  void note_refusal(Instant now) {
    refill(now);
    allowance_ -= 1;
  }
  /// False: this peer made us refuse too many OPENs lately.
  bool takes_connections(Instant now) {
    refill(now);
    return allowance_ >= 1;
  }

 private:
  void refill(Instant now) {
    const double seconds = std::chrono::duration<double>(now - refilled_).count();
    allowance_ = std::min(kRefusals, allowance_ + std::max(0.0, seconds) * kPerSecond);
    refilled_ = now;
  }

  std::uint32_t failures_ = 0;
  double allowance_ = kRefusals;
  Instant refilled_{};
};

}  // namespace slash32::bgp
