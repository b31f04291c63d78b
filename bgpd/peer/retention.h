// Graceful restart's helper side (RFC 4724 section 4.2, RFC 8538 section 4.1, RFC 9494 section 4.2): which of the
// peer's routes are stale, and until when.
#pragma once

#include <algorithm>
#include <array>
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
        return restartable(session);
      case Ending::ForRestart:
        return session.families;  // ours to keep: we are the ones who come back
      case Ending::NotificationSent:
      case Ending::NotificationReceived:
        return session.graceful_notification ? restartable(session) : std::vector<AddressFamily>{};
      case Ending::HardResetReceived:
      case Ending::BfdDown:
      case Ending::CollisionLost:
      case Ending::Stopped:
        return {};
    }
    return {};
  }

  /// The session is down and `retain` is marked stale by the caller, who calls expire() next. Returns what was stale
  /// already and must be deleted first (RFC 4724 section 4.2: consecutive restarts); not under RFC 8538, where it
  /// stays, but no longer than `stale_time` since it became so; nor where RFC 9494 was agreed on: what is long-lived
  /// already goes on with its timer, the rest becomes so a restart time after the first of these losses.
  std::vector<AddressFamily> on_down(const Session& session, std::vector<AddressFamily> retain, Instant now) {
    up_ = false;
    times_ = session.long_lived;
    auto before = std::exchange(stale_, std::move(retain));
    for (const AddressFamily f : {AddressFamily::IPv4, AddressFamily::IPv6})
      if (!has(stale_, f)) until(f).reset();
    waiting_ = stale_;
    if (stale_.empty()) {
      deadline_.reset();
      return before;
    }
    const bool again = session.graceful_notification && !before.empty();
    const bool waits_on =
        std::ranges::any_of(before, [&](AddressFamily f) { return has(stale_, f) && outlives(session, f); });
    if (!again && !waits_on) stale_since_ = now;
    const auto& theirs = session.remote.capabilities.graceful_restart;
    const Seconds restart_time{theirs ? theirs->restart_time : 0};
    deadline_ = bounded(session, (waits_on && !again ? stale_since_ : now) + restart_time);
    // RFC 9494 section 4.2: of a family that only its capability lists, the restart time is 0.
    for (const AddressFamily f : stale_)
      if (!has(session.restartable, f)) at_once_.push_back(f);
    std::erase_if(before, [&](AddressFamily f) { return again || is_long_lived(f) || outlives(session, f); });
    return before;
  }
  /// Whether something that is stale outlives the end of `session`. Ask before on_down().
  bool spares(const Session& session) const {
    return !stale_.empty() && (session.graceful_notification || std::ranges::any_of(stale_, [&](AddressFamily f) {
                                 return is_long_lived(f) || outlives(session, f);
                               }));
  }

  /// The peer is back. Families it did not preserve are no longer waited for; the caller drops them. Returns those it
  /// did preserve: of what is long-lived stale RFC 9494's F tells, of the rest RFC 4724's.
  std::vector<AddressFamily> on_up(const Session& session, Instant now) {
    up_ = true;
    at_once_.clear();
    waiting_.clear();
    deadline_.reset();
    std::vector<AddressFamily> preserved;
    for (const AddressFamily f : session.families) {
      if (has(is_long_lived(f) ? session.long_lived_preserved : session.preserved, f)) preserved.push_back(f);
    }
    std::erase_if(stale_, [&](AddressFamily f) { return !has(preserved, f); });
    for (const AddressFamily f : {AddressFamily::IPv4, AddressFamily::IPv6}) {
      if (!has(stale_, f)) until(f).reset();
      if (has(stale_, f) && !is_long_lived(f)) waiting_.push_back(f);
    }
    if (!waiting_.empty()) deadline_ = bounded(session, now + kEndOfRibPatience);
    return preserved;
  }

  void on_end_of_rib(AddressFamily family) {
    lapsed_.at(index(family)) = false;
    until(family).reset();
    for (auto* families : {&stale_, &waiting_}) std::erase(*families, family);
    if (waiting_.empty()) deadline_.reset();
  }

  /// RFC 9494 section 4.2: the family's long-lived timer ended while it synchronised, and End-of-RIB has not come
  /// since. A session that ends so leaves nothing of it.
  bool has_lapsed(AddressFamily family) const { return lapsed_.at(index(family)); }

  /// When expire() is due.
  std::optional<Instant> deadline() const {
    std::optional<Instant> first = deadline_;
    for (const auto& at : until_)
      if (at && (!first || *at < *first)) first = at;
    return first;
  }
  const std::vector<AddressFamily>& stale() const { return stale_; }
  /// What is stale of the family has outlived the restart time.
  bool is_long_lived(AddressFamily family) const { return until_.at(index(family)).has_value(); }
  bool is_long_lived() const { return until_[0] || until_[1]; }
  /// Of a stale family, the end of what it is in now.
  std::optional<Instant> deadline(AddressFamily family) const {
    const auto& at = until_.at(index(family));
    return at ? at : deadline_;
  }

  /// What the time has come for: `gone` is stale no more, `long_lived` goes on as RFC 9494's last resort.
  struct Expired {
    std::vector<AddressFamily> gone, long_lived;
  };
  Expired expire(Instant now) {
    Expired out;
    for (const AddressFamily f : std::exchange(at_once_, {})) end_wait(f, now, out);
    if (deadline_ && *deadline_ <= now) {
      deadline_.reset();
      for (const AddressFamily f : std::exchange(waiting_, {})) end_wait(f, now, out);
    }
    for (const AddressFamily f : {AddressFamily::IPv4, AddressFamily::IPv6}) {
      if (!until(f) || *until(f) > now) continue;
      std::erase(out.long_lived, f);
      lapsed_.at(index(f)) = up_;
      drop(f, out);
    }
    return out;
  }
  /// Nothing is stale any more; returns what was.
  std::vector<AddressFamily> forget() {
    deadline_.reset();
    until_ = {};
    lapsed_ = {};
    at_once_.clear();
    waiting_.clear();
    return std::exchange(stale_, {});
  }

 private:
  static std::size_t index(AddressFamily family) { return family == AddressFamily::IPv4 ? 0 : 1; }
  static bool has(const std::vector<AddressFamily>& families, AddressFamily family) {
    return std::ranges::find(families, family) != families.end();
  }
  static std::vector<AddressFamily> restartable(const Session& session) {
    auto out = session.restartable;
    for (const AddressFamily f : session.families)
      if (session.long_lived.at(index(f)) > Seconds{0} && !has(out, f)) out.push_back(f);
    return out;
  }
  /// RFC 9494 section 4.2: of a family with a long-lived timer, consecutive restarts delete nothing before it ends.
  bool outlives(const Session& session, AddressFamily family) const {
    return !is_long_lived(family) && session.long_lived.at(index(family)) > Seconds{0};
  }
  std::optional<Instant>& until(AddressFamily family) { return until_.at(index(family)); }

  void drop(AddressFamily family, Expired& out) {
    until(family).reset();
    for (auto* families : {&stale_, &waiting_}) std::erase(*families, family);
    if (waiting_.empty()) deadline_.reset();
    out.gone.push_back(family);
  }
  /// The restart time is over, or End-of-RIB did not come. RFC 9494 section 4.2: the long-lived timer of a family
  /// starts once, however often its session comes and goes before End-of-RIB.
  void end_wait(AddressFamily family, Instant now, Expired& out) {
    std::erase(waiting_, family);
    if (up_ || times_.at(index(family)) == Seconds{0}) return drop(family, out);
    if (!until(family)) until(family) = now + times_.at(index(family));
    out.long_lived.push_back(family);
  }
  /// RFC 8538 section 4.1: sessions that come and go must not keep a route stale forever.
  Instant bounded(const Session& session, Instant deadline) const {
    return session.graceful_notification ? std::min(deadline, stale_since_ + stale_time_) : deadline;
  }

  Seconds stale_time_;
  bool up_ = false;
  std::vector<AddressFamily> stale_;
  std::vector<AddressFamily> waiting_;  // of these, for the restart time or End-of-RIB
  std::vector<AddressFamily> at_once_;  // of these, those without a restart time
  Instant stale_since_{};               // of the family that has been so the longest; counts while there is one
  std::optional<Instant> deadline_;     // of `waiting_`
  std::array<Seconds, 2> times_{};      // of the last session: how long after that (RFC 9494)
  std::array<bool, 2> lapsed_{};        // see has_lapsed()
  std::array<std::optional<Instant>, 2> until_{};  // when what is long-lived must go
};

}  // namespace slash32::bgp
