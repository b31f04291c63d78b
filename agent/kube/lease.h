// Who of many does what only one may do: a Lease object (coordination.k8s.io/v1) that its holder renews. Answers and
// times go in, requests come out. Pure: no socket, no clock, no chance of its own.
//
// No clock is compared with another machine's: a lease is over when it was seen unchanged for its whole duration, by
// our own clock. Whoever cannot renew stops in time, before others may begin; who stops in order gives it back. One
// that is deleted is still its holder's, for who saw one, until that one's term is over; who saw none waits for as long
// as a holder takes to make it again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/kube/request.h"
#include "common/clock.h"
#include "common/result.h"

namespace slash32::agent::kube {

struct LeaseSettings {
  std::string name_space;
  std::string name;
  std::string identity;    // unique among those who try
  Seconds duration{40};    // written into the lease: as long unrenewed, and it is over
  Seconds renew{10};       // the holder renews so often
  Seconds stop{30};        // without a renewal for so long the holder stops; less than `duration`
  Seconds look_least{20};  // the others look at it between these two: a thousand nodes
  Seconds look_most{60};   // then ask it 25 times a second
  std::function<double()> chance = [] { return 0.5; };  // [0, 1)
};

namespace act {

/// Send it; the answer goes to on_answer(). One at a time.
struct Ask {
  Request request;
};
/// We hold it from now on.
struct Elected {};
/// We hold it no longer: stop at once.
struct Deposed {};

}  // namespace act

using LeaseAction = std::variant<act::Ask, act::Elected, act::Deposed>;
using LeaseActions = std::vector<LeaseAction>;

class Lease {
 public:
  explicit Lease(LeaseSettings settings) : settings_(std::move(settings)) {}

  /// `wall` is the time of day as the API writes it (RFC 3339 with microseconds): it is written, never read back.
  LeaseActions start(Instant now);
  LeaseActions on_answer(const Result<Response>& answer, Instant now, const std::string& wall);
  LeaseActions on_timer(Instant now, const std::string& wall);
  /// Gives it back, if we hold it: others need not wait for its end. What was asked already is waited for, since it
  /// decides what there is to give back; answers still go to on_answer(), timers do not, until gone().
  LeaseActions resign(const std::string& wall);
  /// After resign(): nothing more is to be asked.
  bool gone() const { return leaving_ && asked_ == Asked::Nothing; }
  std::optional<Instant> deadline() const;

  bool held() const { return held_; }
  /// Until when the holder may send what only a holder may; nothing: not now. Not from a renewal on that was refused
  /// (somebody else wrote the lease, or removed it) until one has worked.
  std::optional<Instant> may_act_until(Instant now) const;
  const std::string& holder() const { return seen_.holder; }  // as last seen; empty: nobody
  const std::string& trouble() const { return trouble_; }     // of the last request; empty: none

 private:
  enum class Asked : std::uint8_t { Nothing, Read, Create, Replace, GiveBack };
  struct Seen {
    std::string version;  // resourceVersion; empty: there is no such object
    std::string holder;
    std::int64_t transitions = 0;
    std::string acquired;  // acquireTime
  };

  LeaseActions read(Instant now);
  LeaseActions found(Instant now, const std::string& wall);
  LeaseActions missed(Instant now, const std::string& wall);
  LeaseActions write(Instant now, const std::string& wall);
  LeaseActions give_back(const std::string& wall);
  LeaseActions on_farewell(Asked asked, const Result<Response>& answer, Instant now, const std::string& wall);
  LeaseActions end_if_late(Instant now);
  Status take(const std::string& body, Instant now);
  void refused(const Response& response, Instant now);
  void look_later(Instant now);

  LeaseSettings settings_;
  Asked asked_ = Asked::Nothing;
  Seen seen_;
  Instant unchanged_since_{};  // seen_ has this version since
  Instant renewed_at_{};       // the request of the last renewal that worked was sent
  Instant sent_at_{};
  std::optional<Instant> missed_since_;  // there is no such object
  std::optional<Instant> next_;          // the next step
  bool held_ = false;
  bool refused_ = false;  // our last renewal, for what is in the object
  bool leaving_ = false;
  int farewells_ = 0;  // requests to give it back
  std::string trouble_;
};

}  // namespace slash32::agent::kube
