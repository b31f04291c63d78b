// What takes over when a prefix's only next hop dies, told to the kernel beforehand (RibSettings::backups).
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr const char* kPrefix = "10.1.0.0/16";

struct Backup : testing::Test {
  Backup() {
    use(true);
    for (unsigned n = 1; n <= 3; ++n) w.up(n, ebgp(n));
  }
  void use(bool backups) {
    auto settings = World::settings();
    settings.backups = backups;
    w.rib.reconfigure(std::move(settings));
  }
  /// A path of this length by neighbour `n` and a next hop.
  void say(unsigned n, std::size_t length, const char* hop) {
    auto attributes = route({65000 + n}, hop);
    for (std::size_t i = 1; i < length; ++i) attributes.as_path.segments.back().asns.emplace_back(65100);
    w.say(n, announce({kPrefix}, attributes));
    w.settle();
  }
  std::vector<IpAddress> backup() {
    std::vector<IpAddress> out;
    for (const FibDelta& delta : w.rib.fib())
      for (const FibNextHop& hop : delta.backup) out.push_back(hop.gateway);
    return out;
  }
  World w;
};

TEST_F(Backup, IsTheNextHopOfTheNextBestPath) {
  say(1, 1, "192.0.2.1");
  EXPECT_TRUE(backup().empty()) << "there is nothing else";
  say(2, 3, "192.0.2.2");
  EXPECT_EQ(backup(), std::vector{ip("192.0.2.2")});
  say(3, 2, "192.0.2.3");
  EXPECT_EQ(backup(), std::vector{ip("192.0.2.3")});
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.1")});
}

TEST_F(Backup, IsNotByTheSameNextHop) {
  say(1, 1, "192.0.2.1");
  say(2, 2, "192.0.2.1");
  EXPECT_TRUE(backup().empty());
  say(3, 3, "192.0.2.3");
  EXPECT_EQ(backup(), std::vector{ip("192.0.2.3")});
}

TEST_F(Backup, IsNotNeededWhereSeveralForward) {
  say(1, 1, "192.0.2.1");
  say(2, 1, "192.0.2.2");
  say(3, 2, "192.0.2.3");
  EXPECT_TRUE(backup().empty());
  EXPECT_EQ(w.gateways(kPrefix).size(), 2U);
}

TEST_F(Backup, GoesWithItsPathAndWithItsNextHop) {
  say(1, 1, "192.0.2.1");
  say(2, 2, "192.0.2.2");
  say(3, 3, "192.0.2.3");
  w.hops[ip("192.0.2.2")] = {};
  w.rib.next_hops_changed({{ip("192.0.2.2"), {}}});
  w.settle();
  EXPECT_EQ(backup(), std::vector{ip("192.0.2.3")});
  w.say(3, withdraw({kPrefix}));
  w.settle();
  EXPECT_TRUE(backup().empty());
}

TEST_F(Backup, TakesOverAsTheDecisionDoes) {
  say(1, 1, "192.0.2.1");
  say(2, 2, "192.0.2.2");
  say(3, 3, "192.0.2.3");
  w.down(1);
  w.settle();
  EXPECT_EQ(w.gateways(kPrefix), std::vector{ip("192.0.2.2")});
  EXPECT_EQ(backup(), std::vector{ip("192.0.2.3")});
}

TEST_F(Backup, IsNotToldUnlessAskedFor) {
  use(false);
  say(1, 1, "192.0.2.1");
  say(2, 2, "192.0.2.2");
  EXPECT_TRUE(backup().empty());
}

}  // namespace
}  // namespace slash32::bgp::test
