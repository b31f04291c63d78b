// What is lost goes ahead of what is announced, however much of that waits; a little of it goes ahead of a table.
#include <algorithm>

#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr std::size_t kFlood = 5000, kTurn = 10;
constexpr std::size_t kAhead = 1000;  // of a neighbour's prefixes go ahead of others' tables

/// Two neighbours; the second one's only route stands in the kernel, and so many of the first one's wait.
struct Urgency : testing::Test {
  Urgency() {
    w.up(1, ebgp(1));
    w.up(2, ebgp(2));
    w.say(2, announce({"10.0.0.0/16"}, route({65002}, "192.0.2.2")));
    w.settle();
    std::vector<std::string> many;
    for (std::size_t i = 0; i < kFlood; ++i)
      many.push_back("20." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24");
    w.say(1, announce(many, route({65001}, "192.0.2.1")));
  }
  /// What a bounded turn has for the kernel, in order.
  std::vector<FibDelta> turn() {
    EXPECT_TRUE(w.rib.run(kTurn)) << "the flood waits still";
    return w.rib.take_fib_deltas();
  }
  void expect_the_loss_first() {
    const auto deltas = turn();
    ASSERT_FALSE(deltas.empty());
    EXPECT_LE(deltas.size(), kTurn);
    EXPECT_EQ(deltas.front().prefix, net("10.0.0.0/16"));
    EXPECT_TRUE(deltas.front().is_removal());
  }
  World w;
};

TEST_F(Urgency, ALostNextHopGoesAheadOfAFloodOfAnnouncements) {
  w.hops[ip("192.0.2.2")] = {.resolved = false, .oif = {}, .igp_cost = 0};
  w.rib.next_hops_changed({{ip("192.0.2.2"), {}}});
  expect_the_loss_first();
}

TEST_F(Urgency, AWithdrawalGoesAheadOfAFloodOfAnnouncements) {
  w.say(2, withdraw({"10.0.0.0/16"}));
  expect_the_loss_first();
}

TEST_F(Urgency, ALostSessionGoesAheadOfAFloodOfAnnouncements) {
  w.down(2);
  expect_the_loss_first();
}

TEST_F(Urgency, AnAnnouncementWaitsItsTurn) {
  w.say(2, announce({"10.0.0.0/16"}, route({65002, 65009}, "192.0.2.3")));
  for (const auto& delta : turn()) EXPECT_NE(delta.prefix, net("10.0.0.0/16"));
}

TEST_F(Urgency, AnAnnouncementDoesNotWaitForAllOfAnothersTable) {
  w.say(2, announce({"10.0.0.0/16"}, route({65002, 65009}, "192.0.2.3")));
  EXPECT_TRUE(w.rib.run(kAhead + 1)) << "the flood waits still";
  const auto deltas = w.rib.take_fib_deltas();
  EXPECT_EQ(std::ranges::count(deltas, net("10.0.0.0/16"), &FibDelta::prefix), 1);
}

TEST_F(Urgency, WhoAnnouncesMuchHimselfWaitsInTurn) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i < kAhead; ++i)
    many.push_back("30." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24");
  w.say(2, announce(many, route({65002}, "192.0.2.2")));
  w.say(2, announce({"10.0.0.0/16"}, route({65002, 65009}, "192.0.2.3")));
  EXPECT_TRUE(w.rib.run(kFlood + kAhead)) << "his last one waits still";
  EXPECT_EQ(std::ranges::count(w.rib.take_fib_deltas(), net("10.0.0.0/16"), &FibDelta::prefix), 0);
  w.settle();
  w.say(2, announce({"10.0.0.0/16"}, route({65002}, "192.0.2.2")));
  EXPECT_FALSE(w.rib.run(kTurn)) << "all was decided: he is one who says little again";
}

}  // namespace
}  // namespace slash32::bgp::test
