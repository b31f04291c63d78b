// A next hop that answers no ARP or ND is used where no other is (RIB's NextHopState::silent).
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr const char* kPrefix = "10.1.0.0/16";

struct SilentNextHop : testing::Test {
  SilentNextHop() {
    for (unsigned n = 1; n <= 3; ++n) w.up(n, ebgp(n));
    w.say(1, announce({kPrefix}, route({65001}, "192.0.2.1")));
    w.say(2, announce({kPrefix}, route({65002, 65010}, "192.0.2.2")));
    w.settle();
  }
  void fall_silent(const char* hop, bool silent = true) {
    auto state = w.hops.contains(ip(hop)) ? w.hops.at(ip(hop)) : NextHopState{.resolved = true, .oif = IfIndex{2}};
    state.silent = silent;
    w.hops[ip(hop)] = state;
    w.rib.next_hops_changed(w.rib.next_hops());
    w.settle();
  }
  PathView view(PeerId peer) {
    for (const PathView& one : w.paths(kPrefix))
      if (one.peer == peer) return one;
    return {};
  }
  World w;
};

TEST_F(SilentNextHop, LosesToAnyOtherPathAndComesBack) {
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
  fall_silent("192.0.2.1");
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.2")}) << "though its AS_PATH is longer";
  EXPECT_EQ(view(1).step, "nextHop");
  EXPECT_EQ(view(1).why_not, "its next hop answers no ARP or ND");
  EXPECT_TRUE(view(1).silent);
  EXPECT_TRUE(view(1).resolved);
  EXPECT_EQ(view(2).won_by, "the others' next hops answer no ARP or ND");
  fall_silent("192.0.2.1", false);
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
}

TEST_F(SilentNextHop, LeavesTheEcmpSet) {
  w.say(3, announce({kPrefix}, route({65003}, "192.0.2.3")));
  w.settle();
  EXPECT_EQ(w.gateways(kPrefix).size(), 2U);
  fall_silent("192.0.2.3");
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
}

TEST_F(SilentNextHop, StaysWhereThereIsNoOther) {
  w.say(2, withdraw({kPrefix}));
  w.settle();
  fall_silent("192.0.2.1");
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
  EXPECT_TRUE(w.heard[3].knows(kPrefix));
}

TEST_F(SilentNextHop, IsDecidedAboutAsEverWhereAllAreSilent) {
  fall_silent("192.0.2.2");
  fall_silent("192.0.2.1");
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
  EXPECT_EQ(view(2).step, "asPathLength");
}

TEST_F(SilentNextHop, IsNobodysBackup) {
  auto settings = World::settings();
  settings.backups = true;
  w.rib.reconfigure(std::move(settings));
  w.settle();
  const auto backups = [&] { return w.rib.fib().at(0).backup.size(); };
  EXPECT_EQ(backups(), 1U);
  fall_silent("192.0.2.2");
  EXPECT_EQ(backups(), 0U);
}

TEST_F(SilentNextHop, IsAskedAboutAnewOnceNoPathFollowedItAnyMore) {
  fall_silent("192.0.2.1");
  w.say(1, withdraw({kPrefix}));
  w.settle();
  w.hops[ip("192.0.2.1")].silent = false;  // and nobody was told
  w.say(1, announce({kPrefix}, route({65001}, "192.0.2.1")));
  w.settle();
  EXPECT_FALSE(view(1).silent);
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
}

TEST_F(SilentNextHop, IsAskedAboutAnewThoughItFellSilentWhileNoPathUsedIt) {
  w.say(1, withdraw({kPrefix}));
  w.settle();
  fall_silent("192.0.2.1");  // as another next hop by the same gateway has it
  w.hops[ip("192.0.2.1")].silent = false;
  w.say(1, announce({kPrefix}, route({65001}, "192.0.2.1")));
  w.settle();
  EXPECT_FALSE(view(1).silent);
}

TEST_F(SilentNextHop, IsKnownAsInUseAsLongAsAPathIs) {
  const FibNextHop hop{ip("192.0.2.1"), w.rib.fib().at(0).next_hops.at(0).oif};
  EXPECT_TRUE(w.rib.uses(hop));
  fall_silent("192.0.2.1");
  EXPECT_TRUE(w.rib.uses(hop)) << "silent ones as well";
  w.say(1, withdraw({kPrefix}));
  w.settle();
  EXPECT_FALSE(w.rib.uses(hop));
}

}  // namespace
}  // namespace slash32::bgp::test
