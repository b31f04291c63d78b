// What is known of pods, links and addresses, fed by hand.
#include "tests/bgpd/fib/watch_world.h"

namespace slash32::bgp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using WatchStatePods = World;

TEST_F(WatchStatePods, APodIsLiveWithItsRouteAndItsLink) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", true)));
  state.on_route(pod("10.0.0.1", 7), true, false);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", false)));
}

TEST_F(WatchStatePods, ADeletedLinkTakesItsPodsWithIt) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  state.on_route(pod("fd00::1", 7), false, false);
  (void)state.take();
  state.on_link(link(7), true);
  const auto events = state.take();
  EXPECT_THAT(events.pods, testing::UnorderedElementsAre(event("10.0.0.1", false), event("fd00::1", false)));
  EXPECT_THAT(events.links_changed, ElementsAre(IfIndex{7}));
  EXPECT_FALSE(events.next_hops_may_have_changed) << "no next hop resolves through a pod's link";
}

TEST_F(WatchStatePods, ALinkThatComesUpAgainBringsNoRouteBack) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  (void)state.take();
  state.on_link(link(7, false), false);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", false)));
  state.on_link(link(7), false);
  EXPECT_THAT(state.take().pods, IsEmpty());
  state.on_route(pod("10.0.0.1", 7), false, false);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", true)));
}

TEST_F(WatchStatePods, LosingTheCarrierIsNoReason) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  (void)state.take();
  state.on_link(link(7, true, false), false);
  EXPECT_THAT(state.take().pods, IsEmpty());
}

TEST_F(WatchStatePods, APodThatMovesToAnotherLinkStaysLive) {
  state.on_link(link(8), false);
  state.on_route(pod("10.0.0.1", 7), false, false);
  (void)state.take();
  state.on_route(pod("10.0.0.1", 7), true, false);
  state.on_route(pod("10.0.0.1", 8), false, false);
  EXPECT_THAT(state.take().pods, IsEmpty());
  state.on_link(link(7), true);
  EXPECT_THAT(state.take().pods, IsEmpty());
  state.on_link(link(8), true);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", false)));
}

TEST_F(WatchStatePods, AStrangersReplacementEndsThePod) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  (void)state.take();
  auto other = pod("10.0.0.1", 2);
  other.protocol = RouteProtocol::Static;
  state.on_route(other, false, true);
  EXPECT_THAT(state.take().pods, ElementsAre(event("10.0.0.1", false)));
}

TEST_F(WatchStatePods, OnlyUnicastHostRoutesOfProtocol132InTheTableArePods) {
  auto wide = pod("10.0.0.0", 7);
  wide.destination = *Prefix::parse("10.0.0.0/24");
  auto elsewhere = pod("10.0.0.2", 7);
  elsewhere.table = TableId{100};
  auto other = pod("10.0.0.3", 7);
  other.protocol = RouteProtocol::Static;
  auto hole = pod("10.0.0.4", 7);
  hole.type = netlink::RouteType::Blackhole;
  for (const auto& route : {wide, elsewhere, other, hole}) state.on_route(route, false, false);
  EXPECT_THAT(state.take().pods, IsEmpty());
}

TEST_F(WatchStatePods, ADumpReportsTheDifferenceAlone) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  state.on_route(pod("10.0.0.2", 7), false, false);
  (void)state.take();
  state.load({.links = {link(2), link(7)},
              .addresses = {address(2, "192.0.2.10", 24)},
              .pod_routes = {pod("10.0.0.2", 7), pod("10.0.0.3", 7)}});
  const auto events = state.take();
  EXPECT_THAT(events.pods, ElementsAre(event("10.0.0.1", false), event("10.0.0.3", true)));
  EXPECT_FALSE(events.next_hops_may_have_changed);
  EXPECT_THAT(events.links_changed, IsEmpty());
}

TEST_F(WatchStatePods, ALostIpv4AddressPutsPodRoutesInDoubt) {
  EXPECT_FALSE(state.take_pod_routes_doubtful());
  state.on_address(address(2, "192.0.2.10", 24), true);
  EXPECT_TRUE(state.take_pod_routes_doubtful());
}

TEST_F(WatchStatePods, NothingIsKeptOfWhatIsGone) {
  for (int i = 100; i < 300; ++i) {
    state.on_link(link(i), false);
    state.on_address(address(i, "fe80::1", 64), false);
    state.on_route(pod("10.0.0.9", i), false, false);
    state.on_link(link(i), true);
    (void)state.take();
  }
  EXPECT_EQ(state.known_links(), 2U);
  EXPECT_EQ(state.known_pods(), 0U);
  EXPECT_FALSE(state.is_local(ip("fe80::1")));
}

using WatchStateNextHops = World;

TEST_F(WatchStateNextHops, ResolveInTheSubnetOfALinkThatIsUpWithCarrier) {
  EXPECT_EQ(state.resolve(ip("192.0.2.1")), (Resolution{true, IfIndex{2}}));
  EXPECT_FALSE(state.resolve(ip("198.51.100.1")).resolved);
  state.on_link(link(2, true, false), false);
  EXPECT_FALSE(state.resolve(ip("192.0.2.1")).resolved);
  EXPECT_TRUE(state.take().next_hops_may_have_changed);
}

TEST_F(WatchStateNextHops, NeverThroughTheNodeItself) {
  for (const char* text : {"192.0.2.10", "192.0.2.0", "192.0.2.255", "0.0.0.0", "127.0.0.1", "224.0.0.1", "fe80::1"})
    EXPECT_FALSE(state.resolve(ip(text)).resolved) << text;
}

TEST_F(WatchStateNextHops, NeverThroughAPodsRoute) {
  state.on_route(pod("10.0.0.1", 7), false, false);
  state.on_address(address(7, "10.0.0.254", 32), false);
  EXPECT_FALSE(state.resolve(ip("10.0.0.1")).resolved);
}

TEST_F(WatchStateNextHops, TheMoreSpecificSubnetWins) {
  state.on_link(link(3), false);
  state.on_address(address(3, "192.0.2.129", 25), false);
  EXPECT_EQ(state.resolve(ip("192.0.2.200")).oif, IfIndex{3});
  EXPECT_EQ(state.resolve(ip("192.0.2.20")).oif, IfIndex{2});
}

TEST_F(WatchStateNextHops, BothEndsOfASlash31AreHosts) {
  state.on_link(link(3), false);
  state.on_address(address(3, "198.51.100.0", 31), false);
  EXPECT_TRUE(state.resolve(ip("198.51.100.1")).resolved);
}

TEST_F(WatchStateNextHops, TheFarEndOfAPointToPointLinkIsOnLink) {
  state.on_link(link(3), false);
  auto a = address(3, "198.51.100.1", 32);
  a.peer = ip("203.0.113.1");
  state.on_address(a, false);
  EXPECT_EQ(state.resolve(ip("203.0.113.1")), (Resolution{true, IfIndex{3}}));
}

TEST_F(WatchStateNextHops, AFailedDuplicateDetectionIsNoAddress) {
  auto a = address(2, "2001:db8::10", 64);
  a.duplicate = true;
  state.on_address(a, false);
  EXPECT_FALSE(state.resolve(ip("2001:db8::1")).resolved);
}

TEST_F(WatchStateNextHops, ALinkLocalAddressIsLookedForOnItsLinkAlone) {
  EXPECT_FALSE(state.resolve(ip("fe80::1"), IfIndex{2}).resolved) << "IPv6 is off there";
  state.on_address(address(2, "fe80::10", 64), false);
  EXPECT_EQ(state.resolve(ip("fe80::1"), IfIndex{2}), (Resolution{true, IfIndex{2}}));
  EXPECT_FALSE(state.resolve(ip("fe80::1")).resolved);
  EXPECT_FALSE(state.resolve(ip("fe80::1"), IfIndex{99}).resolved);
  EXPECT_FALSE(state.resolve(ip("fe80::10"), IfIndex{2}).resolved) << "the node itself";
  auto down = link(2);
  down.carrier = false;
  state.on_link(down, false);
  EXPECT_FALSE(state.resolve(ip("fe80::1"), IfIndex{2}).resolved);
}

TEST_F(WatchStateNextHops, AddressesBesideALinkLocalOneAreThoseOfItsLink) {
  for (const int index : {2, 3}) {
    auto own = address(index, "fe80::10", 64);
    own.scope = netlink::Scope::Link;
    state.on_address(own, false);
  }
  state.on_address(address(2, "2001:db8:2::10", 64), false);
  state.on_address(address(3, "2001:db8:3::10", 64), false);
  EXPECT_EQ(state.address_beside(ip("fe80::10"), AddressFamily::IPv6, IfIndex{2}), ip("2001:db8:2::10"));
  EXPECT_EQ(state.address_beside(ip("fe80::10"), AddressFamily::IPv6, IfIndex{3}), ip("2001:db8:3::10"));
  EXPECT_EQ(state.link_local_beside(ip("2001:db8:2::10"), IfIndex{2}), ip("fe80::10"));
  EXPECT_EQ(state.link_local_beside(ip("2001:db8:2::10"), IfIndex{3}), std::nullopt);
}

TEST_F(WatchStateNextHops, AddressesBesideASessionsOwn) {
  auto tentative = address(2, "2001:db8::1", 64);
  tentative.tentative = true;
  state.on_address(tentative, false);
  state.on_address(address(2, "2001:db8::10", 64), false);
  auto link_local = address(2, "fe80::10", 64);
  link_local.scope = netlink::Scope::Link;
  state.on_address(link_local, false);
  EXPECT_EQ(state.address_beside(ip("192.0.2.10"), AddressFamily::IPv6), ip("2001:db8::10"));
  EXPECT_EQ(state.address_beside(ip("2001:db8::10"), AddressFamily::IPv4), ip("192.0.2.10"));
  EXPECT_EQ(state.link_local_beside(ip("192.0.2.10")), ip("fe80::10"));
  EXPECT_EQ(state.address_beside(ip("10.9.9.9"), AddressFamily::IPv4), std::nullopt);
  EXPECT_EQ(state.own_v4({}), ip("192.0.2.10"));
}

TEST(WatchStateOwnV4, IsNeitherDockersNorAVip) {
  WatchState state{netlink::kMainTable};
  auto docker = link(3);
  docker.kind = "bridge";
  state.on_link(docker, false);
  state.on_address(address(3, "10.0.0.1", 16), false);
  EXPECT_EQ(state.own_v4({}), std::nullopt) << "on every node the same";
  state.on_link(link(2), false);
  state.on_link(link(4), false);
  state.on_address(address(2, "192.0.2.5", 32), false);
  auto vip = address(2, "192.0.2.6", 24);
  vip.secondary = true;
  state.on_address(vip, false);
  state.on_address(address(2, "192.0.2.10", 24), false);
  state.on_address(address(2, "2001:db8::10", 64), false);
  state.on_address(address(4, "172.16.0.10", 24), false);
  EXPECT_EQ(state.own_v4({}), ip("172.16.0.10"));
  EXPECT_EQ(state.own_v4(std::vector{ip("192.0.2.1")}), ip("192.0.2.10")) << "beside the neighbour";
  EXPECT_EQ(state.own_v4(std::vector{ip("2001:db8::1")}), ip("192.0.2.10")) << "on the neighbour's link";
  EXPECT_EQ(state.own_v4(std::vector{ip("10.0.9.9")}), ip("10.0.0.1")) << "a bridge may be the uplink";
}

}  // namespace
}  // namespace slash32::bgp::test
