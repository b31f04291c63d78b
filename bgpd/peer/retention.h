// Graceful restart's helper side (RFC 4724 section 4.2, RFC 8538 section 4.1, RFC 9494 section 4.2): which of the
// peer's routes are stale, and until when.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
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
  /// stays, but no longer than `stale_time` since it became so; nor of a family for which RFC 9494 was agreed on: what
  /// is long-lived already goes on with its timer, the rest becomes so a restart time after the first of these losses.
  /// `collided`: no restart, the session was the one too many of a simultaneous open; nothing that is stale goes.
  std::vector<AddressFamily> on_down(const Session& session, const std::vector<AddressFamily>& retain, Instant now,
                                     bool collided = false) {
    up_ = false;
    std::vector<AddressFamily> before;
    for (const AddressFamily f : kFamilies) {
      Family& family = of(f);
      const bool was_stale = family.stale, waits_on = was_stale && outlives(session, f);
      const bool again = was_stale && (session.graceful_notification || (collided && !waits_on && !is_long_lived(f)));
      family.time = session.long_lived.at(index(f));
      if (was_stale && !again && !waits_on && !is_long_lived(f)) before.push_back(f);
      if (!has(retain, f)) {
        family.end();
        continue;
      }
      if (!again && !waits_on) family.since = now;
      family.stale = true;
      family.wait_end = bounded(session, family, (waits_on && !again ? family.since : now) + restart_time(session, f));
    }
    return before;
  }
  /// Whether something that is stale outlives the end of `session`. Ask before on_down().
  bool spares(const Session& session) const {
    return std::ranges::any_of(kFamilies, [&](AddressFamily f) {
      return of(f).stale && (session.graceful_notification || is_long_lived(f) || outlives(session, f));
    });
  }

  /// The peer is back. Families it did not preserve are no longer waited for; the caller drops them. Returns those it
  /// did preserve: of what is long-lived stale RFC 9494's F tells, of the rest RFC 4724's.
  std::vector<AddressFamily> on_up(const Session& session, Instant now) {
    up_ = true;
    std::vector<AddressFamily> preserved;
    for (const AddressFamily f : session.families)
      if (has(is_long_lived(f) ? session.long_lived_preserved : session.preserved, f)) preserved.push_back(f);
    for (const AddressFamily f : kFamilies) {
      Family& family = of(f);
      family.wait_end.reset();
      if (!has(preserved, f)) family.end();
      if (family.stale && !is_long_lived(f)) family.wait_end = bounded(session, family, now + kEndOfRibPatience);
    }
    return preserved;
  }

  void on_end_of_rib(AddressFamily family) {
    of(family).lapsed = false;
    of(family).end();
  }

  /// RFC 9494 section 4.2: the family's long-lived timer ended while it synchronised, and End-of-RIB has not come
  /// since. A session that ends so leaves nothing of it.
  bool has_lapsed(AddressFamily family) const { return of(family).lapsed; }

  /// When expire() is due.
  std::optional<Instant> deadline() const {
    std::optional<Instant> first;
    for (const Family& family : families_)
      for (const auto& at : {family.wait_end, family.until})
        if (at && (!first || *at < *first)) first = at;
    return first;
  }
  std::vector<AddressFamily> stale() const {
    std::vector<AddressFamily> out;
    for (const AddressFamily f : kFamilies)
      if (of(f).stale) out.push_back(f);
    return out;
  }
  /// What is stale of the family has outlived the restart time.
  bool is_long_lived(AddressFamily family) const { return of(family).until.has_value(); }
  /// Of a stale family, the end of what it is in now.
  std::optional<Instant> deadline(AddressFamily family) const {
    return of(family).until ? of(family).until : of(family).wait_end;
  }

  /// What the time has come for: `gone` is stale no more, `long_lived` goes on as RFC 9494's last resort.
  struct Expired {
    std::vector<AddressFamily> gone, long_lived;
  };
  Expired expire(Instant now) {
    Expired out;
    for (const AddressFamily f : kFamilies) {
      Family& family = of(f);
      bool gone = false, stays = false;
      if (family.wait_end && *family.wait_end <= now) {
        stays = begins_long_life(family, now);
        gone = !stays;
      }
      // RFC 9494 section 4.2: "all stale routes of that AFI/SAFI", those that wait for a second restart time as well.
      if (family.until && *family.until <= now) {
        family.lapsed = up_;
        gone = true;
      }
      if (gone)
        out.gone.push_back(f);
      else if (stays)
        out.long_lived.push_back(f);
      if (gone) family.end();
    }
    return out;
  }
  /// Nothing is stale any more; returns what was.
  std::vector<AddressFamily> forget() {
    auto was = stale();
    families_ = {};
    return was;
  }

 private:
  /// Each has its own timers: the end of one says nothing of another (RFC 9494 section 4.2).
  struct Family {
    bool stale = false;
    bool lapsed = false;              // see has_lapsed()
    Instant since{};                  // while stale: under RFC 8538 or RFC 9494 the first of the losses
    std::optional<Instant> wait_end;  // of the restart time, or of the patience with End-of-RIB
    std::optional<Instant> until;     // when what is long-lived must go
    Seconds time{};                   // of the last session: how long that is (RFC 9494)

    /// Nothing of it is stale any more.
    void end() {
      stale = false;
      wait_end.reset();
      until.reset();
    }
  };
  static constexpr std::array kFamilies{AddressFamily::IPv4, AddressFamily::IPv6};

  static std::size_t index(AddressFamily family) { return family == AddressFamily::IPv4 ? 0 : 1; }
  Family& of(AddressFamily family) { return families_.at(index(family)); }
  const Family& of(AddressFamily family) const { return families_.at(index(family)); }
  static bool has(const std::vector<AddressFamily>& families, AddressFamily family) {
    return std::ranges::find(families, family) != families.end();
  }
  static std::vector<AddressFamily> restartable(const Session& session) {
    auto out = session.restartable;
    for (const AddressFamily f : session.families)
      if (session.long_lived.at(index(f)) > Seconds{0} && !has(out, f)) out.push_back(f);
    return out;
  }
  /// RFC 9494 section 4.2: of a family that only its capability lists it is 0.
  static Seconds restart_time(const Session& session, AddressFamily family) {
    const auto& theirs = session.remote.capabilities.graceful_restart;
    return Seconds{theirs && has(session.restartable, family) ? theirs->restart_time : 0};
  }
  /// RFC 9494 section 4.2: of a family with a long-lived timer, consecutive restarts delete nothing before it ends.
  bool outlives(const Session& session, AddressFamily family) const {
    return !is_long_lived(family) && session.long_lived.at(index(family)) > Seconds{0};
  }
  /// The restart time is over, or End-of-RIB did not come: whether what is stale stays. RFC 9494 section 4.2: the
  /// long-lived timer of a family starts once, however often its session comes and goes before End-of-RIB.
  bool begins_long_life(Family& family, Instant now) const {
    family.wait_end.reset();
    if (up_ || family.time == Seconds{0}) return false;
    if (!family.until) family.until = now + family.time;
    return true;
  }
  /// RFC 8538 section 4.1: sessions that come and go must not keep a route stale forever.
  Instant bounded(const Session& session, const Family& family, Instant deadline) const {
    return session.graceful_notification ? std::min(deadline, family.since + stale_time_) : deadline;
  }

  Seconds stale_time_;
  bool up_ = false;
  std::array<Family, 2> families_{};
};

}  // namespace slash32::bgp
