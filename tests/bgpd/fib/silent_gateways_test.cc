// Which gateways are silent, by the events of their neighbour entries and a clock that is turned by hand.
#include "bgpd/fib/silent_gateways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const FibNextHop kGateway{*IpAddress::parse("10.0.0.1"), IfIndex{2}};

enum class Entry : std::uint8_t { Failed, Asked, Answered };

struct SilentGatewaysTest : testing::Test {
  void hear(Entry state, bool gone = false) {
    const netlink::NeighborEntry entry{.link = kGateway.oif,
                                       .address = kGateway.gateway,
                                       .failed = state == Entry::Failed,
                                       .answered = state == Entry::Answered};
    gateways.on_neighbor({.entry = entry, .gone = gone}, now);
  }
  SilentGateways::Orders due() {
    return gateways.due(now, [this](const FibNextHop&) { return in_use; });
  }
  SilentGateways::Orders wait(Duration time) {
    now += time;
    return due();
  }
  /// Seconds from an answer until the gateway is used again.
  int fail_and_answer() {
    hear(Entry::Failed);
    (void)wait(SilentGateways::kConfirm);
    EXPECT_TRUE(gateways.is_silent(kGateway));
    hear(Entry::Answered);
    for (int seconds = 0; seconds < 1000; ++seconds) {
      if (!due().found.empty()) return seconds;
      now += Seconds{1};
    }
    return -1;
  }
  SilentGateways gateways;
  Instant now{Seconds{1000}};
  bool in_use = true;
};

TEST_F(SilentGatewaysTest, AFailureCountsAMomentLater) {
  hear(Entry::Failed);
  EXPECT_THAT(due().lost, IsEmpty());
  EXPECT_FALSE(gateways.is_silent(kGateway));
  EXPECT_EQ(gateways.next_deadline(), now + SilentGateways::kConfirm);
  EXPECT_THAT(wait(SilentGateways::kConfirm).lost, ElementsAre(kGateway));
  EXPECT_TRUE(gateways.is_silent(kGateway));
  EXPECT_THAT(due().lost, IsEmpty()) << "told once";
}

TEST_F(SilentGatewaysTest, AnEntryThatIsTakenAwayByHandIsNoFailure) {
  hear(Entry::Failed);
  hear(Entry::Failed, /*gone=*/true);
  EXPECT_THAT(wait(SilentGateways::kConfirm).lost, IsEmpty());
  EXPECT_FALSE(gateways.is_silent(kGateway));
  EXPECT_EQ(gateways.next_deadline(), std::nullopt) << "and nothing of it is kept";
}

TEST_F(SilentGatewaysTest, OnlyAFailureMakesSilent) {
  hear(Entry::Asked);
  hear(Entry::Answered);
  hear(Entry::Answered, /*gone=*/true);
  EXPECT_EQ(gateways.next_deadline(), std::nullopt);
  EXPECT_TRUE(gateways.needs_failures_only());
}

TEST_F(SilentGatewaysTest, OnlyAnAnswerEndsSilence) {
  hear(Entry::Failed);
  (void)wait(SilentGateways::kConfirm);
  hear(Entry::Asked);
  hear(Entry::Failed, /*gone=*/true);  // the kernel collects what failed
  EXPECT_THAT(wait(Seconds{1}).found, IsEmpty());
  EXPECT_TRUE(gateways.is_silent(kGateway));
  EXPECT_FALSE(gateways.needs_failures_only());
  hear(Entry::Answered);
  EXPECT_THAT(due().found, ElementsAre(kGateway));
  EXPECT_FALSE(gateways.is_silent(kGateway));
  EXPECT_TRUE(gateways.needs_failures_only());
}

TEST_F(SilentGatewaysTest, TheKernelIsMadeToAskLessAndLessOften) {
  hear(Entry::Failed);
  (void)wait(SilentGateways::kConfirm);
  std::vector<long> pauses;
  for (auto last = now; pauses.size() < 6;) {
    now = *gateways.next_deadline();
    ASSERT_THAT(due().probe, ElementsAre(kGateway));
    pauses.push_back(std::chrono::duration_cast<Seconds>(now - last).count());
    last = now;
  }
  EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 8, 8, 8));
}

TEST_F(SilentGatewaysTest, WhoFailsAgainAndAgainMustAnswerForLongerEachTime) {
  std::vector<int> waits;
  for (int i = 0; i < 8; ++i) waits.push_back(fail_and_answer());
  EXPECT_THAT(waits, ElementsAre(0, 2, 4, 8, 16, 32, 64, 64));
  now += SilentGateways::kMemory;
  (void)due();
  EXPECT_EQ(fail_and_answer(), 0) << "long ago";
}

TEST_F(SilentGatewaysTest, WhileItProvesItselfItIsAskedOnAndAFailureBeginsAnew) {
  (void)fail_and_answer();
  hear(Entry::Failed);
  (void)wait(SilentGateways::kConfirm);
  hear(Entry::Answered);
  const auto asked = wait(Seconds{1});
  EXPECT_THAT(asked.probe, ElementsAre(kGateway));
  EXPECT_TRUE(gateways.is_silent(kGateway));
  hear(Entry::Failed);
  const auto later = wait(Seconds{10});
  EXPECT_THAT(later.found, IsEmpty());
  EXPECT_THAT(later.lost, IsEmpty()) << "it was silent all the time";
  hear(Entry::Answered);
  EXPECT_THAT(wait(Seconds{3}).found, IsEmpty());
  EXPECT_THAT(wait(Seconds{1}).found, ElementsAre(kGateway)) << "a third failure: four seconds";
}

TEST_F(SilentGatewaysTest, WhoHadFailedBeforeAnybodyListenedIsSilentAndAskedForAtOnce) {
  gateways.found_failed(kGateway, now);
  EXPECT_TRUE(gateways.is_silent(kGateway));
  const auto orders = due();
  EXPECT_THAT(orders.probe, ElementsAre(kGateway));
  EXPECT_THAT(orders.lost, IsEmpty()) << "no route goes there that would have to be moved";
  hear(Entry::Answered);
  EXPECT_THAT(due().found, ElementsAre(kGateway)) << "at once: it is a first failure";
}

TEST_F(SilentGatewaysTest, WhatEventsSayCountsMoreThanWhatFailedBefore) {
  EXPECT_EQ(fail_and_answer(), 0);
  gateways.found_failed(kGateway, now);
  EXPECT_FALSE(gateways.is_silent(kGateway));
}

TEST_F(SilentGatewaysTest, WhoIsNotInUseAnyMoreIsForgotten) {
  hear(Entry::Failed);
  (void)wait(SilentGateways::kConfirm);
  in_use = false;
  const auto orders = wait(Seconds{1});
  EXPECT_THAT(orders.probe, IsEmpty());
  EXPECT_FALSE(gateways.is_silent(kGateway));
  EXPECT_EQ(gateways.next_deadline(), std::nullopt);
}

TEST_F(SilentGatewaysTest, OnlyAGatewayThatIsSilentAloneMayBeTakenOutAtOnce) {
  const FibNextHop other{*IpAddress::parse("10.0.0.2"), IfIndex{2}};
  const auto fail = [&](const FibNextHop& hop) {
    gateways.on_neighbor({.entry = {.link = hop.oif, .address = hop.gateway, .failed = true}}, now);
    return wait(SilentGateways::kConfirm).only;
  };
  EXPECT_EQ(fail(kGateway), kGateway);
  now += Seconds{1};
  EXPECT_EQ(fail(other), std::nullopt) << "a group may have no other any more, whenever the first one failed";
}

}  // namespace
}  // namespace slash32::bgp
