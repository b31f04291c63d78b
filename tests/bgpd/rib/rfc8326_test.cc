// RFC 8326: what a neighbour is about to take down is used last; and what we send while we drain. And RFC 9774's
// sending side.
#include "bgpd/wire/iana.h"
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

struct Rfc8326 : testing::Test {
  void learn(PeerId id, std::initializer_list<std::uint32_t> path, std::vector<Community> communities) {
    w.say(id, announce({"10.1.0.0/16"}, but(route(path, "192.0.2." + std::to_string(id)),
                                            [&](auto& a) { a.communities = std::move(communities); })));
    w.settle();
  }
  World w;
};

TEST_F(Rfc8326, ARouteThatCarriesTheCommunityLosesToAnyOtherAndGoesOnWithIt) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ibgp(3));
  learn(1, {65001}, {});
  learn(2, {65002, 65100, 65101}, {});
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  learn(1, {65001}, {community::kGracefulShutdown});
  EXPECT_EQ(w.best("10.1.0.0/16"), 2U);
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "lower LOCAL_PREF");
  w.say(2, withdraw({"10.1.0.0/16"}));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U) << "last, but used";
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].local_pref, 0U);
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].communities, std::vector{community::kGracefulShutdown});
  learn(1, {65001}, {});
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].local_pref, 100U);
}

TEST_F(Rfc8326, ImportPolicysOwnLocalPrefDoesNotUndoIt) {
  auto settings = World::settings();
  settings.policies["high"] = settings.policies["all"];
  settings.policies["high"][0].set.local_pref = 500;
  settings.policies["ignore"] = settings.policies["high"];
  settings.policies["ignore"][0].set.communities.remove = {{{0xFFFF, 0xFFFF}, {0, 0}}};  // GRACEFUL_SHUTDOWN
  w.rib.reconfigure(settings);
  RibPeer peer = ebgp(1);
  peer.import_policies = {"high"};
  w.up(1, peer);
  learn(1, {65001}, {community::kGracefulShutdown});
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, 0U);
  peer.import_policies = {"ignore"};
  w.rib.peer_changed(1, peer);
  w.settle();
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, 500U) << "unless it takes the community off";
}

TEST_F(Rfc8326, SwitchedOffItMeansNothing) {
  RibPeer peer = ebgp(1);
  peer.graceful_shutdown = false;
  w.up(1, peer);
  learn(1, {65001}, {community::kGracefulShutdown});
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, std::nullopt);
}

TEST_F(Rfc8326, FromIbgpTheLocalPrefIsThePeersBusiness) {
  w.up(1, ibgp(1));
  learn(1, {}, {community::kGracefulShutdown});
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, std::nullopt);
}

TEST_F(Rfc8326, WhileDrainingAllThatIsSentSaysSoAndInternalPeersUseItLast) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ibgp(3));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {7}, .local_pref = 300, .med = {}}});
  learn(1, {65001}, {community::kGracefulShutdown, 8});
  const auto before = w.heard;
  auto settings = World::settings();
  settings.draining = true;
  w.rib.reconfigure(settings);
  w.settle();
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].communities, (std::vector<Community>{7, community::kGracefulShutdown}));
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].local_pref, std::nullopt);
  EXPECT_EQ(w.heard[3]["10.244.1.0/24"].communities, (std::vector<Community>{7, community::kGracefulShutdown}));
  EXPECT_EQ(w.heard[3]["10.244.1.0/24"].local_pref, 0U) << "whatever the configuration gives it";
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].communities, (std::vector<Community>{community::kGracefulShutdown, 8}))
      << "once is enough";
  settings.draining = false;
  w.rib.reconfigure(settings);
  w.settle();
  for (const PeerId id : {2U, 3U}) EXPECT_EQ(w.heard[id].table, before.at(id).table) << "as before, peer " << id;
}

TEST_F(Rfc8326, WhileDrainingWhatIsLearnedIsUsedLastWhateverPolicyGivesIt) {
  w.up(1, ebgp(1));
  w.up(4, ibgp(4));
  auto settings = World::settings();
  settings.policies["all"][0].set.local_pref = 300;
  w.rib.reconfigure(settings);
  learn(1, {65001}, {});
  w.say(4, announce({"10.4.0.0/16"}, but(route({65009}), [](auto& a) { a.local_pref = 200; })));
  w.settle();
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, 300U);
  settings.draining = true;
  w.rib.reconfigure(settings);
  w.settle();
  for (const char* prefix : {"10.1.0.0/16", "10.4.0.0/16"}) {
    EXPECT_TRUE(w.paths(prefix)[0].best) << prefix << ": last, but used";
    EXPECT_EQ(w.paths(prefix)[0].attributes->local_pref, 0U) << prefix;
  }
  settings.draining = false;
  w.rib.reconfigure(settings);
  w.settle();
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, 300U);
}

TEST_F(Rfc8326, OneDrainedNeighborIsUsedLastBothWaysAndTheOthersAsBefore) {
  RibPeer drained = ebgp(1);
  w.up(1, drained);
  w.up(2, ebgp(2));
  w.up(3, ibgp(3));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  learn(1, {65001}, {});
  learn(2, {65002, 65100, 65101}, {});
  ASSERT_EQ(w.best("10.1.0.0/16"), 1U);
  drained.draining = true;
  w.rib.peer_changed(1, drained);
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 2U);
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].communities, std::vector{community::kGracefulShutdown});
  for (const PeerId id : {2U, 3U}) EXPECT_THAT(w.heard[id]["10.244.1.0/24"].communities, testing::IsEmpty()) << id;
  learn(1, {65001, 65001}, {});
  EXPECT_EQ(w.best("10.1.0.0/16"), 2U) << "also what it says while it is drained";
  w.say(2, withdraw({"10.1.0.0/16"}));
  w.settle();
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].local_pref, 0U) << "so that our own AS uses it last as well";
  drained.draining = false;
  w.rib.peer_changed(1, drained);
  w.settle();
  EXPECT_THAT(w.heard[1]["10.244.1.0/24"].communities, testing::IsEmpty());
  EXPECT_EQ(w.paths("10.1.0.0/16")[0].attributes->local_pref, std::nullopt);
}

TEST(Rfc9774_3, ARouteWithAnAsSetIsToldOnlyToThoseWhoMayHaveIt) {
  World w;
  w.up(1, ebgp(1));
  RibPeer strict = ebgp(2);
  strict.allow_as_set = false;
  w.up(2, strict);
  w.up(3, ebgp(3));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) {
                      a.as_path.segments.push_back({SegmentType::AsSet, {Asn{65002}, Asn{65003}}});
                    })));
  w.settle();
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_THAT(w.rib.why_not_advertised(2, net("10.1.0.0/16")), testing::HasSubstr("RFC 9774"));
  EXPECT_EQ(w.heard[3].table.size(), 1U);
}

}  // namespace
}  // namespace slash32::bgp::test
