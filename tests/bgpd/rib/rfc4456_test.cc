// Route reflection (RFC 4456): who hears what from whom, and the two attributes that stop loops.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

struct Rfc4456 : testing::Test {
  Rfc4456() {
    w.up(1, client(1));
    w.up(2, client(2));
    w.up(3, ibgp(3));
    w.up(4, ibgp(4));
    w.up(5, ebgp(5));
  }
  std::set<PeerId> who_knows(std::string_view prefix) {
    std::set<PeerId> ids;
    for (const auto& [id, listener] : w.heard)
      if (listener.knows(prefix)) ids.insert(id);
    return ids;
  }
  World w;
};

TEST_F(Rfc4456, Section6_AClientsRouteGoesToEverybodyElse) {
  w.say(1, announce({"10.1.0.0/16"}, route({})));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{2, 3, 4, 5}));
}

TEST_F(Rfc4456, Section6_ANonClientsRouteGoesToClientsAndOutside) {
  w.say(3, announce({"10.1.0.0/16"}, route({}, "192.0.2.3")));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{1, 2, 5}));
}

TEST_F(Rfc4456, Section6_AnExternalRouteGoesToEverybodyElse) {
  w.say(5, announce({"10.1.0.0/16"}, route({65005}, "192.0.2.5")));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{1, 2, 3, 4}));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].originator_id, std::nullopt);  // not reflected: came from outside
  EXPECT_TRUE(w.heard[3]["10.1.0.0/16"].cluster_list.empty());
}

TEST_F(Rfc4456, Section8_AReflectedRouteCarriesOriginatorAndCluster) {
  w.say(1, announce({"10.1.0.0/16"}, but(route({}), [](auto& a) { a.local_pref = 300; })));
  w.settle();
  const PathAttributes& heard = w.heard[3]["10.1.0.0/16"];
  EXPECT_EQ(heard.originator_id, RouterId{1});
  EXPECT_EQ(heard.cluster_list, std::vector{kOwnId});
  EXPECT_EQ(heard.next_hop, ip("192.0.2.1"));  // section 10: attributes are left alone
  EXPECT_EQ(heard.local_pref, 300U);
  EXPECT_EQ(w.heard[5]["10.1.0.0/16"].originator_id, std::nullopt);  // non-transitive
  EXPECT_TRUE(w.heard[5]["10.1.0.0/16"].cluster_list.empty());
}

TEST_F(Rfc4456, Section8_AnExistingOriginatorStaysAndTheClusterIsPrepended) {
  w.say(1, announce({"10.1.0.0/16"}, but(route({}), [](auto& a) {
                      a.originator_id = RouterId{77};
                      a.cluster_list = {RouterId{88}};
                    })));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].originator_id, RouterId{77});
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].cluster_list, (std::vector{kOwnId, RouterId{88}}));
}

TEST_F(Rfc4456, Section8_OurOwnRouteComingBackIsKeptShownAndNotUsed) {
  w.say(3, announce({"10.1.0.0/16"}, but(route({}), [](auto& a) { a.originator_id = kOwnId; })));
  w.say(3, announce({"10.2.0.0/16"}, but(route({}), [](auto& a) { a.cluster_list = {RouterId{5}, kOwnId}; })));
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.why_not("10.1.0.0/16", 3), "ORIGINATOR_ID is our router ID");
  EXPECT_EQ(w.why_not("10.2.0.0/16", 3), "CLUSTER_LIST contains our cluster ID");
  EXPECT_EQ(w.rib.counts(3, AddressFamily::IPv4).received, 2U);
  EXPECT_EQ(w.rib.counts(3, AddressFamily::IPv4).accepted, 0U);
}

TEST_F(Rfc4456, WithoutClientsNothingInternalIsPassedOn) {
  World plain;
  plain.up(3, ibgp(3));
  plain.up(4, ibgp(4));
  plain.say(3, announce({"10.1.0.0/16"}, route({}, "192.0.2.3")));
  plain.settle();
  EXPECT_TRUE(plain.heard[4].table.empty());
}

// RFC 4271 section 5.1.3: a route is not told to a peer with that peer's own address as next hop.
TEST_F(Rfc4456, APeerIsNeverToldItsOwnAddressAsNextHop) {
  w.say(1, announce({"10.1.0.0/16"}, route({}, "192.0.2.2")));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{3, 4, 5}));
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).advertised, 0U);
  w.say(1, announce({"10.1.0.0/16"}, route({}, "192.0.2.9")));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{2, 3, 4, 5}));
  w.say(1, announce({"10.1.0.0/16"}, route({}, "192.0.2.2")));
  w.settle();
  EXPECT_EQ(who_knows("10.1.0.0/16"), (std::set<PeerId>{3, 4, 5}));
}

}  // namespace
}  // namespace slash32::bgp::test
