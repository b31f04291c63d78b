// Graceful restart's helper side (RFC 4724 section 4.2, RFC 8538 section 4.1): which of the peer's routes are stale,
// and until when.
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
  /// `stale_time`: RFC 8538's stale timer.
  explicit Retention(Seconds stale_time) : stale_time_(stale_time) {}

  /// How long stale routes may wait for End-of-RIB once the peer is back (section 4.2 allows such a bound).
  static constexpr Seconds kEndOfRibPatience{360};

  /// Which families to keep when `session` ended so. A NOTIFICATION of either side, the hold timer's as well, ends
  /// everything (RFC 4724 section 4), unless both agreed on RFC 8538: then only a Hard Reset does.
  static std::vector<AddressFamily> retained(const Session& session, Ending how) {
    switch (how) {
      case Ending::TcpLost:
      case Ending::Replaced:
        return session.restartable;
      case Ending::ForRestart:
        return session.families;  // ours to keep: we are the ones who come back
      case Ending::NotificationSent:
      case Ending::NotificationReceived:
        return session.graceful_notification ? session.restartable : std::vector<AddressFamily>{};
      case Ending::HardResetReceived:
      case Ending::BfdDown:
      case Ending::CollisionLost:
      case Ending::Stopped:
        return {};
    }
    return {};
  }

  /// The session is down and `retain` is marked stale by the caller. Returns what was stale already and must be deleted
  /// first (RFC 4724 section 4.2: consecutive restarts); nothing under RFC 8538, where it stays, but no longer than
  /// `stale_time` since it became so.
  std::vector<AddressFamily> on_down(const Session& session, std::vector<AddressFamily> retain, Instant now) {
    auto before = std::exchange(stale_, std::move(retain));
    if (stale_.empty()) {
      deadline_.reset();
      return before;
    }
    const bool again = session.graceful_notification && !before.empty();
    if (!again) stale_since_ = now;
    const auto& theirs = session.remote.capabilities.graceful_restart;
    deadline_ = bounded(session, now + Seconds{theirs ? theirs->restart_time : 0});
    return again ? std::vector<AddressFamily>{} : before;
  }

  /// The peer is back. Families it did not preserve are no longer waited for; the caller drops them.
  void on_up(const Session& session, Instant now) {
    std::erase_if(stale_,
                  [&](AddressFamily f) { return std::ranges::find(session.preserved, f) == session.preserved.end(); });
    deadline_.reset();
    if (!stale_.empty()) deadline_ = bounded(session, now + kEndOfRibPatience);
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
  /// RFC 8538 section 4.1: sessions that come and go must not keep a route stale forever.
  Instant bounded(const Session& session, Instant deadline) const {
    return session.graceful_notification ? std::min(deadline, stale_since_ + stale_time_) : deadline;
  }

  Seconds stale_time_;
  std::vector<AddressFamily> stale_;
  Instant stale_since_{};  // of the family that has been so the longest; counts while there is one
  std::optional<Instant> deadline_;
};

}  // namespace slash32::bgp
