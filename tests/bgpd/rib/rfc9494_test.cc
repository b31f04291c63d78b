// RFC 9494 sections 4.2 to 4.4 and 4.6 in the RIB: what is long-lived stale is used last, marked, and told to few.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr Community kStale = 0xffff0006, kNever = 0xffff0007, kNoExport = 0xffffff01;
constexpr auto k4 = AddressFamily::IPv4;

RibPeer knowing(RibPeer peer) {
  peer.long_lived_offered = peer.long_lived_understood = true;
  return peer;
}
PathAttributes with(PathAttributes attributes, Community community) {
  attributes.communities.push_back(community);
  return attributes;
}

/// Neighbour 1's routes become long-lived stale; 2 knows of RFC 9494, 3 does not.
struct Rfc9494 : testing::Test {
  Rfc9494() {
    w.up(1, knowing(ebgp(1)));
    w.up(2, knowing(ebgp(2)));
    w.up(3, ebgp(3));
    w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
    w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
    w.settle();
  }
  void lose_1() {
    w.down(1, kBoth);
    w.rib.long_lived_stale(1, kBoth);
    w.settle();
  }
  World w;
};

TEST_F(Rfc9494, Section4_2_TheRoutesStayInTheKernelAndAreMarked) {
  const auto deltas = w.deltas;
  lose_1();
  EXPECT_EQ(w.deltas, deltas) << "the kernel's routes are as they were";
  const auto path = w.paths("10.1.0.0/16").at(0);
  EXPECT_TRUE(path.best && path.stale && path.long_lived_stale);
  EXPECT_THAT(path.attributes->communities, testing::Contains(kStale));
}

TEST_F(Rfc9494, Section4_3_OnlyWhoKnowsOfItIsTold) {
  lose_1();
  EXPECT_THAT(w.heard[2]["10.1.0.0/16"].communities, testing::ElementsAre(kStale));
  EXPECT_THAT(w.heard[2]["2001:db8:1::/48"].communities, testing::ElementsAre(kStale));
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16"));
  EXPECT_EQ(w.rib.why_not_advertised(3, net("10.1.0.0/16")),
            "long-lived stale, and the neighbour does not know what that is (RFC 9494)");
}

TEST_F(Rfc9494, Section4_2_RoutesWithNoLlgrGo) {
  w.say(1, announce({"10.2.0.0/16"}, with(route({65001}), kNever)));
  w.settle();
  w.down(1, kBoth);
  w.settle();
  EXPECT_TRUE(w.paths("10.2.0.0/16").at(0).best) << "during the restart time it is a stale route as any other";
  w.rib.long_lived_stale(1, kBoth);
  w.settle();
  EXPECT_TRUE(w.paths("10.2.0.0/16").empty());
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
}

TEST_F(Rfc9494, Section4_4_AnyOtherRouteIsBetter) {
  w.say(2, announce({"10.1.0.0/16"}, route({65002, 65010, 65011, 65012})));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  lose_1();
  EXPECT_EQ(w.best("10.1.0.0/16"), 2U);
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "long-lived stale: the last resort (RFC 9494)");
  EXPECT_EQ(w.gateways("10.1.0.0/16").size(), 1U);
  EXPECT_THAT(w.heard[3]["10.1.0.0/16"].communities, testing::IsEmpty());
  w.say(2, withdraw({"10.1.0.0/16"}));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U) << "the last resort, and better than nothing";
}

TEST_F(Rfc9494, Section4_4_ItIsNoPartOfAnEcmpSetWithOthers) {
  w.say(2, announce({"10.1.0.0/16"}, route({65002}, "192.0.2.2")));
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16").size(), 2U);
  lose_1();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.2")});
}

TEST_F(Rfc9494, Section4_2_SaidAgainItIsARouteAsAnyOther) {
  lose_1();
  w.up(1, knowing(ebgp(1)), kBoth);
  w.settle();
  EXPECT_TRUE(w.paths("10.1.0.0/16").at(0).long_lived_stale) << "until it is said again";
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(1, announce({"10.2.0.0/16"}, route({65001, 65009})));
  w.settle();
  for (const char* prefix : {"10.1.0.0/16", "10.2.0.0/16"}) {
    EXPECT_FALSE(w.paths(prefix).at(0).long_lived_stale || w.paths(prefix).at(0).stale);
    EXPECT_THAT(w.heard[2][prefix].communities, testing::IsEmpty());
    EXPECT_TRUE(w.heard[3].knows(prefix));
  }
  w.say(1, end_of_rib(k4));
  w.rib.stale_expired(1, kBoth);
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U) << "the IPv6 route was not said again";
}

TEST_F(Rfc9494, Section4_2_ItGoesWhenItsTimeIsUp) {
  lose_1();
  w.rib.stale_expired(1, {k4});
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST_F(Rfc9494, Section4_3_ARouteThatComesWithLlgrStaleIsTheLastResortAsWell) {
  w.say(2, announce({"10.3.0.0/16"}, with(route({65002}), kStale)));
  w.settle();
  EXPECT_TRUE(w.paths("10.3.0.0/16").at(0).long_lived_stale);
  EXPECT_FALSE(w.paths("10.3.0.0/16").at(0).stale) << "it is another's that is away";
  EXPECT_FALSE(w.heard[3].knows("10.3.0.0/16"));
  EXPECT_THAT(w.heard[1]["10.3.0.0/16"].communities, testing::ElementsAre(kStale));
  // From one to whom we said nothing of it the community is one as any other.
  w.say(3, announce({"10.4.0.0/16"}, with(route({65003}), kStale)));
  w.settle();
  EXPECT_FALSE(w.paths("10.4.0.0/16").at(0).long_lived_stale);
  EXPECT_TRUE(w.heard[1].knows("10.4.0.0/16"));
}

TEST_F(Rfc9494, Section4_3_PolicyDoesNotTakeTheMarkAway) {
  auto settings = World::settings();
  settings.policies["all"][0].set.communities.replace = std::vector<Community>{0x10001};
  w.rib.reconfigure(settings);
  w.say(2, announce({"10.3.0.0/16"}, with(route({65002}), kStale)));
  w.settle();
  EXPECT_THAT(w.heard[1]["10.3.0.0/16"].communities, testing::UnorderedElementsAre(0x10001U, kStale));
  EXPECT_FALSE(w.heard[3].knows("10.3.0.0/16"));
}

TEST_F(Rfc9494, Section4_3_WithoutImportPolicyToo) {
  w.up(4, knowing(ibgp(4)));
  w.say(4, announce({"10.5.0.0/16"}, with(route({}), kStale)));
  w.settle();
  EXPECT_TRUE(w.paths("10.5.0.0/16").at(0).long_lived_stale);
}

TEST_F(Rfc9494, Section4_6_PartialDeploymentTellsOurOwnAsWithTheLowestPreference) {
  RibPeer partial = ibgp(5);
  partial.long_lived_partial = true;
  RibPeer external = ebgp(6);
  external.long_lived_partial = true;
  w.up(5, partial);
  w.up(6, external);
  lose_1();
  EXPECT_THAT(w.heard[5]["10.1.0.0/16"].communities, testing::UnorderedElementsAre(kStale, kNoExport));
  EXPECT_EQ(w.heard[5]["10.1.0.0/16"].local_pref, 0U);
  EXPECT_FALSE(w.heard[6].knows("10.1.0.0/16")) << "within the AS only";
}

TEST_F(Rfc9494, ASecondLossKeepsWhatIsLongLived) {
  lose_1();
  w.up(1, knowing(ebgp(1)), kBoth);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  w.down(1, kBoth, StaleBefore::Kept);
  w.settle();
  EXPECT_FALSE(w.paths("10.1.0.0/16").at(0).long_lived_stale) << "it has its restart time";
  EXPECT_TRUE(w.paths("10.2.0.0/16").at(0).long_lived_stale);
  w.rib.long_lived_stale(1, kBoth);
  w.settle();
  EXPECT_TRUE(w.paths("10.1.0.0/16").at(0).long_lived_stale);
}

}  // namespace
}  // namespace slash32::bgp::test
