// Who is connected, and what leads to next hops: links, addresses, and routes that are not ours.
#include <algorithm>

#include "tests/bgpd/fib/watch_world.h"

namespace slash32::bgp::test {
namespace {

// ---------------------------------------------------------------- connected neighbours

struct WatchStateConnected : World {
  bool is_connected(const char* text) { return state.is_connected(ip(text), {}); }
};

TEST_F(WatchStateConnected, IsWhoIsInASubnetOfALinkThatIsUp) {
  EXPECT_TRUE(is_connected("192.0.2.1"));
  EXPECT_TRUE(is_connected("192.0.2.10")) << "the node itself: another daemon";
  EXPECT_FALSE(is_connected("198.51.100.1"));
  state.on_link(link(2, true, false), false);
  EXPECT_FALSE(is_connected("192.0.2.1")) << "no carrier";
}

TEST_F(WatchStateConnected, IsWhoARouteWithoutGatewayLeadsToButNoDefaultRoute) {
  state.on_route(configured("0.0.0.0/0", "", 7), false, false);
  EXPECT_FALSE(is_connected("198.51.100.1"));
  state.on_route(configured("198.51.100.1/32", "", 7), false, false);
  EXPECT_TRUE(is_connected("198.51.100.1"));
  EXPECT_TRUE(state.take().routes_changed);
  EXPECT_EQ(state.resolve(ip("198.51.100.1")), (Resolution{true, IfIndex{7}}));
  state.on_link(link(7, true, false), false);
  EXPECT_TRUE(state.take().next_hops_may_have_changed) << "without an address of its own";
  EXPECT_FALSE(is_connected("198.51.100.1"));
}

TEST_F(WatchStateConnected, IsAConfiguredRoutesGatewayWhichIsNoNextHopOfOthersYet) {
  state.on_route(configured("0.0.0.0/0", "198.51.100.1", 7), false, false);
  EXPECT_TRUE(is_connected("198.51.100.1"));
  EXPECT_FALSE(is_connected("198.51.100.2"));
  EXPECT_FALSE(state.resolve(ip("198.51.100.2")).resolved);
}

TEST_F(WatchStateConnected, IsNobodyBehindARouteThatDiscards) {
  auto lo = link(1);
  lo.loopback = true;
  state.on_link(lo, false);
  auto route = configured("2001:db8::/32", "", 1);  // as the kernel shows `unreachable 2001:db8::/32`
  route.type = netlink::RouteType::Unreachable;
  state.on_route(route, false, false);
  EXPECT_FALSE(is_connected("2001:db8::1"));
}

TEST_F(WatchStateConnected, SubnetsAreThoseOfLinksThatAreUpWithCarrier) {
  const auto subnets = state.connected_subnets();
  EXPECT_NE(std::ranges::find(subnets, *Prefix::parse("192.0.2.0/24")), subnets.end());
  state.on_link(link(2, true, false), false);
  EXPECT_TRUE(state.take().next_hops_may_have_changed) << "who asks for subnets asks again";
  const auto left = state.connected_subnets();
  EXPECT_EQ(std::ranges::find(left, *Prefix::parse("192.0.2.0/24")), left.end());
}

TEST_F(WatchStateConnected, IsAPodAsLongAsItLives) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  EXPECT_TRUE(is_connected("10.0.0.1"));
  state.on_link(link(7), true);
  EXPECT_FALSE(is_connected("10.0.0.1"));
}

TEST_F(WatchStateConnected, IsWhoIsOnTheLoopbackThoughNoNextHopIs) {
  auto lo = link(1);
  lo.loopback = true;
  state.on_link(lo, false);
  state.on_address(address(1, "127.0.0.1", 8), false);
  EXPECT_TRUE(is_connected("127.0.0.2"));
  EXPECT_FALSE(state.resolve(ip("127.0.0.2")).resolved);
}

TEST_F(WatchStateConnected, OfALinkThatWentDownOthersRoutesAreDoubtfulAndDumpedAgain) {
  state.on_route(configured("198.51.100.1/32", "", 7), false, false);
  EXPECT_FALSE(state.take_foreign_doubtful());
  state.on_link(link(7, false), false);
  EXPECT_TRUE(state.take_foreign_doubtful());
  state.load_foreign({});
  state.on_link(link(7), false);
  EXPECT_FALSE(is_connected("198.51.100.1"));
}

// ---------------------------------------------------------------- next hops by routes of others

struct WatchStateRecursion : World {
  void SetUp() override {
    World::SetUp();
    state.foreign().follow(Follow::All);
  }
  void add(const char* to, const char* gateway, std::uint32_t metric = 0, RouteProtocol protocol = RouteProtocol{188}) {
    auto route = configured(to, gateway, 2);
    route.metric = metric;
    route.protocol = protocol;
    state.on_route(route, false, false);
  }
  Resolution resolve(const char* hop, NextHopResolution how = NextHopResolution::Recursive) {
    return state.resolve(ip(hop), {}, how);
  }
};

TEST_F(WatchStateRecursion, GoesByTheLongestPrefixToAGatewayOnLinkAtItsMetric) {
  add("172.16.0.0/12", "192.0.2.1");
  add("172.30.0.0/16", "192.0.2.2", 20);
  add("172.30.0.0/16", "192.0.2.3", 10);
  const Resolution expected{.resolved = true, .oif = IfIndex{2}, .gateway = ip("192.0.2.3"), .metric = 10};
  EXPECT_EQ(resolve("172.30.0.1"), expected);
  EXPECT_EQ(resolve("172.31.0.1").gateway, ip("192.0.2.1"));
  EXPECT_EQ(resolve("192.0.2.77"), (Resolution{true, IfIndex{2}})) << "on link";
}

TEST_F(WatchStateRecursion, IsForWhoAsksForIt) {
  add("172.30.0.0/16", "192.0.2.2");
  EXPECT_FALSE(resolve("172.30.0.1", NextHopResolution::OnLink).resolved);
  EXPECT_TRUE(resolve("172.30.0.1").resolved);
}

TEST_F(WatchStateRecursion, UsesADefaultRouteOnlyWhereAskedFor) {
  add("0.0.0.0/0", "192.0.2.1", 0, RouteProtocol::Dhcp);
  EXPECT_FALSE(resolve("172.30.0.1").resolved);
  EXPECT_EQ(resolve("172.30.0.1", NextHopResolution::RecursiveViaDefault).gateway, ip("192.0.2.1"));
  EXPECT_FALSE(resolve("192.0.2.10", NextHopResolution::RecursiveViaDefault).resolved) << "the node itself";
}

TEST_F(WatchStateRecursion, NeverUsesARouteOfOurs) {
  for (const auto protocol : {RouteProtocol::Slash32Pod, RouteProtocol::Slash32Aggregate, RouteProtocol::Slash32Bgp})
    add("172.30.0.0/16", "192.0.2.2", 0, protocol);
  EXPECT_FALSE(resolve("172.30.0.1").resolved);
}

TEST_F(WatchStateRecursion, EndsAtARouteThatDiscards) {
  add("172.16.0.0/12", "192.0.2.1");
  auto nowhere = configured("172.30.0.0/16", "192.0.2.2", 2);
  nowhere.type = netlink::RouteType::Unreachable;
  nowhere.next_hops.clear();
  state.on_route(nowhere, false, false);
  EXPECT_FALSE(resolve("172.30.0.1").resolved);
}

TEST_F(WatchStateRecursion, PassesOverANextHopWhoseLinkIsDown) {
  state.on_link(link(3), false);
  auto two = configured("172.30.0.0/16", "198.51.100.1", 3);
  two.next_hops.push_back({.gateway = ip("192.0.2.1"), .link = IfIndex{2}});
  state.on_route(two, false, false);
  EXPECT_EQ(resolve("172.30.0.1").oif, IfIndex{3});
  state.on_link(link(3, true, false), false);
  EXPECT_EQ(resolve("172.30.0.1").gateway, ip("192.0.2.1"));
}

TEST_F(WatchStateRecursion, TakesAnOnlinkGatewayOnlyWhereTheKernelWouldWithoutTheFlag) {
  auto flagged = configured("172.30.0.0/16", "203.0.113.1", 2);
  flagged.next_hops[0].on_link = true;
  state.on_route(flagged, false, false);
  EXPECT_FALSE(resolve("172.30.0.1").resolved);
  flagged.next_hops[0].gateway = ip("192.0.2.1");
  state.on_route(flagged, false, true);
  EXPECT_TRUE(resolve("172.30.0.1").resolved);
}

TEST_F(WatchStateRecursion, TellsThatRoutesChangedAndNothingElse) {
  (void)state.take();
  add("172.30.0.0/16", "192.0.2.2");
  const auto events = state.take();
  EXPECT_TRUE(events.routes_changed);
  EXPECT_FALSE(events.next_hops_may_have_changed);
}

}  // namespace
}  // namespace slash32::bgp::test
