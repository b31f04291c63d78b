// RFC 5880 sections 6.8.1 and 6.8.4: silence.
#include <gtest/gtest.h>

#include "tests/bgpd/bfd/builders.h"

namespace slash32::bfd {
namespace {

using testing::Alone;
using testing::fast;
using testing::milliseconds;
using testing::seconds;

TEST(Rfc5880_6_8_4, TheDetectionTimeIsTheNeighborsMultiplierTimesTheSlowerPace) {
  Alone world;
  world.said.detect_multiplier = 5;
  world.come_up();
  EXPECT_EQ(world.session.detection_time(), milliseconds{250});
  world.said.desired_min_tx = milliseconds{80};
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.detection_time(), milliseconds{400});
  world.said.desired_min_tx = Microseconds{50'001};
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.detection_time(), Microseconds{250'005}) << "to the microsecond";
}

TEST(Rfc5880_6_8_4, SilenceForTheDetectionTimeEndsTheSessionAndNotAMomentLess) {
  Alone world;
  world.come_up();
  const Instant heard = world.now;
  while (world.session.deadline() < heard + milliseconds{150}) EXPECT_FALSE(world.next().change);
  EXPECT_EQ(world.session.state(), State::Up);
  world.now = heard + milliseconds{150} - std::chrono::nanoseconds{1};
  EXPECT_FALSE(world.after(Duration{0}).change);
  const auto step = world.after(std::chrono::nanoseconds{1});
  ASSERT_TRUE(step.change);
  EXPECT_EQ(step.change->to, State::Down);
  EXPECT_EQ(step.change->diagnostic, Diagnostic::ControlDetectionTimeExpired);
  EXPECT_EQ(step.change->remote.discriminator, testing::kTheirs) << "as last heard";
  EXPECT_TRUE(is_failure(*step.change));
  ASSERT_TRUE(step.packet) << "said at once";
  EXPECT_EQ(step.packet->state, State::Down);
  EXPECT_EQ(step.packet->diagnostic, Diagnostic::ControlDetectionTimeExpired);
  EXPECT_EQ(step.packet->your_discriminator, 0U) << "section 6.8.1";
}

TEST(Rfc5880_6_8_4, SilenceInInitEndsItToo) {
  Alone world;
  (void)world.hear(State::Down);
  ASSERT_EQ(world.session.state(), State::Init);
  const auto step = world.after(milliseconds{150});
  ASSERT_TRUE(step.change);
  EXPECT_EQ(step.change->to, State::Down);
  EXPECT_FALSE(is_failure(*step.change)) << "it was never up";
}

TEST(Rfc5880_6_8_1, SilenceInDownForgetsTheNeighborsDiscriminatorAndWishes) {
  Alone world;
  world.said.required_min_rx = Microseconds{0};
  (void)world.hear(State::Up);  // of a neighbor that has not seen us restart
  ASSERT_EQ(world.session.state(), State::Down);
  EXPECT_EQ(world.session.remote().discriminator, testing::kTheirs);
  const auto step = world.after(milliseconds{150});
  EXPECT_FALSE(step.change);
  EXPECT_EQ(world.session.remote().discriminator, 0U);
  EXPECT_TRUE(step.packet || world.next().packet)
      << "a neighbor that wanted silence and is gone must not silence us for good";
}

TEST(Rfc5880_6_8_4, ALongerIntervalOfTheNeighborCountsFromThePacketThatSaysIt) {
  Alone world;
  world.come_up();
  world.said.desired_min_tx = seconds{1};
  EXPECT_TRUE(world.hear_poll().answer);
  for (const Instant end = world.now + milliseconds{2999}; world.now < end;) {
    const auto due = std::min(*world.session.deadline(), end);
    EXPECT_FALSE(world.after(due - world.now).change);
  }
  EXPECT_EQ(world.session.state(), State::Up);
  EXPECT_TRUE(world.after(milliseconds{1}).change);
}

TEST(Rfc5880_6_8_4, LeavingUpForAnyReasonIsToldOnce) {
  Alone world;
  world.come_up();
  EXPECT_TRUE(world.after(milliseconds{150}).change);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(world.next().change);
}

}  // namespace
}  // namespace slash32::bfd
