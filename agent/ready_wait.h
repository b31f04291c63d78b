// How long a node's conflist waits for a bgpd that has its configuration and is not ready. Pure.
#pragma once

#include <optional>

#include "common/clock.h"

namespace slash32::agent {

class ReadyWait {
 public:
  /// Once sessions are up everywhere they are up in seconds. A node whose only neighbours are dead or not configured
  /// yet must not go without a pod network for it: pods of one node reach each other without any session.
  static constexpr Seconds kMost{60};

  /// After each question whether it is ready. `configured`: it answered, and has loaded the plan's configuration.
  void heard(bool configured, Instant now) {
    if (!configured)
      since_.reset();
    else if (!since_)
      since_ = now;
  }
  /// It has been configured for so long without a break that nothing waits for its being ready any more.
  bool is_over(Instant now) const { return since_ && now - *since_ >= kMost; }

 private:
  std::optional<Instant> since_;
};

}  // namespace slash32::agent
