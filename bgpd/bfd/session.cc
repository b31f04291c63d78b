#include "bgpd/bfd/session.h"

#include <algorithm>
#include <string>

namespace slash32::bfd {
namespace {

Status check_interval(const char* name, Microseconds value) {
  if (value >= kMinInterval && value <= kMaxInterval) return ok();
  return fail(7, std::string(name) + " is " + std::to_string(value.count()) + " microseconds, expected " +
                     std::to_string(kMinInterval.count()) + " to " + std::to_string(kMaxInterval.count()));
}

/// RFC 5880 section 6.8.7: from 75 % to 100 % of the interval, to 90 % when a single lost packet ends the session.
Duration jittered(Microseconds interval, std::uint8_t detect_multiplier, std::uint32_t chance) {
  constexpr std::int64_t kLeast = 75;
  const std::int64_t most = detect_multiplier == 1 ? 90 : 100;
  const std::int64_t least_time = Duration{interval}.count() * kLeast / 100;
  const std::int64_t range = Duration{interval}.count() * (most - kLeast) / 100;
  return Duration{least_time + static_cast<std::int64_t>(static_cast<double>(range) * (chance / 4294967295.0))};
}

}  // namespace

Status check(const Settings& settings) {
  TRY(check_interval("desired minimum TX interval", settings.desired_min_tx));
  TRY(check_interval("required minimum RX interval", settings.required_min_rx));
  if (settings.detect_multiplier == 0) return fail(7, "detect multiplier is 0, expected 1 to 255");
  return ok();
}

bool is_failure(const StateChange& change) {
  return change.from == State::Up && change.to == State::Down && change.remote.state != State::AdminDown;
}

Session::Session(std::uint32_t discriminator, const Settings& settings, Instant now)
    : discriminator_(discriminator),
      settings_(settings),
      state_(settings.enabled ? State::Down : State::AdminDown),
      diagnostic_(settings.enabled ? Diagnostic::None : Diagnostic::AdministrativelyDown),
      changed_at_(now),
      said_tx_(std::max(settings.desired_min_tx, kSlowInterval)),
      said_rx_(settings.required_min_rx),
      used_tx_(said_tx_),
      used_rx_(said_rx_),
      next_send_(now) {}

// ---------------------------------------------------------------- events

Step Session::receive(const Packet& packet, Instant now, const Random& random) {  // RFC 5880 section 6.8.6
  Step step;
  remote_ = {.discriminator = packet.my_discriminator,
             .state = packet.state,
             .diagnostic = packet.diagnostic,
             .control_plane_independent = packet.control_plane_independent,
             .demand = packet.demand,
             .detect_multiplier = packet.detect_multiplier,
             .desired_min_tx = packet.desired_min_tx,
             .required_min_rx = packet.required_min_rx};
  heard_ = now;
  if (packet.final && polling_) {
    end_poll();
  } else if (!packet.final) {
    await_clear_ = false;
  }
  if (state_ != State::AdminDown) {
    const State next = next_state(packet.state);
    if (next != state_) {
      const auto why = next == State::Down ? Diagnostic::NeighborSignaledSessionDown : Diagnostic::None;
      step.change = enter(next, why, now);
    }
    const bool polls = adopt_intervals(step.change.has_value());
    if (packet.poll) step.answer = make(true);
    // Section 6.8.7: what changed is said at once. An answer says it as well, but cannot poll.
    if ((polls || (step.change && !packet.poll)) && transmits()) step.packet = send_now(now);
  }
  reschedule(now, random);
  return step;
}

Step Session::configure(const Settings& settings, Instant now, const Random& random) {
  Step step;
  bool differs = settings.detect_multiplier != settings_.detect_multiplier;  // section 6.8.12: at once, without a Poll
  settings_ = settings;
  if (!settings.enabled && state_ != State::AdminDown)  // section 6.8.16
    step.change = enter(State::AdminDown, Diagnostic::AdministrativelyDown, now);
  if (settings.enabled && state_ == State::AdminDown) step.change = enter(State::Down, Diagnostic::None, now);
  differs |= adopt_intervals(step.change.has_value());
  if ((differs || step.change) && transmits()) step.packet = send_now(now);
  reschedule(now, random);
  return step;
}

Step Session::advance(Instant now, const Random& random) {
  Step step;
  if (const auto expiry = detection_deadline(); expiry && now >= *expiry) {  // section 6.8.4
    const Remote last = remote_;
    const bool lost = state_ == State::Init || state_ == State::Up;
    remote_ = {};  // section 6.8.1, bfd.RemoteDiscr; and the rest with it, or its wishes would outlive it
    if (lost) {
      step.change = enter(State::Down, Diagnostic::ControlDetectionTimeExpired, now);
      step.change->remote = last;
      adopt_intervals(true);
    }
  }
  if (step.change || (transmits() && next_send_ && now >= *next_send_)) step.packet = send_now(now);
  reschedule(now, random);
  return step;
}

std::optional<Instant> Session::deadline() const {
  const auto detection = detection_deadline();
  if (!detection) return next_send_;
  return next_send_ ? std::min(*next_send_, *detection) : *detection;
}

// ---------------------------------------------------------------- the state machine

/// RFC 5880 section 6.8.6, from "If received state is AdminDown". A session that is Down stays so while the neighbor
/// still says Up: both must have seen that it was down (section 6.2).
State Session::next_state(State received) const {
  if (received == State::AdminDown) return State::Down;
  switch (state_) {
    case State::Down:
      if (received == State::Down) return State::Init;
      return received == State::Init ? State::Up : State::Down;
    case State::Init:
      return received == State::Init || received == State::Up ? State::Up : State::Init;
    case State::Up:
      return received == State::Down ? State::Down : State::Up;
    case State::AdminDown:
      break;
  }
  return State::AdminDown;
}

StateChange Session::enter(State to, Diagnostic why, Instant now) {
  const StateChange change{.from = state_, .to = to, .diagnostic = why, .remote = remote_};
  state_ = to;
  diagnostic_ = why;
  changed_at_ = now;
  return change;
}

// ---------------------------------------------------------------- intervals

/// RFC 5880 section 6.8.3: brings what we say in line with the settings and the state. True: something is new, and a
/// Poll Sequence has begun.
bool Session::adopt_intervals(bool state_changed) {
  const auto tx = state_ == State::Up ? settings_.desired_min_tx : std::max(settings_.desired_min_tx, kSlowInterval);
  const auto rx = settings_.required_min_rx;
  const bool differs = tx != said_tx_ || rx != said_rx_;
  const bool must_lag = state_ == State::Up;
  if (must_lag && differs && !state_changed && (polling_ || await_clear_)) return false;  // later: receive() asks again
  said_tx_ = tx;
  said_rx_ = rx;
  if (!must_lag || tx < used_tx_) used_tx_ = tx;  // an increase waits for F: the neighbor still expects the old pace …
  if (!must_lag || rx > used_rx_) used_rx_ = rx;  // … and a decrease as well: the neighbor still has the old pace
  if (!differs) return false;
  polling_ = true;
  await_clear_ = false;
  return true;
}

void Session::end_poll() {
  polling_ = false;
  await_clear_ = true;
  used_tx_ = said_tx_;
  used_rx_ = said_rx_;
}

Microseconds Session::transmit_interval() const {
  return remote_.required_min_rx.count() == 0 ? Microseconds{0} : std::max(used_tx_, remote_.required_min_rx);
}

Microseconds Session::detection_time() const {
  if (remote_.discriminator == 0) return Microseconds{0};
  return remote_.detect_multiplier * std::max(used_rx_, remote_.desired_min_tx);
}

Microseconds Session::remote_detection_time() const {
  return settings_.detect_multiplier * std::max(said_tx_, remote_.required_min_rx);
}

std::optional<Instant> Session::detection_deadline() const {
  if (remote_.discriminator == 0) return std::nullopt;
  return heard_ + detection_time();
}

// ---------------------------------------------------------------- sending

bool Session::demand_is_active() const { return remote_.demand && state_ == State::Up && remote_.state == State::Up; }

/// RFC 5880 section 6.8.7: whether packets go out periodically.
bool Session::transmits() const { return remote_.required_min_rx.count() != 0 && (polling_ || !demand_is_active()); }

Packet Session::make(bool final) const {
  return {.diagnostic = diagnostic_,
          .state = state_,
          .poll = polling_ && !final,
          .final = final,
          .detect_multiplier = settings_.detect_multiplier,
          .my_discriminator = discriminator_,
          .your_discriminator = remote_.discriminator,
          .desired_min_tx = said_tx_,
          .required_min_rx = said_rx_};
}

Packet Session::send_now(Instant now) {
  last_sent_ = now;
  next_send_.reset();  // reschedule() draws the next interval, from this packet on
  return make(false);
}

/// Draws the next interval, once a packet: when one was sent, and when the interval to go by became another. A shorter
/// one counts from the last packet, as section 6.8.3 asks.
void Session::reschedule(Instant now, const Random& random) {
  if (!transmits()) {
    next_send_.reset();
    return;
  }
  const auto interval = transmit_interval();
  if (next_send_ && interval == scheduled_interval_) return;
  const bool first = !last_sent_;
  scheduled_interval_ = interval;
  next_send_ = first ? now : std::max(now, *last_sent_ + jittered(interval, settings_.detect_multiplier, random()));
}

}  // namespace slash32::bfd
