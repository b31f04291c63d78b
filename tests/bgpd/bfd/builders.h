// A session alone with a neighbor that the test plays: a clock turned by hand, chance that is always the same, and the
// packets of the neighbor.
#pragma once

#include <gtest/gtest.h>

#include "bgpd/bfd/session.h"

namespace slash32::bfd::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::uint32_t kOurs = 0x11223344;
inline constexpr std::uint32_t kTheirs = 0x55667788;

/// Draws that give the longest intervals, the shortest, and some of a seed.
inline const Random kLongest = [] { return 0xffffffffU; };
inline const Random kShortest = [] { return 0U; };

/// 50 ms x 3, as the neighbor has it too.
inline Settings fast() { return {.desired_min_tx = milliseconds{50}, .required_min_rx = milliseconds{50}}; }

struct Alone {
  explicit Alone(const Settings& settings = fast()) : session(kOurs, settings, Instant{}) {}

  Instant now{};
  Session session;
  Random random = kLongest;
  Packet said{.state = State::Down,  // what the neighbor says; a test changes it
              .detect_multiplier = 3,
              .my_discriminator = kTheirs,
              .your_discriminator = kOurs,
              .desired_min_tx = milliseconds{50},
              .required_min_rx = milliseconds{50}};

  Step hear(State state) {
    said.state = state;
    return session.receive(said, now, random);
  }
  Step hear_final() {
    said.final = true;
    const auto step = hear(said.state);
    said.final = false;
    return step;
  }
  Step hear_poll() {
    said.poll = true;
    const auto step = hear(said.state);
    said.poll = false;
    return step;
  }
  Step configure(const Settings& settings) { return session.configure(settings, now, random); }
  /// Goes to the next deadline and does what is due.
  Step next() {
    now = std::max(now, session.deadline().value_or(now));
    return session.advance(now, random);
  }
  Step after(Duration pause) {
    now += pause;
    return session.advance(now, random);
  }
  /// Up, and the Poll Sequence that follows is over.
  Alone& come_up() {
    (void)next();
    (void)hear(State::Down);
    (void)hear(State::Init);
    EXPECT_EQ(session.state(), State::Up);
    said.state = State::Up;
    (void)hear_final();
    (void)hear(State::Up);
    EXPECT_FALSE(session.polling());
    return *this;
  }
};

}  // namespace slash32::bfd::testing
