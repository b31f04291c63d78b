// RFC 5880 section 6.8.6: which packets are discarded, in which order, and what the others do to the state.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/bgpd/bfd/builders.h"

namespace slash32::bfd {
namespace {

using testing::Alone;
using testing::kOurs;
using testing::kTheirs;

using Wire = std::vector<std::uint8_t>;

Wire good() {
  const auto bytes =
      encode({.state = State::Up, .detect_multiplier = 3, .my_discriminator = 1, .your_discriminator = 2});
  return {bytes.begin(), bytes.end()};
}

struct Fault {
  const char* name;
  std::function<void(Wire&)> make;
  Reject reason;
  std::uint32_t found;
};

/// In the order of the RFC's checks.
const std::vector<Fault>& faults() {
  static const std::vector<Fault> kFaults = {
      {"version", [](Wire& w) { w[0] = 0x40; }, Reject::Version, 2},
      {"length below the minimum", [](Wire& w) { w[3] = 23; }, Reject::Length, 23},
      {"multiplier", [](Wire& w) { w[2] = 0; }, Reject::DetectMultiplier, 0},
      {"multipoint", [](Wire& w) { w[1] |= 0x01; }, Reject::Multipoint, 1},
      {"my discriminator", [](Wire& w) { w[7] = 0; }, Reject::MyDiscriminator, 0},
      {"your discriminator", [](Wire& w) { w[11] = 0; }, Reject::YourDiscriminator, 3},
  };
  return kFaults;
}

TEST(Rfc5880_6_8_6, EachFaultIsNamed) {
  ASSERT_TRUE(decode(good()));
  for (const auto& fault : faults()) {
    Wire wire = good();
    fault.make(wire);
    EXPECT_EQ(decode(wire), std::unexpected(Rejection{fault.reason, fault.found})) << fault.name;
  }
}

TEST(Rfc5880_6_8_6, OfTwoFaultsTheFirstCheckSpeaks) {
  for (std::size_t first = 0; first < faults().size(); ++first) {
    for (std::size_t second = first + 1; second < faults().size(); ++second) {
      Wire wire = good();
      faults()[second].make(wire);
      faults()[first].make(wire);
      const auto packet = decode(wire);
      ASSERT_FALSE(packet);
      EXPECT_EQ(packet.error().reason, faults()[first].reason) << faults()[first].name << ", " << faults()[second].name;
    }
  }
}

TEST(Rfc5880_6_8_6, ALengthBeyondTheDatagramIsDiscardedAndOctetsBehindItAreIgnored) {
  Wire wire = good();
  wire[3] = 25;
  EXPECT_EQ(decode(wire), std::unexpected(Rejection{Reject::Length, 25}));
  wire.push_back(0xff);
  EXPECT_TRUE(decode(wire)) << "25 octets are there";
  wire[3] = 24;
  EXPECT_TRUE(decode(wire));
}

TEST(Rfc5880_6_8_6, AnAuthenticatedPacketHasAtLeast26OctetsAndIsRefusedWithoutConfiguredAuthentication) {
  Wire wire = good();
  wire[1] |= 0x04;
  EXPECT_EQ(decode(wire), std::unexpected(Rejection{Reject::Length, 24}));
  wire.insert(wire.end(), {1, 2});
  wire[3] = 26;
  EXPECT_EQ(decode(wire), std::unexpected(Rejection{Reject::Authentication, 1}));
  wire[11] = 0;
  EXPECT_EQ(decode(wire).error().reason, Reject::YourDiscriminator) << "the earlier check";
}

TEST(Rfc5880_6_8_6, YourDiscriminatorMayBeZeroInDownAndAdminDownOnly) {
  for (const auto& [state, taken] : {std::pair{State::AdminDown, true}, std::pair{State::Down, true},
                                     std::pair{State::Init, false}, std::pair{State::Up, false}})
    EXPECT_EQ(decode(encode({.state = state, .detect_multiplier = 3, .my_discriminator = 1})).has_value(), taken);
}

TEST(Rfc5880_6_8_6, ARejectionSaysTheFieldAndWhatWasFound) {
  EXPECT_EQ(to_string(Rejection{Reject::Version, 2}), "Version is 2, expected 1");
  EXPECT_EQ(to_string(Rejection{Reject::YourDiscriminator, 3}), "Your Discriminator is 0 in state Up");
  EXPECT_EQ(to_string(Rejection{Reject::HopLimit, 254}), "TTL or Hop Limit is 254, expected 255");
}

// ---------------------------------------------------------------- the state machine (section 6.2)

/// A session brought to a state.
Alone in(State state) {
  if (state == State::AdminDown) {
    auto settings = testing::fast();
    settings.enabled = false;
    return Alone(settings);
  }
  Alone world;
  (void)world.next();
  if (state == State::Down) return world;
  (void)world.hear(State::Down);
  if (state == State::Up) (void)world.hear(State::Up);
  EXPECT_EQ(world.session.state(), state);
  return world;
}

TEST(Rfc5880_6_8_6, EveryStateAndEveryReceivedStateGiveTheNext) {
  using enum State;
  struct Row {
    State own, received, next;
  };
  constexpr Row kRows[] = {
      {AdminDown, AdminDown, AdminDown},
      {AdminDown, Down, AdminDown},
      {AdminDown, Init, AdminDown},
      {AdminDown, Up, AdminDown},
      {Down, AdminDown, Down},
      {Down, Down, Init},
      {Down, Init, Up},
      {Down, Up, Down},
      {Init, AdminDown, Down},
      {Init, Down, Init},
      {Init, Init, Up},
      {Init, Up, Up},
      {Up, AdminDown, Down},
      {Up, Down, Down},
      {Up, Init, Up},
      {Up, Up, Up},
  };
  for (const auto& row : kRows) {
    Alone world = in(row.own);
    const auto step = world.hear(row.received);
    EXPECT_EQ(world.session.state(), row.next) << to_string(row.own) << " hears " << to_string(row.received);
    EXPECT_EQ(step.change.has_value(), row.own != row.next);
    if (!step.change) continue;
    EXPECT_EQ(step.change->from, row.own);
    EXPECT_EQ(step.change->to, row.next);
    const bool down = row.next == Down;
    EXPECT_EQ(step.change->diagnostic, down ? Diagnostic::NeighborSignaledSessionDown : Diagnostic::None);
    ASSERT_TRUE(step.packet) << "a change of state is said at once (section 6.8.7)";
    EXPECT_EQ(step.packet->state, row.next);
    EXPECT_EQ(step.packet->your_discriminator, kTheirs);
  }
}

TEST(Rfc5880_6_8_6, ASessionThatWentDownStaysSoUntilTheNeighborHasSeenIt) {
  Alone world = in(State::Up);
  (void)world.hear(State::Down);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(world.hear(State::Up).change);
    EXPECT_EQ(world.session.state(), State::Down);
  }
  EXPECT_EQ(world.hear(State::Down).change->to, State::Init);
}

TEST(Rfc5880_6_8_6, APollIsAnsweredWithFinalInEveryStateButAdminDown) {
  for (const State state : {State::Down, State::Init, State::Up}) {
    Alone world = in(state);
    world.said.state = state == State::Down ? State::Up : state;  // brings no change
    world.said.poll = true;
    const auto step = world.session.receive(world.said, world.now, world.random);
    ASSERT_TRUE(step.answer) << to_string(state);
    EXPECT_TRUE(step.answer->final);
    EXPECT_FALSE(step.answer->poll);
  }
  Alone world = in(State::AdminDown);
  world.said.poll = true;
  const auto step = world.hear(State::Up);
  EXPECT_FALSE(step.answer || step.packet) << "discarded";
}

TEST(Rfc5880_6_8_6, WhatWeSendHasNoCNoDNoAuthenticationAndNoEcho) {
  Alone world = in(State::Up);
  world.said.demand = world.said.control_plane_independent = true;
  world.said.required_min_echo_rx = Microseconds{50'000};
  const auto step = world.hear_poll();
  ASSERT_TRUE(step.answer);
  EXPECT_FALSE(step.answer->demand || step.answer->control_plane_independent);
  EXPECT_EQ(step.answer->required_min_echo_rx, Microseconds{0});
  EXPECT_EQ(step.answer->my_discriminator, kOurs);
  EXPECT_TRUE(world.session.remote().control_plane_independent) << "kept, for RFC 5882 section 4.3";
}

}  // namespace
}  // namespace slash32::bfd
