// RFC 5880 sections 6.6 and 6.8.7: when packets are sent, and when not.
#include <gtest/gtest.h>

#include <random>

#include "tests/bgpd/bfd/builders.h"

namespace slash32::bfd {
namespace {

using testing::Alone;
using testing::fast;
using testing::milliseconds;
using testing::seconds;

struct Range {
  Duration least = Duration::max();
  Duration most{0};
};

/// Pauses between packets of a session that is Up, over many.
Range pauses(std::uint8_t multiplier) {
  auto settings = fast();
  settings.detect_multiplier = multiplier;
  Alone world(settings);
  std::mt19937 generator(32);
  world.random = [&generator] { return static_cast<std::uint32_t>(generator()); };
  world.come_up();
  (void)world.next();
  Range range;
  for (int i = 0; i < 5000; ++i) {
    (void)world.hear(State::Up);
    const Instant before = world.now;
    EXPECT_TRUE(world.next().packet);
    range.least = std::min(range.least, world.now - before);
    range.most = std::max(range.most, world.now - before);
  }
  return range;
}

TEST(Rfc5880_6_8_7, JitterTakesUpToAQuarterOff) {
  const auto range = pauses(3);
  EXPECT_GE(range.least, Microseconds{37'500});
  EXPECT_LT(range.least, Microseconds{38'000});
  EXPECT_LE(range.most, milliseconds{50});
  EXPECT_GT(range.most, Microseconds{49'500});
}

TEST(Rfc5880_6_8_7, WithAMultiplierOfOneAtLeastATenthIsTakenOff) {
  const auto range = pauses(1);
  EXPECT_GE(range.least, Microseconds{37'500});
  EXPECT_LE(range.most, milliseconds{45});
  EXPECT_GT(range.most, Microseconds{44'500});
}

TEST(Rfc5880_6_8_7, TheFirstPacketIsSentAtOnceAndTheNextAtTheSlowPace) {
  Alone world;
  EXPECT_EQ(*world.session.deadline(), world.now);
  EXPECT_TRUE(world.next().packet);
  EXPECT_EQ(*world.session.deadline() - world.now, seconds{1});
}

TEST(Rfc5880_6_8_7, ANeighborThatRequiresNoneIsSentNonePeriodically) {
  Alone world;
  world.come_up();
  world.said.required_min_rx = Microseconds{0};
  (void)world.hear(State::Up);
  EXPECT_EQ(world.session.transmit_interval(), Microseconds{0});
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(world.after(milliseconds{100}).packet);
    (void)world.hear(State::Up);
  }
  EXPECT_TRUE(world.hear_poll().answer) << "but its Polls are answered";
  EXPECT_EQ(world.session.state(), State::Up);
}

TEST(Rfc5880_6_8_7, AnswersToPollsDoNotDelayPeriodicPackets) {
  Alone world;
  world.come_up();
  (void)world.next();
  const auto due = *world.session.deadline();
  for (int i = 0; i < 4; ++i) {
    world.now += milliseconds{10};
    EXPECT_TRUE(world.hear_poll().answer);
  }
  EXPECT_EQ(*world.session.deadline(), due);
}

TEST(Rfc5880_6_8_7, ALateWakeUpSendsOnePacketNotAll) {
  Alone world;
  world.come_up();
  world.said.desired_min_tx = seconds{20};
  (void)world.hear(State::Up);
  EXPECT_TRUE(world.after(seconds{10}).packet);
  EXPECT_FALSE(world.after(Duration{0}).packet);
}

TEST(Rfc5880_6_6, ANeighborInDemandModeIsNotSentPeriodicPacketsWhileBothAreUp) {
  Alone world;
  world.come_up();
  world.said.demand = true;
  (void)world.hear(State::Up);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(world.after(milliseconds{100}).packet);
    (void)world.hear(State::Up);
  }
  EXPECT_TRUE(world.hear_poll().answer) << "by which it looks after us";
  EXPECT_TRUE(world.after(milliseconds{150}).change) << "we are not in Demand mode: its silence is a failure";
}

TEST(Rfc5880_6_6, DemandOfANeighborThatIsNotUpCountsForNothing) {
  Alone world;
  world.said.demand = true;
  (void)world.hear(State::Down);
  EXPECT_TRUE(world.after(seconds{1}).packet);
}

TEST(Rfc5880_6_6, APollOfOursIsSentUnderDemandAndSilenceFollowsItsFinal) {
  Alone world;
  world.come_up();
  world.said.demand = true;
  (void)world.hear(State::Up);
  auto settings = fast();
  settings.desired_min_tx = milliseconds{100};
  EXPECT_TRUE(world.configure(settings).packet->poll);
  (void)world.hear(State::Up);
  EXPECT_TRUE(world.next().packet->poll) << "again, until it is answered";
  (void)world.hear_final();
  EXPECT_FALSE(world.after(milliseconds{100}).packet);
}

TEST(Rfc5880_6_6, WhenDemandEndsPeriodicPacketsAreSentAgain) {
  Alone world;
  world.come_up();
  world.said.demand = true;
  (void)world.hear(State::Up);
  (void)world.after(milliseconds{100});
  world.said.demand = false;
  (void)world.hear(State::Up);
  EXPECT_EQ(*world.session.deadline(), world.now) << "overdue";
}

}  // namespace
}  // namespace slash32::bfd
