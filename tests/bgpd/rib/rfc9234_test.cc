// RFC 9234 section 5: OTC keeps routes from leaking, on the way in and on the way out.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

// Neighbour 1 in AS 65001 says the route; whoever else is there hears it. The role is ours towards that neighbour.
struct Rfc9234_5 : testing::Test {
  void up(PeerId id, std::optional<BgpRole> role) {
    RibPeer peer = ebgp(id);
    peer.role = role;
    w.up(id, peer);
  }
  void learn(std::optional<BgpRole> role, std::optional<std::uint32_t> otc) {
    up(1, role);
    w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [&](auto& a) {
                        if (otc) a.only_to_customer = Asn{*otc};
                      })));
    w.settle();
  }
  std::optional<Asn> marked() const {
    const auto paths = w.paths("10.1.0.0/16");
    return paths.empty() ? std::nullopt : paths[0].attributes->only_to_customer;
  }
  std::optional<Asn> heard(PeerId id) { return w.heard[id]["10.1.0.0/16"].only_to_customer; }
  World w;
};

TEST_F(Rfc9234_5, AMarkedRouteOfACustomerIsALeakAndNotUsed) {
  learn(BgpRole::Provider, 65009);
  EXPECT_FALSE(w.best("10.1.0.0/16"));
  EXPECT_THAT(w.why_not("10.1.0.0/16", 1), testing::HasSubstr("RFC 9234"));
  EXPECT_TRUE(w.kernel.empty());
}

TEST_F(Rfc9234_5, AMarkedRouteOfARouteServersClientIsALeak) {
  learn(BgpRole::Rs, 65001);
  EXPECT_FALSE(w.best("10.1.0.0/16"));
}

TEST_F(Rfc9234_5, APeersRouteMarkedByAnotherAsIsALeakAndByItselfIsNot) {
  learn(BgpRole::Peer, 65009);
  EXPECT_FALSE(w.best("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) { a.only_to_customer = Asn{65001}; })));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
}

TEST_F(Rfc9234_5, WhatAProviderAPeerOrARouteServerSendsUnmarkedIsMarkedWithItsAs) {
  for (const BgpRole role : {BgpRole::Customer, BgpRole::Peer, BgpRole::RsClient}) {
    w.rib.peer_removed(1);
    learn(role, {});
    EXPECT_EQ(marked(), Asn{65001}) << to_string(role);
    EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  }
}

TEST_F(Rfc9234_5, AMarkStaysAsItIsFromAProvider) {
  learn(BgpRole::Customer, 65009);
  EXPECT_EQ(marked(), Asn{65009});
}

TEST_F(Rfc9234_5, ACustomersRouteIsNotMarkedAndGoesEverywhere) {
  for (const auto& [id, role] :
       {std::pair{2U, BgpRole::Customer}, {3U, BgpRole::Peer}, {4U, BgpRole::RsClient}, {5U, BgpRole::Provider}})
    up(id, role);
  learn(BgpRole::Provider, {});
  EXPECT_EQ(marked(), std::nullopt);
  EXPECT_EQ(heard(2), std::nullopt) << "up to a provider: it marks it itself";
  EXPECT_EQ(heard(3), kOwnAs);
  EXPECT_EQ(heard(4), std::nullopt);
  EXPECT_EQ(heard(5), kOwnAs);
}

TEST_F(Rfc9234_5, AMarkedRouteGoesToCustomersOnly) {
  for (const auto& [id, role] : {std::pair{2U, BgpRole::Customer},
                                 {3U, BgpRole::Peer},
                                 {4U, BgpRole::RsClient},
                                 {5U, BgpRole::Provider},
                                 {6U, BgpRole::Rs}})
    up(id, role);
  learn(BgpRole::Customer, {});
  for (const PeerId id : {2U, 3U, 4U}) {
    EXPECT_FALSE(w.heard[id].knows("10.1.0.0/16")) << id;
    EXPECT_THAT(w.rib.why_not_advertised(id, net("10.1.0.0/16")), testing::HasSubstr("OTC"));
  }
  EXPECT_EQ(heard(5), Asn{65001}) << "the mark is not changed";
  EXPECT_EQ(heard(6), Asn{65001});
}

TEST_F(Rfc9234_5, OurOwnRoutesAreMarkedForCustomersPeersAndRouteServerClients) {
  up(2, BgpRole::Provider);
  up(3, BgpRole::Peer);
  up(4, BgpRole::Rs);
  up(5, BgpRole::Customer);
  w.rib.set_local_routes({{.prefix = net("10.1.0.0/16"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  for (const PeerId id : {2U, 3U, 4U}) EXPECT_EQ(heard(id), kOwnAs) << id;
  EXPECT_EQ(heard(5), std::nullopt);
}

TEST_F(Rfc9234_5, TheAsInTheMarkIsTheOneTheSessionShows) {
  RibPeer peer = ebgp(2);
  peer.role = BgpRole::Provider;
  peer.local_as = Asn{64999};
  w.up(2, peer);
  w.rib.set_local_routes({{.prefix = net("10.1.0.0/16"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(heard(2), Asn{64999});
}

TEST_F(Rfc9234_5, WithoutARoleAndTowardsIbgpTheMarkIsCarriedUntouched) {
  up(2, {});
  w.up(3, ibgp(3));
  learn({}, 65009);
  EXPECT_EQ(heard(2), Asn{65009});
  EXPECT_EQ(heard(3), Asn{65009});
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_EQ(heard(2), std::nullopt);
  EXPECT_EQ(heard(3), std::nullopt);
}

}  // namespace
}  // namespace slash32::bgp::test
