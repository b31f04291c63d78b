// RFC 5880 sections 6.5, 6.8.2 and 6.8.3: what the two ends agree on, and Poll Sequences for changes of it.
#include <gtest/gtest.h>

#include "tests/bgpd/bfd/builders.h"

namespace slash32::bfd {
namespace {

using testing::Alone;
using testing::fast;
using testing::milliseconds;
using testing::seconds;

TEST(Rfc5880_6_8_3, WhileNotUpWeSayAtLeastOneSecond) {
  Alone world;
  EXPECT_EQ(world.next().packet->desired_min_tx, seconds{1});
  EXPECT_EQ(world.hear(State::Down).packet->desired_min_tx, seconds{1});
  EXPECT_EQ(world.session.transmit_interval(), seconds{1});
  EXPECT_EQ(world.session.detection_time(), milliseconds{150}) << "but what we take is as configured";
}

TEST(Rfc5880_6_8_3, ComingUpBeginsAPollWithTheConfiguredIntervalWhichIsUsedAtOnce) {
  Alone world;
  (void)world.hear(State::Down);
  const auto step = world.hear(State::Init);
  EXPECT_TRUE(step.packet->poll);
  EXPECT_EQ(step.packet->desired_min_tx, milliseconds{50});
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50});
}

TEST(Rfc5880_6_8_3, TheSlowerOfBothEndsSetsThePace) {
  Alone world;
  world.come_up();
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50});
  world.said.required_min_rx = milliseconds{200};
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{200});
  world.said.required_min_rx = milliseconds{10};
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50});
}

TEST(Rfc5880_6_8_3, PollStaysSetUntilFinal) {
  Alone world;
  (void)world.hear(State::Down);
  (void)world.hear(State::Init);
  for (int i = 0; i < 3; ++i) {
    (void)world.hear(State::Up);
    EXPECT_TRUE(world.next().packet->poll);
  }
  (void)world.hear_final();
  EXPECT_FALSE(world.next().packet->poll);
}

TEST(Rfc5880_6_8_3, ALongerTransmitIntervalIsUsedOnlyAfterFinal) {
  Alone world;
  world.come_up();
  auto settings = fast();
  settings.desired_min_tx = milliseconds{300};
  const auto step = world.configure(settings);
  ASSERT_TRUE(step.packet);
  EXPECT_TRUE(step.packet->poll);
  EXPECT_EQ(step.packet->desired_min_tx, milliseconds{300});
  EXPECT_FALSE(step.change);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50});
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50}) << "no Final yet";
  (void)world.hear_final();
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{300});
}

TEST(Rfc5880_6_8_3, AShorterReceiveIntervalIsUsedForDetectionOnlyAfterFinal) {
  auto settings = fast();
  settings.required_min_rx = milliseconds{400};
  Alone world(settings);
  world.come_up();
  EXPECT_EQ(world.session.detection_time(), milliseconds{1200});
  const auto step = world.configure(fast());
  EXPECT_TRUE(step.packet->poll);
  EXPECT_EQ(step.packet->required_min_rx, milliseconds{50});
  EXPECT_EQ(world.session.detection_time(), milliseconds{1200});
  (void)world.hear_final();
  EXPECT_EQ(world.session.detection_time(), milliseconds{150});
}

TEST(Rfc5880_6_8_3, ShorterTransmitAndLongerReceiveIntervalsAreUsedAtOnceAndPolled) {
  auto settings = fast();
  settings.desired_min_tx = milliseconds{300};
  Alone world(settings);
  world.come_up();
  settings.desired_min_tx = milliseconds{100};
  settings.required_min_rx = milliseconds{200};
  EXPECT_TRUE(world.configure(settings).packet->poll);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{100});
  EXPECT_EQ(world.session.detection_time(), milliseconds{600});
}

TEST(Rfc5880_6_8_3, AShorterReceiveIntervalOfTheNeighborIsHonoredFromTheLastPacketOn) {
  Alone world;
  world.come_up();
  world.said.required_min_rx = seconds{2};
  world.said.desired_min_tx = seconds{2};
  (void)world.hear(State::Up);
  (void)world.next();
  world.now += milliseconds{30};
  world.said.required_min_rx = milliseconds{50};
  (void)world.hear(State::Up);
  EXPECT_EQ(*world.session.deadline() - world.now, milliseconds{20}) << "50 ms after the last packet, not from now";
  world.said.required_min_rx = seconds{2};
  (void)world.hear(State::Up);
  world.now += seconds{1};
  world.said.required_min_rx = milliseconds{50};
  (void)world.hear(State::Up);
  EXPECT_EQ(*world.session.deadline(), world.now) << "overdue: as soon as practicable";
}

TEST(Rfc5880_6_8_3, ASecondChangeWaitsForTheFirstPollAndAPacketWithoutFinal) {
  Alone world;
  world.come_up();
  auto settings = fast();
  settings.desired_min_tx = milliseconds{300};
  (void)world.configure(settings);
  settings.desired_min_tx = milliseconds{600};
  EXPECT_FALSE(world.configure(settings).packet) << "its Final could not be told from the first's";
  (void)world.hear(State::Up);
  EXPECT_EQ(world.next().packet->desired_min_tx, milliseconds{300});
  EXPECT_FALSE(world.hear_final().packet);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{300});
  EXPECT_FALSE(world.hear_final().packet) << "a late copy of the first's Final";
  const auto step = world.hear(State::Up);
  ASSERT_TRUE(step.packet);
  EXPECT_TRUE(step.packet->poll);
  EXPECT_EQ(step.packet->desired_min_tx, milliseconds{600});
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{300});
  (void)world.hear_final();
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{600});
}

TEST(Rfc5880_6_8_3, AChangeThatIsTakenBackBeforeItsTurnIsNeverSaid) {
  Alone world;
  world.come_up();
  auto first = fast();
  first.desired_min_tx = milliseconds{300};
  (void)world.configure(first);
  auto second = fast();
  second.desired_min_tx = milliseconds{600};
  (void)world.configure(second);
  (void)world.configure(first);
  (void)world.hear_final();
  EXPECT_FALSE(world.hear(State::Up).packet);
  EXPECT_FALSE(world.session.polling());
}

TEST(Rfc5880_6_8_3, GoingDownIsSlowAtOnceWhateverPollWasOn) {
  Alone world;
  world.come_up();
  auto settings = fast();
  settings.desired_min_tx = milliseconds{300};
  (void)world.configure(settings);
  const auto step = world.hear(State::Down);
  EXPECT_EQ(step.packet->desired_min_tx, seconds{1});
  EXPECT_EQ(world.session.transmit_interval(), seconds{1});
}

TEST(Rfc5880_6_8_3, GoingDownInAPollForTheSamePaceAsDownHasIsSlowAtOnceToo) {
  Alone world;
  world.come_up();
  auto settings = fast();
  settings.desired_min_tx = seconds{2};
  (void)world.configure(settings);
  EXPECT_EQ(world.session.transmit_interval(), milliseconds{50});
  (void)world.hear(State::Down);
  EXPECT_EQ(world.session.transmit_interval(), seconds{2});
}

TEST(Rfc5880_6_8_3, AFinalThatNobodyAskedForDoesNothing) {
  Alone world;
  world.come_up();
  const auto step = world.hear_final();
  EXPECT_FALSE(step.answer || step.packet || step.change);
}

TEST(Rfc5880_6_8_12, ANewDetectMultiplierIsSaidAtOnceWithoutAPoll) {
  Alone world;
  world.come_up();
  auto settings = fast();
  settings.detect_multiplier = 7;
  const auto step = world.configure(settings);
  ASSERT_TRUE(step.packet);
  EXPECT_EQ(step.packet->detect_multiplier, 7);
  EXPECT_FALSE(step.packet->poll);
  EXPECT_EQ(world.session.detection_time(), milliseconds{150}) << "which is the neighbor's multiplier";
}

TEST(Settings, OutOfRangeIsRefusedByName) {
  EXPECT_TRUE(check(fast()));
  auto settings = fast();
  settings.desired_min_tx = Microseconds{9'999};
  EXPECT_EQ(check(settings).error().message,
            "desired minimum TX interval is 9999 microseconds, expected 10000 to 60000000");
  settings = fast();
  settings.required_min_rx = seconds{61};
  EXPECT_EQ(check(settings).error().message,
            "required minimum RX interval is 61000000 microseconds, expected 10000 to 60000000");
  settings = fast();
  settings.detect_multiplier = 0;
  EXPECT_EQ(check(settings).error().message, "detect multiplier is 0, expected 1 to 255");
}

}  // namespace
}  // namespace slash32::bfd
