// Routes that policy gave a metric of their own, and blackholes: written, moved, found again, swept, removed.
#include <algorithm>

#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using FibPolicyTest = FibWorld;

FibDelta with_metric(const char* p, FibNextHop hop, std::uint32_t metric) { return {prefix(p), {hop}, metric, false}; }
FibDelta discard(const char* p, std::uint32_t metric = 0) { return {prefix(p), {}, metric, true}; }

TEST_F(FibPolicyTest, MovesARouteToAnotherMetricAndBackInBothFamilies) {
  auto fib = open();
  for (const std::uint32_t metric : {0U, 700U, 300U, 0U}) {
    fib.apply({with_metric("10.1.0.0/24", hop4(1), metric), with_metric("fd00:1::/64", hop6(1), metric)});
    const auto shown = "proto 134 metric " + std::to_string(metric == 0 ? 512 : metric);
    // The new one stands, and nothing of the old one is left.
    EXPECT_TRUE(eventually([&] {
      const auto v4 = routes("10.1.0.0/24"), v6 = routes6("fd00:1::/64");
      return v4.find(shown) != std::string::npos && v6.find(shown) != std::string::npos &&
             std::ranges::count(v4, '\n') == 1 && std::ranges::count(v6, '\n') == 1;
    })) << metric
        << ": " << routes("10.1.0.0/24") << routes6("fd00:1::/64");
    EXPECT_TRUE(settled(fib, 2)) << metric;
  }
  fib.apply({{prefix("10.1.0.0/24"), {}}, {prefix("fd00:1::/64"), {}}});
  ASSERT_TRUE(settled(fib, 0));
  EXPECT_THAT(routes("proto 134") + routes6("proto 134"), IsEmpty());
}

TEST_F(FibPolicyTest, ARouteBecomesABlackholeAndARouteAgain) {
  auto fib = open();
  const std::vector<FibDelta> plain{{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}};
  fib.apply(plain);
  ASSERT_TRUE(settled(fib, 2));
  fib.apply({discard("10.1.0.0/24"), discard("fd00:1::/64")});
  ASSERT_TRUE(settled(fib, 2));
  // In numbers, 6 is a blackhole.
  EXPECT_THAT(routes("proto 134"), HasSubstr("6 10.1.0.0/24 metric 512"));
  EXPECT_THAT(routes6("proto 134"), HasSubstr("6 fd00:1::/64 dev lo metric 512"));
  EXPECT_THAT(routes("proto 134") + routes6("proto 134"), Not(HasSubstr("via")));
  fib.apply(plain);
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("proto 134"), HasSubstr("10.1.0.0/24 via 192.0.1.1 dev up1 metric 512"));
  EXPECT_THAT(routes6("proto 134"), HasSubstr("fd00:1::/64 via 2001:db8:1::1 dev up1 metric 512"));
}

TEST_F(FibPolicyTest, ARestartFindsThemAndAnAuditLeavesThemAlone) {
  const std::vector<FibDelta> wanted{with_metric("10.1.0.0/24", hop4(1), 700), discard("10.2.0.0/24", 600),
                                     discard("10.3.0.0/24"), with_metric("10.4.0.0/24", hop4(1), 512)};
  {
    auto fib = open();
    fib.apply(wanted);
    ASSERT_TRUE(settled(fib, 4));
  }
  const auto before = routes("proto 134");
  auto fib = open();
  EXPECT_EQ(fib.found_at_start(AddressFamily::IPv4), 4U);
  fib.apply(wanted);
  ASSERT_TRUE(settled(fib, 4));
  fib.sweep();
  fib.audit();
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_EQ(routes("proto 134"), before);
}

TEST_F(FibPolicyTest, WhatNobodyConfirmsIsSweptWhateverItsMetric) {
  {
    auto fib = open();
    fib.apply({with_metric("10.1.0.0/24", hop4(1), 700), discard("10.2.0.0/24", 600)});
    ASSERT_TRUE(settled(fib, 2));
  }
  auto fib = open();
  fib.sweep();
  EXPECT_TRUE(eventually([] { return routes("proto 134").empty(); })) << routes("proto 134");
}

TEST_F(FibPolicyTest, AMoveThatWasCutShortLeavesNothingBehind) {
  sh("ip route add 10.1.0.0/24 via 192.0.1.1 proto 134 metric 512");
  sh("ip route add 10.1.0.0/24 via 192.0.1.1 proto 134 metric 700");
  auto fib = open();
  fib.apply({with_metric("10.1.0.0/24", hop4(1), 700)});
  ASSERT_TRUE(settled(fib, 1));
  fib.sweep();
  EXPECT_TRUE(eventually([] {
    const auto shown = routes("10.1.0.0/24");
    return std::ranges::count(shown, '\n') == 1 && shown.find("metric 700") != std::string::npos;
  })) << routes("10.1.0.0/24");
}

TEST_F(FibPolicyTest, AStrangersRouteAtTheNewMetricIsAConflictAndTheOldOneStays) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto static metric 700");
  fib.apply({with_metric("10.1.0.0/24", hop4(1), 700)});
  (void)reported(fib, [](const FibReport& r) { return !r.problems.empty(); });
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.2.1 dev up2 proto 4 metric 700"));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("proto 134 metric 512"));
  sh("ip route del 10.1.0.0/24 via 192.0.2.1 proto static metric 700");
  EXPECT_TRUE(settled(fib, 1));
  EXPECT_TRUE(eventually([] {
    const auto shown = routes("10.1.0.0/24");
    return std::ranges::count(shown, '\n') == 1 && shown.find("metric 700") != std::string::npos;
  })) << routes("10.1.0.0/24");
}

TEST_F(FibPolicyTest, AnotherUsualMetricLeavesPolicysAlone) {
  auto fib = open();
  fib.apply({with_metric("10.1.0.0/24", hop4(1), 700), {prefix("10.2.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  FibSettings other;
  other.metric = 600;
  fib.reconfigure(other);
  EXPECT_TRUE(eventually([] {
    const auto shown = routes("proto 134");
    return std::ranges::count(shown, '\n') == 2 && shown.find("metric 600") != std::string::npos &&
           shown.find("metric 700") != std::string::npos;
  })) << routes("proto 134");
  EXPECT_TRUE(settled(fib, 2));
}

}  // namespace
}  // namespace slash32::bgp
