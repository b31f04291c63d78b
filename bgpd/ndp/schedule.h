// When a link's next router advertisement is due (RFC 4861 section 6.2.4 and 6.2.6). Pure: time and chance come in.
#pragma once

#include <algorithm>
#include <optional>

#include "common/clock.h"

namespace slash32::bgp::ndp {

// RFC 4861 section 6.2.1 and 10. Short enough to be seen soon, above the least that is allowed.
inline constexpr Milliseconds kMaxInterval{10'000};  // MaxRtrAdvInterval
inline constexpr Milliseconds kMinInterval{5'000};   // MinRtrAdvInterval
inline constexpr Milliseconds kMinDelay{3'000};      // MIN_DELAY_BETWEEN_RAS
inline constexpr Milliseconds kMaxAnswerDelay{500};  // MAX_RA_DELAY_TIME
inline constexpr int kMaxSolicitations = 3;          // MAX_RTR_SOLICITATIONS

/// One link's. `chance` is always from 0 to 1, and another one for every call.
class Schedule {
 public:
  /// The link is there, or back: soon, and as often as allowed with a solicitation until somebody was heard.
  void begin(Instant now, double chance) {
    solicitations_ = kMaxSolicitations;
    solicited(now, chance);
  }
  /// Somebody asked: sooner than planned, not sooner than allowed after the last one.
  void solicited(Instant now, double chance) {
    const Instant soon = now + portion(kMaxAnswerDelay, chance);
    const Instant due = last_ ? std::max(soon, *last_ + kMinDelay) : soon;
    next_ = next_ ? std::min(*next_, due) : due;
  }
  /// One was sent, or tried; the next one is planned.
  void sent(Instant now, double chance) {
    last_ = now;
    next_ = now + kMinInterval + portion(kMaxInterval - kMinInterval, chance);
  }
  /// A router was heard: nobody needs to be asked.
  void heard() { solicitations_ = 0; }
  /// Whether to ask with this one; counts it.
  bool take_solicitation() { return solicitations_ > 0 && solicitations_-- > 0; }
  /// Nothing before begin().
  const std::optional<Instant>& next() const { return next_; }

 private:
  static Duration portion(Milliseconds whole, double chance) {
    return std::chrono::duration_cast<Duration>(whole * chance);
  }
  std::optional<Instant> last_, next_;
  int solicitations_ = 0;
};

}  // namespace slash32::bgp::ndp
