// Links and addresses go and come: the kernel drops routes silently, heal() puts them back.
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class FibLink : public FibWorld {
 protected:
  static std::string ours() { return routes("proto 134") + routes6("proto 134"); }
};

TEST_F(FibLink, RoutesComeBackAfterTheirLinkWasDownAndUp) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}},
             {prefix("10.2.0.0/24"), {hop4(2)}},
             {prefix("fd00:1::/64"), {hop6(1)}},
             {prefix("fd00:2::/64"), {hop6(2)}}});
  ASSERT_TRUE(settled(fib, 4));
  const std::string before = ours();
  sh("ip link set up1 down");
  fib.heal({link_of(1)});
  ASSERT_TRUE(eventually([&] { return fib.status().installed == 2 && fib.status().pending == 2; }));
  const auto report = reported(fib, [](const FibReport& r) { return !r.problems.empty(); });
  EXPECT_THAT(report.problems.front(), HasSubstr("install "));
  sh("ip link set up1 up");
  add_addresses(1);  // IPv6's went with the link
  fib.heal({link_of(1)});
  ASSERT_TRUE(settled(fib, 4));
  EXPECT_EQ(ours(), before);
}

TEST_F(FibLink, AFlapThatNobodySawInBetweenIsHealed) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  const std::string before = ours();
  sh("ip link set up1 down; ip link set up1 up");
  add_addresses(1);
  EXPECT_THAT(ours(), IsEmpty());
  EXPECT_EQ(fib.status().installed, 2U) << "the kernel said nothing";
  fib.heal({link_of(1)});
  EXPECT_TRUE(eventually([&] { return ours() == before; }));
}

TEST_F(FibLink, CarrierLossKeepsTheRoutes) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  sh("ip link set far1 down");
  fib.heal({link_of(1)});
  fib.audit();
  sh("ip link set far1 up");
  fib.heal({link_of(1)});
  ASSERT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("proto 134"), HasSubstr("10.1.0.0/24 via 192.0.1.1 dev up1"));
}

TEST_F(FibLink, AMultipathRouteWithoutOneOfItsLinksIsHealed) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1), hop4(2)}}, {prefix("fd00:1::/64"), {hop6(1), hop6(2)}}});
  ASSERT_TRUE(settled(fib, 2));
  const std::string before = ours();
  sh("ip link set up1 down");
  fib.heal({link_of(1)});
  sh("ip link set up1 up");
  add_addresses(1);
  fib.heal({link_of(1)});
  EXPECT_TRUE(eventually([&] { return ours() == before; })) << ours() << "instead of\n" << before;
}

TEST_F(FibLink, ALinkThatIsGoneLeavesItsRoutesPendingAndNothingElse) {
  auto fib = open();
  const auto gone = link_of(1);
  fib.apply(
      {{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("10.2.0.0/24"), {hop4(2)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 3));
  sh("ip link del up1");
  fib.heal({gone});
  ASSERT_TRUE(eventually([&] { return fib.status().pending == 2 && fib.status().installed == 1; }));
  fib.apply({{prefix("10.1.0.0/24"), {}}, {prefix("fd00:1::/64"), {}}});
  ASSERT_TRUE(settled(fib, 1));
  add_uplink(1);
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}});
  ASSERT_TRUE(settled(fib, 2));
}

TEST_F(FibLink, ARouteThatTheKernelRefusesIsTriedAgainByItself) {
  auto fib = open();
  fib.apply({{prefix("10.1.0.0/24"), {{ip("198.51.100.1"), link_of(1)}}}});
  const auto report = reported(fib, [](const FibReport& r) { return !r.problems.empty(); });
  EXPECT_THAT(report.problems.front(), HasSubstr("10.1.0.0/24"));
  EXPECT_THAT(report.problems.front(), HasSubstr("Network is unreachable"));
  EXPECT_EQ(fib.status().pending, 1U);
  sh("ip addr add 198.51.100.10/24 dev up1");
  EXPECT_TRUE(settled(fib, 1));
}

TEST_F(FibLink, RoutesWhosePreferredSourceWentComeBackWithIt) {
  sh("ip addr add 198.51.100.10/32 dev lo");
  auto fib = open({.pref_src4 = ip("198.51.100.10")});
  fib.apply({{prefix("10.1.0.0/24"), {hop4(1)}}, {prefix("fd00:1::/64"), {hop6(1)}}});
  ASSERT_TRUE(settled(fib, 2));
  sh("ip addr del 198.51.100.10/32 dev lo");
  ASSERT_TRUE(eventually([&] { return fib.status().pending == 1; }));
  EXPECT_FALSE(fib.installed(prefix("10.1.0.0/24")));
  sh("ip addr add 198.51.100.10/32 dev lo");
  EXPECT_TRUE(settled(fib, 2));
  EXPECT_THAT(routes("10.1.0.0/24"), HasSubstr("src 198.51.100.10"));
}

TEST_F(FibLink, AfterABulkFailureNothingHammersTheKernel) {
  auto fib = open();
  sh("ip link set up1 down");
  std::vector<FibDelta> deltas;
  const auto hop = hop4(1);
  for (std::uint32_t i = 0; i < 5000; ++i) deltas.push_back({Prefix(IpAddress::v4(0x0a000000 + i * 256), 24), {hop}});
  fib.apply(std::move(deltas));
  ASSERT_TRUE(eventually([&] { return fib.status().desired == 5000 && fib.status().pending == 5000; }));
  sh("ip link set up1 up");
  fib.heal({link_of(1)});
  EXPECT_TRUE(settled(fib, 5000));
  EXPECT_LT(fib.take_report().problems.size(), 40U);
}

}  // namespace
}  // namespace slash32::bgp
