// What is kept of the kernel's routes that are not ours, fed by hand.
#include "bgpd/fib/foreign_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

using netlink::RouteProtocol;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr IfIndex kEth{2}, kOther{3};

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Prefix net(const char* text) { return *Prefix::parse(text, true); }

netlink::Route route(const char* to, const char* gateway, IfIndex link = kEth,
                     RouteProtocol protocol = RouteProtocol::Static) {
  netlink::Route out;
  out.destination = net(to);
  out.protocol = protocol;
  out.next_hops = {{.gateway = {}, .link = link}};
  if (*gateway != '\0') out.next_hops[0].gateway = ip(gateway);
  return out;
}

struct ForeignRoutesTest : testing::Test {
  ForeignRoutes routes{netlink::kMainTable, 3};
};

TEST_F(ForeignRoutesTest, FollowsWhatWasConfiguredAndNeitherOursNorARoutingDaemons) {
  for (const auto protocol : {RouteProtocol::Kernel, RouteProtocol::Slash32Pod, RouteProtocol::Slash32Aggregate,
                              RouteProtocol::Slash32Bgp, RouteProtocol{12}, RouteProtocol{186}})
    routes.on_route(route("10.0.0.0/8", "192.0.2.1", kEth, protocol), false, false);
  EXPECT_FALSE(routes.take_changed());
  routes.on_route(route("10.0.0.0/8", "192.0.2.1"), false, false);
  EXPECT_TRUE(routes.take_changed());
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), SizeIs(1));
  EXPECT_THAT(routes.links_of_gateway(ip("192.0.2.1")), ElementsAre(kEth));
}

TEST_F(ForeignRoutesTest, FollowsARoutingDaemonsWhereAllAreAskedForButNeverOurs) {
  routes.follow(Follow::All);
  for (const auto protocol : {RouteProtocol::Slash32Pod, RouteProtocol::Slash32Aggregate, RouteProtocol::Slash32Bgp})
    routes.on_route(route("10.0.0.0/8", "192.0.2.1", kEth, protocol), false, false);
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), IsEmpty());
  routes.on_route(route("10.0.0.0/8", "192.0.2.1", kEth, RouteProtocol{188}), false, false);
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), SizeIs(1));
}

TEST_F(ForeignRoutesTest, OtherTablesAndOtherTypesOfServiceDoNotCount) {
  auto elsewhere = route("10.0.0.0/8", "192.0.2.1");
  elsewhere.table = TableId{100};
  routes.on_route(elsewhere, false, false);
  auto marked = route("10.0.0.0/8", "192.0.2.1");
  marked.tos = 8;
  routes.on_route(marked, false, false);
  EXPECT_FALSE(routes.take_changed());
}

TEST_F(ForeignRoutesTest, TheLowestMetricStandsFirstAndGoesAlone) {
  auto second = route("10.0.0.0/8", "192.0.2.2");
  second.metric = 20;
  routes.on_route(second, false, false);
  auto first = route("10.0.0.0/8", "192.0.2.1");
  first.metric = 10;
  routes.on_route(first, false, false);
  ASSERT_THAT(routes.at(net("10.0.0.0/8")), SizeIs(2));
  EXPECT_EQ(routes.at(net("10.0.0.0/8"))[0].metric, 10U);
  routes.on_route(first, true, false);
  ASSERT_THAT(routes.at(net("10.0.0.0/8")), SizeIs(1));
  EXPECT_EQ(routes.at(net("10.0.0.0/8"))[0].metric, 20U);
  EXPECT_THAT(routes.links_of_gateway(ip("192.0.2.1")), IsEmpty());
}

TEST_F(ForeignRoutesTest, AReplacementByAStrangerTakesTheOldOneAway) {
  routes.on_route(route("10.0.0.0/8", "192.0.2.1"), false, false);
  routes.on_route(route("10.0.0.0/8", "192.0.2.9", kEth, RouteProtocol{12}), false, true);
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), IsEmpty());
}

TEST_F(ForeignRoutesTest, OneOfSeveralThatComesOrGoesMakesItDoubtful) {
  routes.on_route(route("2001:db8::/32", "fe80::1"), false, false);
  routes.on_route(route("2001:db8::/32", "fe80::2"), false, false);  // merged with the first one, as IPv6 does
  EXPECT_TRUE(routes.take_doubtful());
  auto both = route("2001:db8::/32", "fe80::1");
  both.next_hops.push_back({.gateway = ip("fe80::2"), .link = kEth});
  routes.load(std::vector{both});
  EXPECT_FALSE(routes.take_doubtful());
  routes.on_route(route("2001:db8::/32", "fe80::1"), true, false);
  EXPECT_TRUE(routes.take_doubtful());
}

TEST_F(ForeignRoutesTest, WhatALinkTakesAlongSilentlyIsDoubtfulButOnlyWhereThereIsSomething) {
  routes.on_route(route("10.0.0.0/8", "192.0.2.1"), false, false);
  routes.on_route(route("2001:db8::/32", "fe80::1", kOther), false, false);
  routes.link_lost(kOther);  // IPv6 tells
  routes.address_lost(ip("198.51.100.1"), kOther);
  EXPECT_FALSE(routes.take_doubtful());
  routes.link_lost(kEth);
  EXPECT_TRUE(routes.take_doubtful());
  auto sourced = route("20.0.0.0/8", "192.0.2.1", kOther);
  sourced.preferred_source = ip("203.0.113.1");
  routes.on_route(sourced, false, false);
  routes.address_lost(ip("203.0.113.1"), IfIndex{9});
  EXPECT_TRUE(routes.take_doubtful());
}

TEST_F(ForeignRoutesTest, ADumpThatSaysTheSameChangesNothing) {
  auto down = route("10.0.0.0/8", "192.0.2.1");
  routes.on_route(down, false, false);
  (void)routes.take_changed();
  down.next_hops[0].link_down = true;  // the link's own events say so
  routes.load(std::vector{down});
  EXPECT_FALSE(routes.take_changed());
  routes.load({});
  EXPECT_TRUE(routes.take_changed());
  EXPECT_FALSE(routes.leads_through(kEth));
}

TEST_F(ForeignRoutesTest, MoreThanItHoldsIsNothingAtAllAndSaidSo) {
  for (const auto* to : {"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"})
    routes.on_route(route(to, "192.0.2.1"), false, false);
  EXPECT_FALSE(routes.too_many());
  routes.on_route(route("13.0.0.0/8", "192.0.2.1"), false, false);
  EXPECT_TRUE(routes.too_many());
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), IsEmpty());
  EXPECT_TRUE(routes.take_changed());
  routes.load(std::vector{route("10.0.0.0/8", "192.0.2.1")});
  EXPECT_FALSE(routes.too_many());
  EXPECT_THAT(routes.at(net("10.0.0.0/8")), SizeIs(1));
}

}  // namespace
}  // namespace slash32::bgp
