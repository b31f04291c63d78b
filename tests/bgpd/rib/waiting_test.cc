// What waits: for the decision, and for a peer to be told.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

TEST(Waiting, PrefixesWaitForTheDecisionAndThenForEachPeer) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.settle();
  EXPECT_EQ(w.rib.waiting(2).prefixes, 0U);
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  EXPECT_EQ(w.rib.undecided(), 2U);
  while (w.rib.run(100)) {
  }
  EXPECT_EQ(w.rib.undecided(), 0U);
  EXPECT_EQ(w.rib.waiting(2).prefixes, 2U);
  w.settle();
  EXPECT_EQ(w.rib.waiting(2).prefixes, 0U);
  EXPECT_EQ(w.rib.waiting(2).octets, 0U);
  EXPECT_EQ(w.rib.waiting(9).prefixes, 0U) << "nobody";
}

TEST(Waiting, WhoComesLaterWaitsForTheWholeTable) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  w.settle();
  w.up(2, ebgp(2));
  EXPECT_GE(w.rib.waiting(2).prefixes, 2U);
  w.settle();
  EXPECT_EQ(w.rib.waiting(2).prefixes, 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
