// The clocks of a start, with time turned by hand.
#include <gtest/gtest.h>

#include "bgpd/start_clocks.h"

namespace slash32::bgp {
namespace {

constexpr auto v4 = AddressFamily::IPv4;
constexpr auto v6 = AddressFamily::IPv6;
const Instant t0{};

TEST(StartClocks, AColdStartDefersAndSweepsNothing) {
  StartClocks clocks(false, Seconds{120}, t0);
  clocks.expect({1});
  EXPECT_FALSE(clocks.deferring(t0));
  EXPECT_FALSE(clocks.take_sweep(t0 + Seconds{500}));
  EXPECT_TRUE(clocks.finished());
  EXPECT_EQ(clocks.next_deadline(), std::nullopt);
}

TEST(StartClocks, AWarmStartDefersUntilEveryRestartingAwarePeerThatIsUpHasSentEndOfRib) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({1, 2});
  EXPECT_TRUE(clocks.deferring(t0 + Seconds{60}));  // nobody is up: nothing to select either
  clocks.session_up(1, true, {v4, v6}, t0);
  clocks.session_up(2, true, {v4}, t0);
  clocks.end_of_rib(1, v4);
  clocks.end_of_rib(2, v4);
  EXPECT_TRUE(clocks.deferring(t0 + Seconds{1}));
  clocks.end_of_rib(1, v6);
  EXPECT_FALSE(clocks.deferring(t0 + Seconds{1}));
}

TEST(StartClocks, DeferralEndsFiveSecondsAfterTheFirstSession) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({1});
  clocks.session_up(1, true, {v4}, t0 + Seconds{20});
  EXPECT_EQ(clocks.next_deadline(), t0 + Seconds{25});
  EXPECT_TRUE(clocks.deferring(t0 + Seconds{24}));
  EXPECT_FALSE(clocks.deferring(t0 + Seconds{25}));
}

TEST(StartClocks, ASessionWithoutGracefulRestartIsNotWaitedFor) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.session_up(1, false, {v4}, t0);
  EXPECT_FALSE(clocks.deferring(t0));
}

// RFC 4724 section 4.1 (a): "excluding the ones with the Restart State bit set".
TEST(StartClocks, APeerThatRestartsItselfIsNotWaitedForButItsEndOfRibStillSweeps) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({1});
  clocks.session_up(1, true, {v4}, t0, true);
  EXPECT_FALSE(clocks.deferring(t0));
  EXPECT_FALSE(clocks.take_sweep(t0 + Seconds{1}));
  clocks.end_of_rib(1, v4);
  EXPECT_TRUE(clocks.take_sweep(t0 + Seconds{2}));
}

TEST(StartClocks, SweepsWhenAllExpectedNeighboursHaveSentEndOfRib) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({1, 2});
  clocks.session_up(1, true, {v4}, t0);
  clocks.end_of_rib(1, v4);
  EXPECT_FALSE(clocks.deferring(t0));
  EXPECT_FALSE(clocks.take_sweep(t0 + Seconds{10})) << "neighbour 2 has not spoken yet";
  clocks.session_up(2, true, {v4}, t0 + Seconds{10});
  clocks.end_of_rib(2, v4);
  EXPECT_TRUE(clocks.take_sweep(t0 + Seconds{10}));
  EXPECT_FALSE(clocks.take_sweep(t0 + Seconds{10})) << "once";
  EXPECT_TRUE(clocks.finished());
}

TEST(StartClocks, NeverSweepsMerelyBecauseNobodyIsConnected) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({});
  EXPECT_FALSE(clocks.take_sweep(t0 + Seconds{119}));
}

TEST(StartClocks, SweepsAtTheRestartTimeEvenWhenNobodyEverCame) {
  StartClocks clocks(true, Seconds{120}, t0);
  clocks.expect({1});
  EXPECT_TRUE(clocks.take_sweep(t0 + Seconds{120}));
  EXPECT_TRUE(clocks.finished()) << "with nobody up there is nothing whose selection could wait";
}

}  // namespace
}  // namespace slash32::bgp
