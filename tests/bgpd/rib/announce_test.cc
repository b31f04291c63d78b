// What goes in comes out: the plain life of routes through the RIB.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

TEST(Rib, TellsALearnedRouteToOthersAndToTheKernel) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ibgp(3));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) { a.med = 7; })));
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.1")});
  ASSERT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65001}));
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].next_hop, ip("192.0.2.254"));
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].med, std::nullopt);  // RFC 4271 section 5.1.4
  ASSERT_TRUE(w.heard[3].knows("10.1.0.0/16"));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].as_path, as_path({65001}));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].next_hop, ip("192.0.2.1"));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].local_pref, 100U);
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].med, 7U);
  EXPECT_FALSE(w.heard[1].knows("10.1.0.0/16"));  // split horizon
  w.say(1, withdraw({"10.1.0.0/16"}));
  w.settle();
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_TRUE(w.heard[3].table.empty());
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST(Rib, WantsNothingOfTheKernelWhereNothingIsToBeInstalledAndAllOnceItIs) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  const auto install = [&](bool on) {
    auto settings = World::settings();
    settings.install = on;
    w.rib.reconfigure(settings);
    w.settle();
  };
  install(false);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_TRUE(w.rib.fib().empty());
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  install(true);
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.1")});
  w.say(1, announce({"10.2.0.0/16"}, route({65001})));
  install(false);
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.heard[2].table.size(), 2U);
}

TEST(Rib, CountsWhatWasReceivedAcceptedAndAdvertised) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16", "127.0.0.0/8"}, route({65001})));
  w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
  w.settle();
  const FamilyCounts in = w.rib.counts(1, AddressFamily::IPv4);
  EXPECT_EQ(in.received, 3U);
  EXPECT_EQ(in.accepted, 2U);
  EXPECT_EQ(in.advertised, 0U);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).advertised, 2U);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv6).advertised, 1U);
  EXPECT_EQ(w.why_not("127.0.0.0/8", 1), "guard: martian (allow: martians)");
}

TEST(Rib, TellsItsOwnRoutesWithItsOwnAddressesOfBothFamilies) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ibgp(2));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {0x00010002}, .local_pref = 200, .med = 3},
                          {.prefix = net("fd00::/64"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_TRUE(w.kernel.empty());  // a local route is not ours to install
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].as_path, as_path({64512}));
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].next_hop, ip("192.0.2.254"));
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].med, 3U);
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].communities, std::vector<Community>{0x00010002});
  EXPECT_EQ(w.heard[1]["fd00::/64"].next_hop, ip("2001:db8::fe"));
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].local_pref, 200U);
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].as_path, as_path({}));
  w.rib.set_local_routes({{.prefix = net("fd00::/64"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_FALSE(w.heard[1].knows("10.244.1.0/24"));
  EXPECT_EQ(w.heard[1].repeated, 0U);
}

TEST(Rib, LearnedRouteEqualToALocalOneNeverReachesTheKernel) {
  World w;
  w.up(1, ibgp(1));
  w.say(1, announce({"10.9.0.0/24"}, but(route({}), [](auto& a) { a.local_pref = 1000; })));
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
  w.rib.set_local_routes({{.prefix = net("10.9.0.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.why_not("10.9.0.0/24", 1), "a local route wins");
  w.rib.set_local_routes({});
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST(Rib, HoldsAFamilyWithoutAnOwnAddressVisiblyButSendsItsEndOfRib) {
  World w;
  RibPeer peer = ebgp(1);
  peer.local_v6.reset();
  w.up(1, peer);
  w.rib.set_local_routes({{.prefix = net("fd00::/64"), .communities = {}, .local_pref = {}, .med = {}},
                          {.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(w.heard[1].table.size(), 1U);
  EXPECT_TRUE(w.rib.is_held(1, AddressFamily::IPv6));
  EXPECT_FALSE(w.rib.is_held(1, AddressFamily::IPv4));
  EXPECT_EQ(w.heard[1].end_of_rib.size(), 2U);
}

TEST(Rib, KeepsButDoesNotUseAnUnresolvedNextHop) {
  World w;
  w.hops[ip("203.0.113.9")] = {};
  w.up(1, ibgp(1));
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({}, "203.0.113.9")));
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "next hop 203.0.113.9 is unresolved: not connected");
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).accepted, 2U);
  EXPECT_THAT(w.rib.next_hops(), testing::ElementsAre(NextHop{ip("203.0.113.9"), {}}));
  w.hops[ip("203.0.113.9")] = {true, IfIndex{7}, 3};
  w.rib.next_hops_changed({{ip("203.0.113.9"), {}}, {ip("203.0.113.10"), {}}});
  w.settle();
  EXPECT_EQ(w.kernel[net("10.1.0.0/16")], (std::vector<FibNextHop>{{ip("203.0.113.9"), IfIndex{7}}}));
  w.hops[ip("203.0.113.9")] = {};
  w.rib.next_hops_changed({{ip("203.0.113.9"), {}}});
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
}

TEST(Rib, SpreadsOverEqualPathsUpToTheLimit) {
  World w;
  for (unsigned n = 1; n <= 3; ++n) {
    w.up(n, ebgp(n));
    w.say(n, announce({"10.1.0.0/16"}, route({65000 + n, 65100}, "192.0.2." + std::to_string(n))));
  }
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16").size(), 3U);
  RibSettings settings = World::settings();
  settings.multipath = 2;
  w.rib.reconfigure(settings);
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), (std::vector{ip("192.0.2.1"), ip("192.0.2.2")}));
  w.down(1);
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), (std::vector{ip("192.0.2.2"), ip("192.0.2.3")}));
}

TEST(Rib, ReportsAPeerThatPassesItsPrefixLimit) {
  World w;
  RibPeer peer = ebgp(1);
  peer.max_prefixes_in = 2;
  w.up(1, peer);
  EXPECT_FALSE(w.rib.update(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001}))));
  EXPECT_FALSE(w.rib.update(1, announce({"10.1.0.0/16"}, route({65001, 65002}))));
  const auto exceeded = w.rib.update(1, announce({"10.3.0.0/16"}, route({65001})));
  ASSERT_TRUE(exceeded);
  EXPECT_EQ(exceeded->peer, 1U);
  EXPECT_EQ(exceeded->limit, 2U);
  EXPECT_EQ(exceeded->family, AddressFamily::IPv4);
}

TEST(Rib, EvaluatesAgainWhenAPolicyChangesAndSendsOnlyWhatDiffers) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  w.settle();
  RibSettings settings = World::settings();
  config::PolicyTerm refuse;
  refuse.name = "not-that";
  refuse.match.prefixes = {{net("10.2.0.0/16"), 16, 16}};
  refuse.match.neighbors = {"e1"};
  refuse.then = config::PolicyOutcome::Reject;
  settings.policies["all"].insert(settings.policies["all"].begin(), refuse);
  w.rib.reconfigure(settings);
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_EQ(w.heard[2].repeated, 0U);
  EXPECT_EQ(w.why_not("10.2.0.0/16", 1), "rejected by import policy: policy 'all', term 1 'not-that'");
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).accepted, 1U);
  w.rib.reconfigure(World::settings());
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  EXPECT_EQ(w.heard[2].repeated, 0U);
}

TEST(Rib, ChangedExportSettingsOfANeighbourSendTheDifferenceOnly) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ebgp(3));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  const std::size_t before = w.heard[2].messages;
  RibPeer changed = ebgp(2);
  changed.export_policies.reset();  // RFC 8212: only what is our own
  w.rib.peer_changed(2, changed);
  w.settle();
  EXPECT_EQ(w.heard[2].messages, before + 1);
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).advertised, 1U);
  w.rib.peer_changed(2, ebgp(2));
  w.settle();
  EXPECT_EQ(w.heard[2].table, w.heard[3].table);
  EXPECT_EQ(w.heard[2].repeated + w.heard[2].pointless, 0U);
}

TEST(Rib, AnswersARouteRefreshWithEverythingOfThatFamily) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
  w.settle();
  w.rib.refresh(2, AddressFamily::IPv4);
  w.settle();
  EXPECT_EQ(w.heard[2].repeated, 2U);
  EXPECT_EQ(w.heard[2].table.size(), 3U);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).advertised, 2U);
}

TEST(Rib, SaysWhyANeighbourWasNotTold) {
  World w;
  RibPeer deaf = ebgp(4);
  deaf.export_policies = std::vector<std::string>{"no such policy"};
  w.up(1, ibgp(1));
  w.up(2, ibgp(2));
  w.up(3, ebgp(3));
  w.up(4, deaf);
  w.say(1, announce({"10.1.0.0/16"}, route({})));
  w.settle();
  const auto why = [&](PeerId id, std::string_view prefix) { return w.rib.why_not_advertised(id, net(prefix)); };
  EXPECT_EQ(why(1, "10.1.0.0/16"), "learned from this neighbour");
  EXPECT_EQ(why(2, "10.1.0.0/16"), "learned by iBGP, and neither side is a route reflector client");
  EXPECT_EQ(why(3, "10.1.0.0/16"), "");
  EXPECT_THAT(why(4, "10.1.0.0/16"), testing::StartsWith("export policy: "));
  EXPECT_EQ(why(3, "10.2.0.0/16"), "no such prefix");
  EXPECT_EQ(why(9, "10.1.0.0/16"), "no session with this neighbour");
}

TEST(Rib, ShowsWhatItAdvertisedAsItWasSent) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ibgp(2));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) { a.large_communities = {{1, 2, 3}}; })));
  w.settle();
  std::map<Prefix, PathAttributes> shown;
  w.rib.visit_advertised(2, [&](const Prefix& p, const AttributesPtr& a) { shown[p] = *a; });
  EXPECT_EQ(shown, w.heard[2].table);
  EXPECT_EQ(shown.size(), 1U);
}

}  // namespace
}  // namespace slash32::bgp::test
