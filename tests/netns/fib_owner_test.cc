// Whose route is it? A stranger's in our place is never overwritten, merged into or deleted; ours comes when it goes.
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using FibOwner = FibWorld;

TEST_F(FibOwner, AStrangersRouteStaysAndOursComesWhenItGoes) {
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto static metric 512");
  sh("ip -6 route add fd00:1::/64 via 2001:db8:2::1 proto static metric 512");
  const std::string before = routes("10.1.0.0/24") + routes6("fd00:1::/64");
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  const auto report = reported(fib, [](const FibReport& r) { return r.problems.size() == 2; });
  for (const auto& problem : report.problems) {
    EXPECT_THAT(problem, HasSubstr("protocol 4"));
    EXPECT_THAT(problem, HasSubstr("metric 512"));
  }
  EXPECT_EQ(fib.status().conflicts, 2U);
  EXPECT_EQ(routes("10.1.0.0/24") + routes6("fd00:1::/64"), before);
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1), hop4(2)}}, {prefix("fd00:1::/64"), {hop6(1), hop6(2)}}});
  ASSERT_TRUE(eventually([&] { return fib.status().conflicts == 2; }));
  EXPECT_EQ(routes("10.1.0.0/24") + routes6("fd00:1::/64"), before) << "neither merged nor overwritten";
  sh("ip route del 10.1.0.0/24; ip -6 route del fd00:1::/64");
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_EQ(fib.status().conflicts, 0U);
}

TEST_F(FibOwner, StrangersRoutesThatComeAndGoWakeNobodyWhereNothingIsInConflict) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  const auto strangers = [] {
    for (int i = 0; i < 10; ++i)
      sh("ip route add 10.7.0.0/24 via 192.0.2.1 proto static; ip route del 10.7.0.0/24 via 192.0.2.1 proto static");
  };
  const long before = wakes_of_others();
  strangers();
  EXPECT_LT(wakes_of_others(), before + 5);
  sh("ip route add 10.2.0.0/24 via 192.0.2.1 proto static metric 512");
  fib.apply({{prefix("10.2.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(eventually([&] { return fib.status().conflicts == 1 && !fib.status().busy; }));
  const long in_conflict = wakes_of_others();
  strangers();
  EXPECT_GE(wakes_of_others(), in_conflict + 10) << "one of them may have been in the way";
  sh("ip route del 10.2.0.0/24 via 192.0.2.1 proto static metric 512");
  ASSERT_TRUE(settled(fib, 2));
}

TEST_F(FibOwner, AWithdrawnRouteLeavesTheStrangersInItsPlace) {
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto static metric 512");
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(eventually([&] { return fib.status().conflicts == 1; }));
  fib.apply({{prefix("10.1.0.0/24"), {}}});
  ASSERT_TRUE(settled(fib, 0));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("proto 4"));
}

TEST_F(FibOwner, AnAggregateInConflictIsReportedFailedAndReadyLater) {
  sh("ip route add blackhole 10.244.1.0/24 proto static metric 128");
  sh("ip -6 route add blackhole fd00:10:244:1::/64 proto static metric 128");
  auto fib = open();
  fib.set_aggregates({prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")});
  const auto report = reported(fib, [](const FibReport& r) { return r.problems.size() == 2; });
  EXPECT_EQ(report.aggregates_failed.size(), 2U);
  EXPECT_THAT(report.aggregates_ready, IsEmpty());
  EXPECT_THAT(routes("10.244.1.0/24"), HasSubstr("proto 4"));
  sh("ip route del blackhole 10.244.1.0/24 metric 128; ip -6 route del blackhole fd00:10:244:1::/64 metric 128");
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
}

TEST_F(FibOwner, AStrangersReplacementOfOursIsNoticedAndLeftAlone) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  sh("ip route replace 10.1.0.0/24 via 192.0.2.1 proto static metric 512");
  ASSERT_TRUE(eventually([&] { return fib.status().conflicts == 1; }));
  EXPECT_FALSE(fib.installed(prefix("10.1.0.0/24")));
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1), hop4(2)}}});
  fib.audit();
  fib.apply({{prefix("10.1.0.0/24"), {}}, {prefix("10.2.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.2.1 dev up2 proto 4"));
}

TEST_F(FibOwner, AStrangersNextHopMergedIntoOurIPv6RouteSurvivesItsRemoval) {
  auto fib = open();
  fib.apply({{prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  sh("ip -6 route append fd00:1::/64 via 2001:db8:2::1 proto static metric 512");
  fib.apply({{prefix("fd00:1::/64"), {}}});
  ASSERT_TRUE(settled(fib, 0));
  EXPECT_THAT(routes6("fd00:1::/64"), HasSubstr("fd00:1::/64 via 2001:db8:2::1 dev up2 proto 4 metric 512"));
}

TEST_F(FibOwner, AStrangersRouteWithAnotherMetricIsNoConcern) {
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto static metric 100; ip route add 10.1.0.0/24 via 192.0.2.1 metric "
     "900");
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  fib.remove_all();
  EXPECT_EQ(sh("ip route show 10.1.0.0/24 | wc -l"), "2\n");
}

TEST_F(FibOwner, WhatAnotherRemovesOfOursComesBack) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  fib.set_aggregates({prefix("10.244.1.0/24")});
  ASSERT_TRUE(settled(fib, 2));
  sh("ip route flush proto 134; ip -6 route flush proto 134; ip route flush proto 133 type blackhole");
  EXPECT_TRUE(eventually(
      [] { return !routes("proto 134").empty() && !routes6("proto 134").empty() && !routes("proto 133").empty(); }));
}

TEST_F(FibOwner, ARouteOfOursThatWeDidNotKnowIsAdopted) {
  auto fib = open();
  fib.sweep();
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto 134 metric 512");
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.1.1 dev up1 proto 134"));
}

TEST_F(FibOwner, RoutesOfAnotherMetricFromAnEarlierLifeAreFoundAndSwept) {
  sh("ip route add 10.1.0.0/24 via 192.0.1.1 proto 134 metric 300");
  sh("ip -6 route add fd00:1::/64 via 2001:db8:1::1 proto 134 metric 300");
  auto fib = open();
  EXPECT_EQ(fib.found_at_start(AddressFamily::IPv4), 1U);
  EXPECT_EQ(fib.found_at_start(AddressFamily::IPv6), 1U);
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(routes("10.1.0.0/24"), Not(HasSubstr("metric 300"))) << "moved, since it is wanted elsewhere";
  EXPECT_THAT(routes6("proto 134"), HasSubstr("metric 300")) << "kept until the sweep";
  fib.sweep();
  EXPECT_TRUE(eventually([] { return routes6("proto 134 metric 300").empty(); }));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("metric 512"));
}

TEST_F(FibOwner, AfterTheSweepOfAColdStartAnUnknownRouteOfOursGoes) {
  auto fib = open();
  fib.sweep();
  fib.set_aggregates({});
  sh("ip route add 10.1.0.0/24 via 192.0.2.1 proto 134 metric 512");
  sh("ip route add blackhole 10.244.9.0/24 proto 133 metric 128");
  EXPECT_TRUE(eventually([] { return routes("proto 134").empty() && routes("proto 133").empty(); }));
}

TEST_F(FibOwner, AnAggregateThatFailedAndIsFoundInPlaceIsReportedReady) {
  auto fib = open();
  fib.set_aggregates({prefix("10.244.1.0/24")});
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 1; });
  sh("ip route replace unreachable 10.244.1.0/24 proto static metric 128");
  (void)reported(fib, [](const FibReport& r) { return !r.aggregates_failed.empty(); });
  sh("ip route replace blackhole 10.244.1.0/24 proto 133 metric 128");
  (void)reported(fib, [](const FibReport& r) { return !r.aggregates_ready.empty(); });
  EXPECT_EQ(fib.status().conflicts, 0U);
}

TEST_F(FibOwner, AnAggregateThatIsALinksOwnSubnetIsNotInstalled) {
  auto fib = open();
  fib.set_aggregates({prefix("192.0.1.0/24"), prefix("2001:db8:1::/64"), prefix("10.244.1.0/24")});
  const auto report = reported(
      fib, [](const FibReport& r) { return r.aggregates_failed.size() == 2 && r.aggregates_ready.size() == 1; });
  for (const auto& failure : report.aggregates_failed) EXPECT_THAT(failure.why, HasSubstr("protocol 2, metric"));
  EXPECT_EQ(fib.status().conflicts, 2U);
  EXPECT_THAT(routes6("proto 133"), IsEmpty());
  EXPECT_THAT(sh("ip -6 route get 2001:db8:1::77"), HasSubstr("dev up1"));
  sh("ip addr flush dev up1");
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() >= 2; });
  EXPECT_TRUE(eventually([&] { return fib.status().conflicts == 0; }));
  EXPECT_THAT(routes6("proto 133"), HasSubstr("2001:db8:1::/64"));
}

TEST_F(FibOwner, AnAggregateThatBecomesALinksOwnSubnetGivesWay) {
  auto fib = open();
  fib.set_aggregates({prefix("192.0.9.0/24"), prefix("2001:db8:9::/64")});
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
  sh("ip addr add 192.0.9.1/24 dev up1; ip addr add 2001:db8:9::1/64 dev up1 nodad");
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_failed.size() == 2; });
  EXPECT_TRUE(eventually([] { return routes("proto 133").empty() && routes6("proto 133").empty(); }));
  sh("ip link set up1 down");  // the IPv4 route goes without a word
  fib.heal({link_of(1)});
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() >= 2; });
}

}  // namespace
}  // namespace slash32::bgp
