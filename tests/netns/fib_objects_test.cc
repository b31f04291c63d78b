// How FibSync keeps its next-hop objects; what the kernel does with such: fib_kernel_objects_test.cc.
#include <sys/syscall.h>
#include <unistd.h>

#include "bgpd/fib/fib_writer.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const FibSettings kGroups{.next_hop_objects = true};

class FibGroups : public FibWorld {
 protected:
  static std::string objects() { return sh("ip -N nexthop show proto 134"); }
  static std::size_t count(const std::string& command) { return std::stoul(sh(command + " | wc -l")); }
  static bool goes(const std::string& to, const std::string& link) {
    return sh("ip route get " + to).find("dev " + link + " ") != std::string::npos;
  }
  static bool without_carrier(const std::string& link) {
    return eventually([&] { return sh("ip link show " + link).find("NO-CARRIER") != std::string::npos; });
  }
  /// 10.1.0.0/24 and fd00:1::/64 by uplink 1 with uplink 2 behind it, 10.2.0.0/24 and fd00:2::/64 by both.
  static std::vector<FibDelta> protected_routes() {
    return {{.prefix = prefix("10.1.0.0/24"), .next_hops = {hop4(1)}, .backup = {hop4(2)}},
            {.prefix = prefix("fd00:1::/64"), .next_hops = {hop6(1)}, .backup = {hop6(2)}},
            {.prefix = prefix("10.2.0.0/24"), .next_hops = {hop4(1), hop4(2)}},
            {.prefix = prefix("fd00:2::/64"), .next_hops = {hop6(1), hop6(2)}}};
  }
  static bool all_by(const std::string& link) {
    for (const char* to : {"10.1.0.9", "10.2.0.9", "10.2.0.10", "10.2.0.11", "10.2.0.12", "fd00:1::9", "fd00:2::9",
                           "fd00:2::10", "fd00:2::11", "fd00:2::12"})
      if (!goes(to, link)) return false;
    return true;
  }
  static std::string everything() { return routes("proto 134") + routes6("proto 134") + objects(); }
};

TEST_F(FibGroups, AreSaidToBeMissingWhereTheTableHasNoNumbersForThem) {
  auto settings = kGroups;
  settings.table = TableId{70'000};
  auto fib = open(settings);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(fib.status().without_objects);
  EXPECT_EQ(fib.status().groups, 0U);
  EXPECT_THAT(objects(), IsEmpty());
}

TEST_F(FibGroups, StandForRoutesThatCouldOutliveANextHopAndForNoOthers) {
  auto fib = open(kGroups);
  auto deltas = protected_routes();
  deltas.push_back({prefix("10.3.0.0/24"), {hop4(1)}});
  fib.apply(std::move(deltas));
  ASSERT_TRUE(settled(fib, 5));
  EXPECT_EQ(fib.status().groups, 4U);
  EXPECT_FALSE(fib.status().without_objects);
  EXPECT_THAT(routes("10.3.0.0/24"), Not(HasSubstr("nhid")));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("nhid"));
  EXPECT_THAT(routes6("fd00:2::/64"), HasSubstr("nhid"));
  EXPECT_TRUE(goes("10.1.0.9", "up1"));
  EXPECT_TRUE(goes("fd00:1::9", "up1"));
  fib.apply({{prefix("10.1.0.0/24"), {}},
             {prefix("10.2.0.0/24"), {}},
             {prefix("fd00:1::/64"), {}},
             {prefix("fd00:2::/64"), {}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_TRUE(eventually([] { return objects().empty(); })) << objects();
  fib.remove_all();
  EXPECT_THAT(everything(), IsEmpty());
}

TEST_F(FibGroups, AreNotUsedUnlessAskedFor) {
  auto fib = open();
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_THAT(objects(), IsEmpty());
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("via 192.0.1.1 dev up1"));
}

TEST_F(FibGroups, CostNoSocketAndNoEventsWhereTheyAreNotUsed) {
  const auto sockets = [] {  // of this namespace: the groups of each, RTNLGRP_NEXTHOP is the 32nd
    return sh("awk '$2 == 0 { print $4 }' /proc/" + std::to_string(::getpid()) + "/task/" +
              std::to_string(::syscall(SYS_gettid)) + "/net/netlink");
  };
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  const auto before = lines(sockets());
  const auto with = [&](const FibSettings& settings) {
    const auto fib = open(settings);
    return sockets();
  };
  const std::string off = with({}), on = with(kGroups);
  EXPECT_EQ(lines(off), before + 2) << off;
  EXPECT_EQ(lines(on), before + 3) << on;
  EXPECT_THAT(off, testing::Not(testing::ContainsRegex("(^|\n)[89a-f]0000")));
  EXPECT_THAT(on, testing::ContainsRegex("(^|\n)[89a-f]0000"));
}

TEST_F(FibGroups, LeaveALostNextHopAtOnceAndTakeItBackWhenItIsRevived) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  const std::string before = everything();
  fib.lose(hop4(1));
  fib.lose(hop6(1));
  EXPECT_TRUE(eventually([] { return all_by("up2"); })) << everything();
  fib.heal({link_of(1)});  // of something else: what is lost stays out
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(all_by("up2"));
  fib.revive();
  EXPECT_TRUE(eventually([&] { return goes("10.1.0.9", "up1") && goes("fd00:1::9", "up1"); }));
  EXPECT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == 8; })) << objects();
  EXPECT_EQ(fib.status().installed, 4U);
  EXPECT_THAT(before, HasSubstr("10.2.0.0/24"));
}

TEST_F(FibGroups, LeaveANextHopWhoseLossTheKernelRefusedByTheWorker) {
  auto opened = FibWriter::open(kGroups);
  ASSERT_TRUE(opened);
  FibWriter& fib = **opened;
  const auto write_all = [&] {
    while (fib.write_some()) {
    }
  };
  auto routes = protected_routes();
  fib.want(routes);
  write_all();
  ASSERT_FALSE(all_by("up2"));
  {
    const WithoutNetAdmin refused;
    EXPECT_FALSE(fib.lose(hop4(1), 1));
    EXPECT_FALSE(fib.lose(hop6(1), 2));
  }
  fib.audit();
  write_all();
  EXPECT_TRUE(all_by("up2")) << everything();
  fib.sweep();
  write_all();
  EXPECT_EQ(count("ip nexthop show proto 134"), 6U) << "what was lost is gone at last";
  fib.revive(2);
  write_all();
  EXPECT_TRUE(goes("10.1.0.9", "up1") && goes("fd00:1::9", "up1")) << everything();
}

/// The second loss is not yet decided about when the first is over.
TEST_F(FibGroups, TakeNothingBackThatWasLostAfterTheRevival) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  fib.lose(hop4(1));
  fib.revive();
  fib.lose(hop6(1));
  EXPECT_TRUE(eventually([] { return goes("10.1.0.9", "up1"); })) << everything();
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(goes("fd00:1::9", "up2")) << everything();
  fib.revive();
  EXPECT_TRUE(eventually([] { return goes("fd00:1::9", "up1"); })) << everything();
}

/// They were ordered before the loss, and are written after it.
TEST_F(FibGroups, AreMadeWithoutANextHopThatWasLostWhileTheirRoutesWaited) {
  auto fib = open(kGroups);
  fib.lose(hop4(1));
  fib.lose(hop6(1));
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(all_by("up2")) << everything();
  fib.sweep();
  ASSERT_TRUE(eventually([&] { return !fib.status().stale_marked; }));
  fib.heal({link_of(1)});
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(all_by("up2")) << everything();
  fib.revive();
  EXPECT_TRUE(eventually([&] { return goes("10.1.0.9", "up1") && goes("fd00:1::9", "up1"); })) << everything();
}

TEST_F(FibGroups, FollowTheDecisionThatComesAfterTheLoss) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  fib.lose(hop4(1));
  fib.apply({{prefix("10.1.0.0/24"), {hop4(2)}}, {prefix("10.2.0.0/24"), {hop4(2)}}});
  fib.revive();
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("10.1.0.0/24 via 192.0.2.1 dev up2"));
  EXPECT_TRUE(goes("10.1.0.9", "up2"));
  fib.apply(protected_routes());
  EXPECT_TRUE(eventually([&] { return goes("10.1.0.9", "up1"); }));
  EXPECT_TRUE(settled(fib, 4));
}

TEST_F(FibGroups, AreAsTheyWereAfterTheCarrierWasAway) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  sh("ip link set far1 down");
  ASSERT_TRUE(without_carrier("up1"));
  EXPECT_TRUE(all_by("up2")) << "the kernel did this by itself";
  fib.heal({link_of(1)});
  ASSERT_TRUE(settled(fib, 4));
  sh("ip link set far1 up");
  EXPECT_TRUE(eventually([&] {
    fib.heal({link_of(1)});
    return goes("10.1.0.9", "up1") && goes("fd00:1::9", "up1") && count("ip nexthop show proto 134") == 8;
  })) << everything();
  EXPECT_EQ(fib.status().installed, 4U);
}

TEST_F(FibGroups, AreMadeAgainWithTheirRoutesWhenEveryLinkWasAway) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  sh("ip link set up1 down; ip link set up2 down; ip link set up1 up; ip link set up2 up");
  add_addresses(1);
  add_addresses(2);
  EXPECT_THAT(everything(), IsEmpty());
  EXPECT_EQ(fib.status().installed, 4U) << "the kernel said nothing";
  fib.heal({link_of(1), link_of(2)});
  EXPECT_TRUE(eventually([&] {
    return count("ip route show proto 134 | grep -v nexthop") == 2 && count("ip nexthop show proto 134") == 8;
  })) << everything();
  EXPECT_TRUE(settled(fib, 4));
  EXPECT_TRUE(goes("10.1.0.9", "up1"));
  EXPECT_TRUE(goes("fd00:1::9", "up1"));
}

TEST_F(FibGroups, ComeBackAfterSomebodyFlushedThem) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  sh("for id in $(ip -N nexthop show proto 134 | grep group | cut -d' ' -f2); do ip nexthop del id $id; done");
  EXPECT_TRUE(eventually([&] {
    return count("ip route show proto 134 | grep -v nexthop") == 2 && goes("fd00:1::9", "up1");
  })) << everything();
  EXPECT_TRUE(settled(fib, 4));
}

TEST_F(FibGroups, LeaveStrangersObjectsAloneAndPassOverTheirNumbers) {
  sh("ip nexthop add id 1 via 192.0.1.9 dev up1 proto 134");  // our protocol, but no number of ours
  const std::uint32_t first = 0x40000000 + 254 * 16384;
  sh("ip nexthop add id " + std::to_string(first) + " via 192.0.1.8 dev up1 proto 99");
  sh("ip route add 10.9.0.0/24 nhid " + std::to_string(first) + " metric 7");
  {
    auto fib = open(kGroups);
    fib.apply(protected_routes());
    ASSERT_TRUE(settled(fib, 4));
    EXPECT_TRUE(goes("10.1.0.9", "up1"));
    fib.remove_all();
  }
  EXPECT_EQ(count("ip nexthop show"), 2U) << sh("ip nexthop");
  EXPECT_TRUE(goes("10.9.0.9", "up1"));
}

TEST_F(FibGroups, OfAnEarlierLifeAreTakenOverAsTheyStand) {
  {
    auto fib = open(kGroups);
    fib.apply(protected_routes());
    ASSERT_TRUE(settled(fib, 4));
  }
  const std::string before = everything();
  auto fib = open(kGroups);
  EXPECT_EQ(fib.status().stale, 4U);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  fib.sweep();
  ASSERT_TRUE(eventually([&] { return !fib.status().stale_marked; }));
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_EQ(everything(), before) << "no route and no object was written";
}

/// A restart in the middle of a failover: what is left of the groups carries all traffic.
TEST_F(FibGroups, OfAnEarlierLifeThatAreNotWholeKeepTheirMembersUntilTheSweep) {
  {
    auto fib = open(kGroups);
    fib.apply(protected_routes());
    ASSERT_TRUE(settled(fib, 4));
    fib.lose(hop4(1));
    fib.lose(hop6(1));
    ASSERT_TRUE(settled(fib, 4));
  }
  const std::string before = everything();
  auto fib = open(kGroups);
  fib.revive();  // idle members go with it
  fib.heal({link_of(2)});
  ASSERT_TRUE(eventually([&] { return !fib.status().busy; }));
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(fib.status().stale, 4U) << "routes that stand were taken for gone";
  EXPECT_TRUE(all_by("up2"));
  fib.apply(protected_routes());
  fib.sweep();
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == 8; })) << objects();
  EXPECT_TRUE(goes("10.1.0.9", "up1"));
}

/// Both ways, with the kernel's dumps showing next hops or not: nothing may ever be unreachable.
TEST_F(FibGroups, ComeAndGoWithTheSettingOverARestart) {
  for (const char* compat : {"1", "0"}) {
    sh(std::string("sysctl -qw net.ipv4.nexthop_compat_mode=") + compat);
    for (const bool next : {false, true, false}) {
      FibSettings settings;
      settings.next_hop_objects = next;
      auto fib = open(settings);
      fib.apply(protected_routes());
      ASSERT_TRUE(settled(fib, 4));
      fib.sweep();
      ASSERT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == (next ? 8U : 0U); })) << objects();
      ASSERT_TRUE(settled(fib, 4)) << everything();
      EXPECT_EQ(count("ip route show proto 134 | grep -v nexthop"), 2U) << everything();
      EXPECT_EQ(count("ip -6 route show proto 134 | grep -v nexthop"), 2U) << everything();
      EXPECT_TRUE(goes("10.1.0.9", "up1"));
      EXPECT_TRUE(goes("fd00:1::9", "up1"));
    }
  }
}

TEST_F(FibGroups, OfAnEarlierLifeThatNobodyWantsGoWithTheSweep) {
  {
    auto fib = open(kGroups);
    fib.apply(protected_routes());
    ASSERT_TRUE(settled(fib, 4));
    fib.lose(hop4(1));  // and not all of them are whole
  }
  auto fib = open(kGroups);
  fib.apply({{.prefix = prefix("10.1.0.0/24"), .next_hops = {hop4(1)}, .backup = {hop4(2)}}});
  fib.sweep();
  EXPECT_TRUE(settled(fib, 1));
  EXPECT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == 3; })) << everything();
  EXPECT_TRUE(goes("10.1.0.9", "up1"));
  EXPECT_EQ(count("ip -6 route show proto 134"), 0U);
}

TEST_F(FibGroups, OfAnEarlierLifeGoAlsoWhereAStrangersRouteStandsInTheWayOfANewOne) {
  {
    auto fib = open(kGroups);
    fib.apply(protected_routes());
    ASSERT_TRUE(settled(fib, 4));
  }
  sh("ip route add 10.9.0.0/24 via 192.0.1.7 dev up1 proto 99 metric 512");
  auto fib = open(kGroups);
  fib.apply({{prefix("10.9.0.0/24"), {hop4(1)}}});
  fib.sweep();
  EXPECT_TRUE(eventually([] { return objects().empty(); })) << everything();
  EXPECT_EQ(fib.status().conflicts, 1U);
}

TEST_F(FibGroups, TakeANextHopBackAlsoWhereTheKernelRefusesThatOfAnother) {
  auto fib = open(kGroups);
  fib.apply(protected_routes());
  ASSERT_TRUE(settled(fib, 4));
  fib.lose(hop4(1));
  ASSERT_TRUE(settled(fib, 4));
  // Somebody puts a group of another kind, which cannot be replaced by ours, in the place of the first one.
  const std::string first = sh("ip route show 10.1.0.0/24 | grep -o 'nhid [0-9]*' | cut -d' ' -f2 | tr -d '\\n'");
  const std::string way = sh("ip -N nexthop show proto 134 | grep 'via 192.0.2.1 ' | cut -d' ' -f2 | tr -d '\\n'");
  sh("printf 'nexthop del id " + first + "\\nnexthop add id " + first + " group " + way +
     " proto 134\\n' | ip -batch -");
  fib.revive();
  EXPECT_TRUE(eventually([] { return count("ip route show 10.2.0.0/24 | grep -w nexthop") == 2; })) << everything();
}

TEST_F(FibGroups, OfTwoRoutersOnOneLinkSurviveARoutersLossAndComeBackAfterTheCarriers) {
  auto fib = open(kGroups);
  fib.apply({{.prefix = prefix("10.1.0.0/24"), .next_hops = {hop4(1, 1)}, .backup = {hop4(1, 2)}}});
  ASSERT_TRUE(settled(fib, 1));
  fib.lose(hop4(1, 1));
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(sh("ip route get 10.1.0.9"), HasSubstr("via 192.0.1.2 "));
  sh("ip link set far1 down");
  EXPECT_TRUE(eventually([] { return routes("proto 134").empty(); })) << "the kernel took the last one away";
  fib.heal({link_of(1)});
  sh("ip link set far1 up");
  fib.revive();
  EXPECT_TRUE(eventually([&] {
    fib.heal({link_of(1)});
    return sh("ip route get 10.1.0.9 || true").find("via 192.0.1.1 ") != std::string::npos;
  })) << everything();
}

TEST_F(FibGroups, CarryMetricsAndPreferredSources) {
  sh("ip addr add 198.51.100.10/32 dev lo");
  FibSettings settings{.pref_src4 = ip("198.51.100.10")};
  settings.next_hop_objects = true;
  auto fib = open(settings);
  fib.apply({{.prefix = prefix("10.1.0.0/24"), .next_hops = {hop4(1)}, .metric = 700, .backup = {hop4(2)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("src 198.51.100.10 metric 700"));
  fib.apply({{.prefix = prefix("10.1.0.0/24"), .next_hops = {hop4(1)}, .backup = {hop4(2)}}});
  ASSERT_TRUE(settled(fib, 1));
  EXPECT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == 3; })) << objects();
  EXPECT_EQ(count("ip route show 10.1.0.0/24 | grep -v nexthop"), 1U);
}

TEST_F(FibGroups, AreNotBlamedForAPreferredSourceThatIsNotHere) {
  FibSettings settings{.pref_src4 = ip("203.0.113.99")};
  settings.next_hop_objects = true;
  auto fib = open(settings);
  fib.apply(protected_routes());
  const auto report = reported(fib, [](const FibReport& all) { return all.problems.size() >= 2; });
  EXPECT_THAT(report.problems, testing::Each(HasSubstr("Invalid argument")));
  EXPECT_TRUE(eventually([&] { return !fib.status().busy && fib.status().installed == 2; })) << "IPv6 is not concerned";
  sh("ip addr add 203.0.113.99/32 dev lo");
  EXPECT_TRUE(settled(fib, 4));
}

TEST_F(FibGroups, TenThousandRoutesOfBothFamiliesAreBackAfterASecondWithoutTheLink) {
  constexpr std::uint32_t kRoutes = 5000;
  auto fib = open(kGroups);
  std::vector<FibDelta> deltas;
  const auto one4 = hop4(1), two4 = hop4(2), one6 = hop6(1), two6 = hop6(2);
  for (std::uint32_t i = 0; i < kRoutes; ++i) {
    deltas.push_back(
        {.prefix = Prefix(IpAddress::v4(0x0a000000 + i * 256), 24), .next_hops = {one4}, .backup = {two4}});
    std::array<std::uint8_t, 16> v6{0xfd, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    deltas.push_back({.prefix = Prefix(IpAddress::v6(v6), 48), .next_hops = {one6}, .backup = {two6}});
  }
  fib.apply(deltas);
  ASSERT_TRUE(settled(fib, 2UL * kRoutes));
  sh("ip link set up1 down");
  fib.heal({link_of(1)});
  for (auto delta : deltas) {  // as the RIB would: the other way, and nothing behind it
    delta.next_hops = std::exchange(delta.backup, {});
    fib.apply({delta});
  }
  ASSERT_TRUE(settled(fib, 2UL * kRoutes));
  sh("ip link set up1 up");
  add_addresses(1);
  fib.heal({link_of(1)});
  fib.apply(deltas);
  ASSERT_TRUE(settled(fib, 2UL * kRoutes));
  EXPECT_TRUE(eventually([&] { return count("ip nexthop show proto 134") == 6; })) << objects();
  EXPECT_EQ(count("ip route show proto 134 | grep nhid"), kRoutes);
  EXPECT_EQ(count("ip -6 route show proto 134 | grep nhid"), kRoutes);
  for (const char* to : {"10.0.0.9", "10.9.196.9", "10.19.135.9", "fd00::9", "fd00:0:1387::9"})
    EXPECT_TRUE(goes(to, "up1")) << to;
}

}  // namespace
}  // namespace slash32::bgp
