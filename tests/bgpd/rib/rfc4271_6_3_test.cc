// What is not believed of a decoded UPDATE (RFC 4271 sections 6.3 and 9.1.2), and prefixes in both of its fields.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

TEST(Rfc4271_9_1_2, OwnAsInThePathIsALoop) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 64512})));
  w.settle();
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "own AS in AS_PATH (allowOwnAs)");
  EXPECT_TRUE(w.kernel.empty());
}

TEST(Rfc4271_9_1_2, OwnAsIsAllowedAsOftenAsTheOperatorSays) {
  World w;
  RibPeer peer = ebgp(1);
  peer.allow_own_as = 1;
  w.up(1, peer);
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 64512})));
  w.say(1, announce({"10.2.0.0/16"}, route({65001, 64512, 64512})));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  EXPECT_EQ(w.why_not("10.2.0.0/16", 1), "own AS in AS_PATH (allowOwnAs)");
}

TEST(Rfc4271_6_3, AnExternalPeersPathBeginsWithItsAs) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ibgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({65002, 65001})));
  w.say(1, announce({"10.2.0.0/16"}, route({})));
  w.say(2, announce({"10.3.0.0/16"}, route({65002}, "192.0.2.2")));  // inside the AS anything may come first
  w.settle();
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "AS_PATH does not begin with the neighbour's AS (enforceFirstAs)");
  EXPECT_EQ(w.why_not("10.2.0.0/16", 1), "AS_PATH does not begin with the neighbour's AS (enforceFirstAs)");
  EXPECT_EQ(w.best("10.3.0.0/16"), 2U);
}

TEST(Rfc7947_2_2_2_1, ARouteServersPathsBeginWithWhomeverItHeard) {
  World w;
  RibPeer server = ebgp(1);
  server.enforce_first_as = false;
  w.up(1, server);
  w.say(1, announce({"10.1.0.0/16"}, route({65002, 65003})));
  w.say(1, announce({"10.2.0.0/16"}, route({65002, 64512})));
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  EXPECT_EQ(w.why_not("10.2.0.0/16", 1), "own AS in AS_PATH (allowOwnAs)") << "a loop stays one";
}

TEST(Rfc4271_6_3, OurOwnAddressIsNoNextHop) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.1.0.0/16"}, route({65001}, "192.0.2.254")));
  w.settle();
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "next hop is our own address");
}

TEST(Rfc4271_4_3, APrefixWithdrawnAndAnnouncedInOneMessageIsAnnounced) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  Update both = announce({"10.1.0.0/16"}, route({65001, 65009}));
  both.withdrawn = {net("10.1.0.0/16")};
  w.say(1, both);
  w.settle();
  EXPECT_EQ(w.best("10.1.0.0/16"), 1U);
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 1U);
}

TEST(Rfc4271_4_3, WithdrawingWhatWasNeverAnnouncedIsHarmless) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, withdraw({"10.1.0.0/16", "2001:db8::/32"}));
  w.settle();
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 0U);
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST(Rib, IgnoresRoutesOfAFamilyThatWasNotNegotiatedAndOfStrangers) {
  World w;
  RibPeer peer = ebgp(1);
  peer.families = {AddressFamily::IPv4};
  w.up(1, peer);
  w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
  w.say(9, announce({"10.1.0.0/16"}, route({65009})));
  w.settle();
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
