// How soon the next plan is made: at once after a calm, and in a storm of changes so seldom that plans take no more
// than a quarter of a processor, and their reader has half of his for himself, however large the cluster. Pure.
#pragma once

#include <algorithm>

#include "common/clock.h"

namespace slash32::agent {

class Pace {
 public:
  static constexpr Milliseconds kGather{10};  // a change seldom comes alone, and one plan is for all of them
  static constexpr int kRest = 3;             // times what the last plan took, after it
  static constexpr int kRestBeside = 2;       // times what it costs its reader, who begins when the plan ends
  static constexpr Seconds kMost{2};

  /// `beside`: what the plan costs another process, that reads what was written.
  void planned(Instant began, Instant ended, Duration beside = {}) {
    rested_ = ended + std::min<Duration>((ended - began) * kRest + beside * kRestBeside, kMost);
  }
  /// When the next plan may begin.
  Instant rested() const { return rested_; }
  /// From a change on, how long to wait.
  Duration wait(Instant now) const { return std::max<Duration>(kGather, rested_ - now); }

 private:
  Instant rested_{};
};

}  // namespace slash32::agent
