// RFC 8950 in the RIB: IPv4 routes with IPv6 next hops, learned and told.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

const LocalRoute kOwn{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}};

RibPeer over_v6(RibPeer peer, bool has_v4) {
  peer.extended_next_hop = true;
  if (!has_v4) peer.local_v4.reset();
  return peer;
}

TEST(Rfc8950, AnIpv4RouteGoesToTheKernelThroughAnIpv6NextHop) {
  World w;
  w.up(1, over_v6(ebgp(1), true));
  w.say(1, announce({"10.1.0.0/16"}, route({65001}, "2001:db8::1")));
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("2001:db8::1")});
}

TEST(Rfc8950, NextHopsOfBothFamiliesShareAnEcmpSet) {
  World w;
  w.up(1, over_v6(ebgp(1), true));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({65001}, "2001:db8::1")));
  w.say(2, announce({"10.1.0.0/16"}, route({65002}, "192.0.2.2")));
  w.settle();
  EXPECT_EQ(w.gateways("10.1.0.0/16").size(), 2U);
}

TEST(Rfc8950, WithoutAnIpv4AddressOursNamesTheIpv6One) {
  World w;
  RibPeer peer = over_v6(ebgp(1), false);
  peer.local_link_local = ip("fe80::1");
  w.up(1, peer);
  w.up(2, over_v6(ebgp(2), true));
  w.rib.set_local_routes({kOwn});
  w.settle();
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].next_hop, ip("2001:db8::fe"));
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].link_local, ip("fe80::1"));
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].next_hop, ip("192.0.2.254"));
  EXPECT_FALSE(w.rib.is_held(1, AddressFamily::IPv4));
  w.rib.set_local_routes({});
  w.settle();
  EXPECT_FALSE(w.heard[1].knows("10.244.1.0/24"));
  EXPECT_EQ(w.heard[1].pointless, 0U);
}

TEST(Rfc8950, WithoutItTheFamilyIsHeldAsBefore) {
  World w;
  RibPeer peer = ebgp(1);
  peer.local_v4.reset();
  w.up(1, peer);
  w.rib.set_local_routes({kOwn});
  w.settle();
  EXPECT_TRUE(w.rib.is_held(1, AddressFamily::IPv4));
  EXPECT_FALSE(w.heard[1].knows("10.244.1.0/24"));
}

TEST(Rfc8950, ANextHopThatIsKeptGoesOnlyToWhoTakesIt) {
  World w;
  w.up(1, over_v6(ebgp(1), true));
  w.up(2, over_v6(ibgp(2), true));
  w.up(3, ibgp(3));
  w.up(4, ebgp(4));
  w.say(1, announce({"10.1.0.0/16"}, route({65001}, "2001:db8::1")));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].next_hop, ip("2001:db8::1"));
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16"));
  EXPECT_EQ(w.rib.why_not_advertised(3, net("10.1.0.0/16")),
            "its next hop is IPv6, which the neighbour does not take for IPv4 (RFC 8950)");
  EXPECT_EQ(w.heard[4]["10.1.0.0/16"].next_hop, ip("192.0.2.254")) << "next hop self is of the right family";
  EXPECT_EQ(w.rib.counts(3, AddressFamily::IPv4).too_long, 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
