// Two engines over a bad network: what must hold whatever it does. Each property over many seeds.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/bgpd/bfd/network.h"

namespace slash32::bfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Network;

const Settings kFast = {.desired_min_tx = milliseconds{50}, .required_min_rx = milliseconds{50}};
constexpr unsigned kSeeds = 100;

TEST(TwoEngines, ComeUpAndAgreeOnTheConfiguredPace) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Network net(seed, kFast, kFast);
    net.run(seconds{4});
    ASSERT_TRUE(net.both_up()) << "seed " << seed;
    for (int side = 0; side < 2; ++side) {
      EXPECT_FALSE(net.session(side).polling());
      EXPECT_EQ(net.session(side).transmit_interval(), milliseconds{50});
      EXPECT_EQ(net.session(side).detection_time(), milliseconds{150});
    }
  }
}

TEST(TwoEngines, DoNotFlapUnderJitterAndDelayAt50MsTimes3) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Network net(seed, kFast, kFast);
    net.run(seconds{4});
    ASSERT_TRUE(net.both_up()) << "seed " << seed;
    // Two packets in a row may be 50 ms apart and the second 40 ms late: within 150 ms.
    for (auto& line : net.lines) line = {.most = milliseconds{40}, .reorders = true, .last = line.last};
    net.run(seconds{60});
    ASSERT_EQ(net.failures(), 0) << "seed " << seed;
  }
}

TEST(TwoEngines, ASideThatStopsIsNoticedWithinTheDetectionTime) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Network net(seed, kFast, kFast);
    for (auto& line : net.lines) line.loss = 0.1;
    net.run(milliseconds{seed * 7});
    ASSERT_TRUE(net.come_up()) << "seed " << seed;  // three in a row are lost now and then
    const int dead = static_cast<int>(seed % 2), alive = 1 - dead;
    net.stopped.at(dead) = true;
    // What is under way still arrives, and counts.
    net.run(milliseconds{150} + net.lines.at(dead).most);
    ASSERT_NE(net.session(alive).state(), State::Up) << "seed " << seed;
    net.run(seconds{10});
    ASSERT_EQ(net.session(alive).state(), State::Down) << "seed " << seed;
    net.stopped.at(dead) = false;
    ASSERT_TRUE(net.come_up()) << "seed " << seed;
  }
}

TEST(TwoEngines, ALineThatIsCutOneWayIsDownAtBothEnds) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Network net(seed, kFast, kFast);
    net.run(seconds{4});
    ASSERT_TRUE(net.both_up());
    net.lines[0].cut = true;
    net.run(milliseconds{150} + net.lines[0].most + net.lines[1].most);
    ASSERT_NE(net.session(1).state(), State::Up) << "seed " << seed << ": it hears nothing";
    ASSERT_NE(net.session(0).state(), State::Up) << "seed " << seed << ": it is told so";
    net.run(seconds{10});
    ASSERT_FALSE(net.session(0).state() == State::Up || net.session(1).state() == State::Up) << "seed " << seed;
    net.lines[0].cut = false;
    net.run(seconds{5});
    ASSERT_TRUE(net.both_up()) << "seed " << seed;
  }
}

TEST(TwoEngines, ChangesOfIntervalsNeverFlapWhateverIsLostOrLate) {
  // In order: a packet of before the Poll that arrives behind it brings the old interval back, and nobody can tell.
  constexpr int kIntervals[] = {50, 100, 300, 1500};
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    std::mt19937 chance(seed);
    const auto pick = [&] { return milliseconds{kIntervals[chance() % 4]}; };
    Settings settings = kFast;
    settings.detect_multiplier = 10;  // a lossy line: ten in a row are never lost here
    Network net(seed, settings, settings);
    net.run(seconds{4});
    ASSERT_TRUE(net.both_up());
    for (auto& line : net.lines) line = {.loss = 0.1, .most = milliseconds{60}, .last = line.last};
    for (int i = 0; i < 30; ++i) {
      settings.desired_min_tx = pick();
      settings.required_min_rx = pick();
      net.configure(static_cast<int>(chance() % 2), settings);
      net.run(milliseconds{chance() % 1000});
    }
    ASSERT_EQ(net.failures(), 0) << "seed " << seed;
    net.run(seconds{60});
    for (int side = 0; side < 2; ++side) {
      const auto& us = net.session(side);
      const auto& them = net.session(1 - side);
      ASSERT_FALSE(us.polling()) << "seed " << seed;
      ASSERT_EQ(us.transmit_interval(), std::max(us.settings().desired_min_tx, them.settings().required_min_rx));
      ASSERT_EQ(us.detection_time(), 10 * them.transmit_interval());
      ASSERT_EQ(us.remote_detection_time(), them.detection_time());
    }
  }
}

TEST(TwoEngines, AdminDownIsNoFailureAtEitherEnd) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Network net(seed, kFast, kFast);
    net.run(seconds{4});
    ASSERT_TRUE(net.both_up());
    Settings off = kFast;
    off.enabled = false;
    net.configure(0, off);
    net.run(seconds{10});
    ASSERT_EQ(net.session(0).state(), State::AdminDown);
    ASSERT_EQ(net.session(1).state(), State::Down);
    ASSERT_EQ(net.session(1).remote().state, State::AdminDown);
    ASSERT_EQ(net.failures(), 0);
    net.configure(0, kFast);
    net.run(seconds{5});
    ASSERT_TRUE(net.both_up()) << "seed " << seed;
  }
}

TEST(TwoEngines, TheSlowestSettingsWorkToo) {
  const Settings slow = {.desired_min_tx = kMaxInterval, .required_min_rx = kMaxInterval, .detect_multiplier = 255};
  Network net(1, slow, kFast);
  net.run(std::chrono::minutes{10});
  ASSERT_TRUE(net.both_up());
  net.run(std::chrono::hours{2});
  EXPECT_EQ(net.failures(), 0);
}

}  // namespace
}  // namespace slash32::bfd
