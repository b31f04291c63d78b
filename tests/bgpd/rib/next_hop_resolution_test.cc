// Next hops that are not on link: resolved by a gateway, at a cost, and as the neighbour's settings say.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr const char* kLoopback = "172.30.0.1";
constexpr const char* kOtherLoopback = "172.30.0.2";

RibPeer recursive(RibPeer peer, NextHopResolution how = NextHopResolution::Recursive) {
  peer.resolution = how;
  return peer;
}

NextHopState by(const char* gateway, std::uint32_t cost = 0) {
  return {.resolved = true, .oif = IfIndex{2}, .igp_cost = cost, .gateway = ip(gateway)};
}

std::vector<FibNextHop> kernel(World& w, std::string_view prefix) {
  w.settle();
  return w.kernel[net(prefix)];
}

TEST(NextHopResolution, TheKernelGetsTheGatewayAndNeighborsTheNextHop) {
  World w;
  w.hops[ip(kLoopback)] = by("192.0.2.7");
  w.up(1, recursive(ibgp(1)));
  w.up(2, client(2));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), (std::vector<FibNextHop>{{ip("192.0.2.7"), IfIndex{2}}}));
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].next_hop, ip(kLoopback));
  EXPECT_EQ(w.paths("10.1.0.0/16").at(0).gateway, ip("192.0.2.7"));
}

TEST(NextHopResolution, ANewGatewayIsFollowedAndItsEndWithdraws) {
  World w;
  w.hops[ip(kLoopback)] = by("192.0.2.7");
  w.up(1, recursive(ibgp(1)));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  w.settle();
  const NextHop hop{ip(kLoopback), {}, NextHopResolution::Recursive};
  EXPECT_EQ(w.rib.next_hops(), std::vector{hop});
  w.hops[ip(kLoopback)] = by("192.0.2.8");
  w.rib.next_hops_changed({hop});
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), (std::vector<FibNextHop>{{ip("192.0.2.8"), IfIndex{2}}}));
  w.hops[ip(kLoopback)] = {};
  w.rib.next_hops_changed({hop});
  EXPECT_TRUE(kernel(w, "10.1.0.0/16").empty());
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1),
            "next hop 172.30.0.1 is unresolved: not connected, and no route of others leads there but a default route");
}

TEST(NextHopResolution, ANextHopWithoutRoutesIsKnownForAWhileAndFollowed) {
  World w;
  w.hops[ip(kLoopback)] = by("192.0.2.7");
  w.up(1, recursive(ibgp(1)));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  w.say(1, withdraw({"10.1.0.0/16"}));
  w.settle();
  ASSERT_EQ(w.rib.next_hops().size(), 1U);
  w.hops[ip(kLoopback)] = by("192.0.2.8");
  w.rib.next_hops_changed(w.rib.next_hops());
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), (std::vector<FibNextHop>{{ip("192.0.2.8"), IfIndex{2}}}));
}

TEST(NextHopResolution, OnlyAFewNextHopsWithoutRoutesAreKnown) {
  World w;
  w.up(1, ibgp(1));
  for (int i = 1; i <= 100; ++i) {
    w.say(1, announce({"10.1.0.0/16"}, route({}, "192.0.2." + std::to_string(i))));
    w.settle();
  }
  EXPECT_EQ(w.rib.next_hops().size(), 17U) << "16, and the one in use";
}

TEST(NextHopResolution, TheLowerCostWins) {
  World w;
  w.hops[ip(kLoopback)] = by("192.0.2.7", 20);
  w.hops[ip(kOtherLoopback)] = by("192.0.2.8", 10);
  w.up(1, recursive(ibgp(1)));
  w.up(2, recursive(ibgp(2)));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  w.say(2, announce({"10.1.0.0/16"}, route({}, kOtherLoopback)));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 2U);
  w.hops[ip(kLoopback)] = by("192.0.2.7", 5);
  w.rib.next_hops_changed(w.rib.next_hops());
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
}

TEST(NextHopResolution, TwoNextHopsBehindOneGatewayAreOneInTheKernel) {
  World w;
  w.hops[ip(kLoopback)] = w.hops[ip(kOtherLoopback)] = by("192.0.2.7");
  w.up(1, recursive(ibgp(1)));
  w.up(2, recursive(ibgp(2)));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  w.say(2, announce({"10.1.0.0/16"}, route({}, kOtherLoopback)));
  EXPECT_EQ(kernel(w, "10.1.0.0/16").size(), 1U);
}

TEST(NextHopResolution, IsEachNeighborsOwnAlsoForOneAddressAndIsChangedLive) {
  World w;
  w.up(1, recursive(ibgp(1)));
  w.up(2, ibgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({}, kLoopback)));
  w.say(2, announce({"10.2.0.0/16"}, route({}, kLoopback)));
  w.settle();
  EXPECT_THAT(w.rib.next_hops(), testing::UnorderedElementsAre(NextHop{ip(kLoopback), {}, NextHopResolution::Recursive},
                                                               NextHop{ip(kLoopback), {}, NextHopResolution::OnLink}));
  w.rib.peer_changed(1, recursive(ibgp(1), NextHopResolution::RecursiveViaDefault));
  w.rib.peer_changed(2, recursive(ibgp(2), NextHopResolution::RecursiveViaDefault));
  w.settle();
  const auto now = w.rib.next_hops();  // what the second one said is kept as it was said, and its next hop with it
  EXPECT_THAT(now, testing::Contains(NextHop{ip(kLoopback), {}, NextHopResolution::RecursiveViaDefault}));
  const auto before = kernel(w, "10.1.0.0/16");
  w.hops[ip(kLoopback)] = by("192.0.2.8");
  w.rib.next_hops_changed({{ip(kLoopback), {}, NextHopResolution::Recursive}});
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), before) << "the old one is not in use";
  w.rib.next_hops_changed({{ip(kLoopback), {}, NextHopResolution::RecursiveViaDefault}});
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), (std::vector<FibNextHop>{{ip("192.0.2.8"), IfIndex{2}}}));
}

TEST(NextHopResolution, ALinkLocalOneIsOnItsLinkWhateverTheSettings) {
  World w;
  auto peer = recursive(ebgp(1));
  peer.link = IfIndex{7};
  w.up(1, peer);
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  w.settle();
  EXPECT_EQ(w.rib.next_hops(), (std::vector<NextHop>{{ip("fe80::1"), IfIndex{7}, NextHopResolution::OnLink}}));
}

}  // namespace
}  // namespace slash32::bgp::test
