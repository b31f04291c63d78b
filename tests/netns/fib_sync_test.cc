// Desired state in, kernel state out: what is written, kept over a restart, limited, changed and removed.
#include <sys/wait.h>
#include <unistd.h>

#include "common/netlink/monitor.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using FibSyncTest = FibWorld;

TEST_F(FibSyncTest, InstallsWithProtocolMetricAndTableInBothFamilies) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("10.1.0.0/24 via 192.0.1.1 dev up1 proto 134 metric 512"));
  EXPECT_THAT(routes6("fd00:1::/64"), HasSubstr("fd00:1::/64 via 2001:db8:1::1 dev up1 proto 134 metric 512"));
  EXPECT_TRUE(fib.installed(prefix("10.1.0.0/24")));
  fib.apply({{prefix("10.1.0.0/24"), {}}, {prefix("fd00:1::/64"), {}}});
  ASSERT_TRUE(settled(fib, 0));
  EXPECT_THAT(routes("proto 134") + routes6("proto 134"), IsEmpty());
}

TEST_F(FibSyncTest, InstallsMultipathAndShrinksItInPlace) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1), hop4(2)}}, {prefix("fd00:1::/64"), {hop6(1), hop6(2)}}});
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("nexthop via 192.0.2.1 dev up2"));
  EXPECT_THAT(routes6("fd00:1::/64"), HasSubstr("nexthop via 2001:db8:2::1 dev up2"));
  fib.apply({{prefix("10.1.0.0/24"), {hop4(2)}}, {prefix("fd00:1::/64"), {hop6(2)}}});
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("10.1.0.0/24 via 192.0.2.1 dev up2 proto 134 metric 512"));
  EXPECT_THAT(routes6("fd00:1::/64"), HasSubstr("fd00:1::/64 via 2001:db8:2::1 dev up2 proto 134 metric 512"));
  fib.apply({{prefix("10.1.0.0/24"), {hop4(2), hop4(1), hop4(1, 7)}}, {prefix("fd00:1::/64"), {hop6(2), hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  fib.apply({{prefix("10.1.0.0/24"), {}}, {prefix("fd00:1::/64"), {}}});
  ASSERT_TRUE(settled(fib, 0));
  EXPECT_THAT(routes("proto 134") + routes6("proto 134"), IsEmpty());
}

TEST_F(FibSyncTest, AggregatesAreReadyOnceTheirBlackholesStand) {
  auto fib = open();
  fib.set_aggregates({prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")});
  const auto report = reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
  EXPECT_THAT(report.problems, IsEmpty());
  // In numbers, 6 is a blackhole.
  EXPECT_THAT(routes("10.244.1.0/24"), HasSubstr("6 10.244.1.0/24 proto 133 metric 128"));
  EXPECT_THAT(routes6("fd00:10:244:1::/64"), HasSubstr("6 fd00:10:244:1::/64 dev lo proto 133 metric 128"));
  fib.set_aggregates({prefix("10.244.1.0/24")});
  EXPECT_TRUE(eventually([] { return routes6("proto 133").empty(); }));
  EXPECT_THAT(routes("proto 133"), HasSubstr("10.244.1.0/24"));
}

TEST_F(FibSyncTest, ARestartTouchesNothingThatIsStillWanted) {
  const std::vector<FibDelta> wanted{{prefix("10.1.0.0/24"), {hop4(1)}},
                                     {prefix("10.2.0.0/24"), {hop4(1), hop4(2)}},
                                     {prefix("fd00:1::/64"), {hop6(1)}},
                                     {prefix("fd00:2::/64"), {hop6(2), hop6(1)}}};
  const std::vector<Prefix> aggregates{prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")};
  {
    auto fib = open();
    fib.apply(wanted);
    fib.set_aggregates(aggregates);
    (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
    ASSERT_TRUE(settled(fib, 4));
  }
  const std::string before = routes("") + routes6("");
  auto monitor = netlink::Monitor::open({.routes = true});
  ASSERT_TRUE(monitor);
  auto fib = open();
  EXPECT_EQ(fib.found_at_start(AddressFamily::IPv4), 2U);
  EXPECT_EQ(fib.found_at_start(AddressFamily::IPv6), 2U);
  EXPECT_TRUE(fib.status().stale_marked);
  EXPECT_EQ(fib.status().stale, 4U);
  fib.apply(wanted);
  fib.set_aggregates(aggregates);
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
  ASSERT_TRUE(settled(fib, 4));
  fib.sweep();
  ASSERT_TRUE(eventually([&] { return !fib.status().stale_marked; }));
  fib.audit();
  sh("ip route add 172.16.0.0/24 via 192.0.1.1");  // the end of what is listened to
  ASSERT_TRUE(settled(fib, 4));
  int heard = 0;
  ASSERT_TRUE(monitor->read(1000, [&](const netlink::Event&) { ++heard; }));
  EXPECT_EQ(heard, 1) << "a route was written that stood already";
  sh("ip route del 172.16.0.0/24");
  EXPECT_EQ(routes("") + routes6(""), before);
}

TEST_F(FibSyncTest, ARestartReplacesWhatDiffersAndSweepsWhatNobodyConfirmed) {
  {
    auto fib = open();
    fib.apply(
        {{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("10.2.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
    ASSERT_TRUE(settled(fib, 3));
  }
  sh("ip route add 10.9.0.0/24 via 192.0.1.1 proto 134 metric 77");  // of a life with another metric
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(2)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.2.1"));
  EXPECT_THAT(routes("10.2.0.0/24"), HasSubstr("via 192.0.1.1")) << "kept until the sweep";
  fib.sweep();
  EXPECT_TRUE(eventually(
      [] { return routes("10.2.0.0/24").empty() && routes6("fd00:1::/64").empty() && routes("10.9.0.0/24").empty(); }));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.2.1"));
}

TEST_F(FibSyncTest, RoutesSurviveTheProcessThatWroteThem) {
  const auto wanted = std::vector<FibDelta>{{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}};
  const pid_t child = ::fork();
  if (child == 0) {
    auto fib = FibSync::open({});
    if (fib) fib->apply(wanted);
    ::pause();
  }
  EXPECT_TRUE(eventually([] { return !routes("10.1.0.0/24").empty() && !routes6("fd00:1::/64").empty(); }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.1.1"));
  auto fib = open();
  EXPECT_EQ(fib.status().stale, 2U);
}

TEST_F(FibSyncTest, AFewRoutesAtRestStandWhenTheOrderReturnsAndWakeNobody) {
  auto fib = open();
  int number = 0, at_once = 0;
  const auto order = [&](bool wanted) {
    const auto net = prefix("10.1." + std::to_string(number % 250) + ".0/24");
    fib.apply({{net, wanted ? std::vector{hop4(1)} : std::vector<FibNextHop>{}}});
    at_once += fib.installed(net) == wanted ? 1 : 0;
    return eventually([&] { return !fib.status().busy && fib.installed(net) == wanted; });
  };
  // A machine may be slow once, and then the worker has them for a while; by the worker each would be a wake-up.
  EXPECT_TRUE(eventually([&] {
    at_once = 0;
    const long before = wakes_of_others();
    for (int i = 0; i < 20; ++i, ++number)
      if (!order(true) || !order(false)) return false;
    return at_once == 40 && wakes_of_others() < before + 10;
  })) << at_once
      << " of 40 stood, or were gone, at once";
}

TEST_F(FibSyncTest, AFewThatTheKernelRefusesAreTheWorkersToTryAgain) {
  auto fib = open();
  const FibNextHop unreachable{ip("198.51.100.1"), link_of(1)};
  fib.apply({{prefix("10.1.0.0/24"), {unreachable}}, {prefix("10.2.0.0/24"), {hop4(2)}}});
  (void)reported(fib, [](const FibReport& r) { return r.problems.size() == 1; });
  EXPECT_TRUE(eventually([&] { return fib.status().installed == 1; }));
  sh("ip route add 198.51.100.0/24 dev up1 proto static");  // a stranger's, which is not listened for
  EXPECT_TRUE(settled(fib, 2));
}

TEST_F(FibSyncTest, BeyondTheLimitNothingMoreIsInstalled) {
  auto fib = open({.max_routes = 2});
  std::vector<FibDelta> deltas;
  for (int i = 0; i < 5; ++i) deltas.push_back({prefix("10." + std::to_string(i) + ".0.0/24"), {hop4(1)}});
  fib.apply(deltas);
  ASSERT_TRUE(eventually([&] { return fib.status().over_limit && fib.status().installed == 2; }));
  EXPECT_EQ(fib.status().pending, 3U);
  EXPECT_EQ(sh("ip route show proto 134 | wc -l"), "2\n");
  fib.reconfigure({.max_routes = 100});
  ASSERT_TRUE(settled(fib, 5));
  EXPECT_FALSE(fib.status().over_limit);
}

TEST_F(FibSyncTest, NewSettingsMoveRoutesBeforeTheOldOnesGo) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  fib.reconfigure({.metric = 600, .pref_src4 = ip("192.0.2.10"), .pref_src6 = ip("2001:db8:2::10")});
  ASSERT_TRUE(eventually([] { return routes("metric 512").empty() && routes6("proto 134 metric 512").empty(); }));
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("proto 134 src 192.0.2.10 metric 600"));
  EXPECT_THAT(routes6("fd00:1::/64"), HasSubstr("proto 134 src 2001:db8:2::10 metric 600"));
  fib.reconfigure({.table = TableId{1000}, .metric = 600});
  ASSERT_TRUE(eventually([] { return routes("table main proto 134").empty(); }));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("table 1000 proto 134 metric 600"));
  fib.reconfigure({.install = false, .table = TableId{1000}, .metric = 600});
  ASSERT_TRUE(eventually([] { return (routes("proto 134") + routes6("proto 134")).empty(); }));
  EXPECT_EQ(fib.status().desired, 2U);
  EXPECT_FALSE(fib.installed(prefix("10.1.0.0/24")));
}

TEST_F(FibSyncTest, ANewPreferredSourceReplacesInPlace) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 1));
  auto monitor = netlink::Monitor::open({.routes = true});
  ASSERT_TRUE(monitor);
  fib.reconfigure({.pref_src4 = ip("192.0.2.10")});
  ASSERT_TRUE(eventually([] { return routes("10.1.0.0/24").find("src 192.0.2.10") != std::string::npos; }));
  ASSERT_TRUE(monitor->read(100, [](const netlink::Event& event) {
    EXPECT_FALSE(std::get<netlink::RouteEvent>(event).gone) << "there was a moment without the route";
  }));
}

TEST_F(FibSyncTest, RemoveAllLeavesNothingOfOursAndEverythingOfOthers) {
  sh("ip route add 10.1.0.0/24 via 192.0.1.1 metric 512 proto static; ip route add 10.5.0.0/24 via 192.0.1.1 proto 134 "
     "metric 99; ip -6 route add blackhole fd00:9::/64 proto 134");
  auto fib = open();
  const std::string foreign = routes("proto 4");
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}},
             {prefix("10.2.0.0/24"), {hop4(1), hop4(2)}},
             {prefix("fd00:2::/64"), {hop6(1), hop6(2)}}});
  fib.set_aggregates({prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")});
  (void)reported(fib, [](const FibReport& r) { return r.aggregates_ready.size() == 2; });
  fib.remove_all();
  EXPECT_THAT(routes("proto 134") + routes("proto 133") + routes6("proto 134") + routes6("proto 133"), IsEmpty());
  EXPECT_EQ(routes("proto 4"), foreign);
  fib.remove_all();  // twice is as good as once
}

TEST_F(FibSyncTest, TwentyThousandRoutesTurnOverWithTheLastStateWinning) {
  auto fib = open();
  const auto at = [](std::uint32_t i) { return Prefix(IpAddress::v4(0x0a000000 + i * 256), 24); };
  for (const int n : {1, 2, 1}) {
    std::vector<FibDelta> deltas;
    const auto hop = hop4(n);
    for (std::uint32_t i = 0; i < 20000; ++i) deltas.push_back({at(i), {hop}});
    fib.apply(std::move(deltas));
  }
  ASSERT_TRUE(settled(fib, 20000));
  EXPECT_EQ(sh("ip route show proto 134 | grep -c 'via 192.0.1.1 '"), "20000\n");
}

}  // namespace
}  // namespace slash32::bgp
