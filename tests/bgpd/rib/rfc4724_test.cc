// Graceful restart (RFC 4724): stale routes of a restarting neighbour, and End-of-RIB and deferral of our own restart.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

const LocalRoute kOwn{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}};

struct Rfc4724 : testing::Test {
  Rfc4724() {
    w.up(1, ebgp(1));
    w.up(2, ebgp(2));
    w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
    w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
    w.settle();
    heard_before = w.heard[2].messages;
    deltas_before = w.deltas;
  }
  bool nobody_noticed() { return w.heard[2].messages == heard_before && w.deltas == deltas_before; }
  World w;
  std::size_t heard_before = 0, deltas_before = 0;
};

TEST_F(Rfc4724, Section4_2_RetainedRoutesStayInUseAndAreShownAsStale) {
  w.down(1, kBoth);
  w.settle();
  EXPECT_TRUE(nobody_noticed());
  for (const PathView& view : w.paths("10.1.0.0/16")) {
    EXPECT_TRUE(view.stale);
    EXPECT_TRUE(view.best);
  }
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).advertised, 0U);
}

TEST_F(Rfc4724, Section4_2_OnlyRetainedFamiliesStay) {
  w.down(1, {AddressFamily::IPv4});
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  EXPECT_FALSE(w.heard[2].knows("2001:db8:1::/48"));
}

TEST_F(Rfc4724, Section4_2_TheSameRoutesAgainDisturbNobody) {
  w.down(1, kBoth);
  w.up(1, ebgp(1), kBoth);
  w.settle();
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
  w.say(1, end_of_rib(AddressFamily::IPv4));
  w.say(1, end_of_rib(AddressFamily::IPv6));
  w.settle();
  EXPECT_TRUE(nobody_noticed());
  EXPECT_FALSE(w.paths("10.1.0.0/16").at(0).stale);
}

TEST_F(Rfc4724, Section4_2_EndOfRibSweepsWhatWasNotSaidAgainOfItsFamily) {
  w.down(1, kBoth);
  w.up(1, ebgp(1), kBoth);
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 65009})));
  w.say(1, end_of_rib(AddressFamily::IPv4));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65001, 65009}));
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_TRUE(w.heard[2].knows("2001:db8:1::/48"));
  EXPECT_EQ(w.kernel.size(), 2U);
}

TEST_F(Rfc4724, Section4_2_AFamilyThatWasNotPreservedGoesWhenTheSessionIsBack) {
  w.down(1, kBoth);
  w.up(1, ebgp(1), {AddressFamily::IPv6});
  w.settle();
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_TRUE(w.heard[2].knows("2001:db8:1::/48"));
}

TEST_F(Rfc4724, Section4_2_StaleRoutesGoWhenTheTimeIsUp) {
  w.down(1, kBoth);
  w.rib.stale_expired(1, {AddressFamily::IPv4});
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  w.rib.stale_expired(1, kBoth);
  w.settle();
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(Rfc4724, Section4_2_StaleRoutesDoNotSurviveASecondRestart) {
  w.down(1, kBoth);
  w.up(1, ebgp(1), kBoth);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.down(1, kBoth);
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16"));
}

TEST_F(Rfc4724, Rfc8538Section4_1_KeptStaleRoutesSurviveASecondLossInUse) {
  w.down(1, kBoth);
  w.up(1, ebgp(1), kBoth);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.down(1, {AddressFamily::IPv4}, StaleBefore::Kept);
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_TRUE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_TRUE(w.paths("10.2.0.0/16").at(0).stale);
  EXPECT_FALSE(w.heard[2].knows("2001:db8:1::/48")) << "this family is not retained any more";
}

TEST_F(Rfc4724, ARemovedNeighbourTakesItsStaleRoutesWithIt) {
  w.down(1, kBoth);
  w.rib.peer_removed(1);
  w.settle();
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(Rfc4724, AStaleRouteIsNoWorseThanAFreshOne) {
  w.up(3, ebgp(3));
  w.say(3, announce({"10.1.0.0/16"}, route({65003}, "192.0.2.3")));
  w.down(1, kBoth);
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
}

TEST(Rfc4724_4_1, WhileDeferredOnlyOurOwnRoutesAreSentAndNoEndOfRib) {
  World w;
  w.rib.set_deferral(true);
  w.rib.set_local_routes({kOwn});
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_TRUE(w.heard[2].knows("10.244.1.0/24"));
  EXPECT_TRUE(w.heard[2].end_of_rib.empty());
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "selection is deferred until the neighbours have sent End-of-RIB");
  w.rib.set_deferral(false);
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_EQ(w.heard[2].end_of_rib.size(), 2U);
  EXPECT_EQ(w.heard[2].repeated, 0U);
}

TEST(Rfc4724_4_1, EndOfRibComesBehindTheWholeInitialTableAndOnce) {
  World w;
  w.up(1, ebgp(1));
  for (int i = 0; i < 40; ++i)
    w.say(1, announce({"10." + std::to_string(i) + ".0.0/16"}, route({65001, 100U + static_cast<unsigned>(i)})));
  w.settle();
  w.up(2, ebgp(2));
  w.settle(100);  // in small bites
  std::size_t ends = 0;
  std::size_t routes = 0;
  for (const Update& update : w.heard[2].updates) {
    if (update.end_of_rib == AddressFamily::IPv4) {
      EXPECT_EQ(routes, 40U);
    }
    if (update.end_of_rib) ++ends;
    for (const auto& reach : update.announced) routes += reach.prefixes.size();
  }
  EXPECT_EQ(ends, 2U);
}

TEST(Rfc4724_4_1, EndOfRibWaitsForOurOwnRoutesWhileTheyAreBeingCollected) {
  World w;
  w.rib.hold_end_of_rib(true);
  w.up(1, ebgp(1));
  w.settle();
  EXPECT_EQ(w.heard[1].messages, 0U);
  w.rib.set_local_routes({kOwn});
  w.rib.hold_end_of_rib(false);
  w.settle();
  ASSERT_EQ(w.heard[1].updates.size(), 3U);
  EXPECT_FALSE(w.heard[1].updates[0].announced.empty());
  EXPECT_EQ(w.heard[1].end_of_rib.size(), 2U);
}

TEST(Rfc4724_4_1, EndOfRibOnlyOfNegotiatedFamilies) {
  World w;
  RibPeer peer = ebgp(1);
  peer.families = {AddressFamily::IPv4};
  w.up(1, peer);
  w.settle();
  EXPECT_EQ(w.heard[1].end_of_rib, std::set<AddressFamily>{AddressFamily::IPv4});
}

}  // namespace
}  // namespace slash32::bgp::test
