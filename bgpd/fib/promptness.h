// Whether the kernel takes routes promptly, so that who orders a few may write them himself. It has one lock for all
// who configure the network: the longer a write had to wait for it, the longer only the worker may try. Pure: no clock.
#pragma once

#include "common/clock.h"

namespace slash32::bgp {

class Promptness {
 public:
  static constexpr Milliseconds kPrompt{1};  // what a write may take; alone it takes some hundredths of that
  static constexpr int kPause = 20;          // times as long as a slow one took: it is a twentieth of the time at most

  bool is_given(Instant now) const { return now >= again_at_; }
  void note(Instant began, Instant ended) {
    if (ended - began > kPrompt) again_at_ = ended + (ended - began) * kPause;
  }

 private:
  Instant again_at_{};
};

}  // namespace slash32::bgp
