// Graceful restart's helper side (RFC 4724 section 4.2): which of the peer's routes are stale, and until when.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "bgpd/fsm/fsm.h"
#include "common/clock.h"

namespace slash32::bgp {

class Retention {
 public:
  /// How long stale routes may wait for End-of-RIB once the peer is back (section 4.2 allows such a bound).
  static constexpr Seconds kEndOfRibPatience{360};

  /// Which families to keep when `session` ended so. A NOTIFICATION, of either side, ends everything (section 4: only
  /// RFC 8538 changes that); so does the hold timer, which sends one.
  static std::vector<AddressFamily> retained(const Session& session, Ending how) {
    switch (how) {
      case Ending::TcpLost:
      case Ending::Replaced:
        return session.restartable;
      case Ending::ForRestart:
        return session.families;  // ours to keep: we are the ones who come back
      case Ending::NotificationSent:
      case Ending::NotificationReceived:
      case Ending::CollisionLost:
      case Ending::Stopped:
        return {};
    }
    return {};
  }

  /// The session is down and `retain` is marked stale by the caller. Returns what was stale already and must be deleted
  /// first (section 4.2: consecutive restarts).
  std::vector<AddressFamily> on_down(std::vector<AddressFamily> retain, Seconds restart_time, Instant now) {
    auto before = std::exchange(stale_, std::move(retain));
    deadline_.reset();
    if (!stale_.empty()) deadline_ = now + restart_time;
    return before;
  }

  /// The peer is back. Families it did not preserve are no longer waited for; the caller drops them.
  void on_up(const Session& session, Instant now) {
    std::erase_if(stale_,
                  [&](AddressFamily f) { return std::ranges::find(session.preserved, f) == session.preserved.end(); });
    deadline_.reset();
    if (!stale_.empty()) deadline_ = now + kEndOfRibPatience;
  }

  void on_end_of_rib(AddressFamily family) {
    std::erase(stale_, family);
    if (stale_.empty()) deadline_.reset();
  }

  std::optional<Instant> deadline() const { return deadline_; }
  const std::vector<AddressFamily>& stale() const { return stale_; }
  /// Nothing is stale any more; returns what was.
  std::vector<AddressFamily> expire() {
    deadline_.reset();
    return std::exchange(stale_, {});
  }

 private:
  std::vector<AddressFamily> stale_;
  std::optional<Instant> deadline_;
};

}  // namespace slash32::bgp
