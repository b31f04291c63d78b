// A next hop that is lost goes ahead of a table that is being loaded: in the decision, and towards every neighbour.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr const char* kLost = "192.0.2.77";
constexpr unsigned kTable = 2000;

struct NextHopLoss : testing::Test {
  NextHopLoss() {
    for (unsigned n = 1; n <= 3; ++n) w.up(n, ebgp(n));
    w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001}, kLost)));
    w.say(2, announce({"10.2.0.0/16"}, route({65002, 65010}, "192.0.2.2")));
    w.settle();
  }
  /// A table stands in line, undecided; then the next hop goes.
  void lose_while_loading() {
    std::vector<std::string> table;
    for (unsigned i = 0; i < kTable; ++i)
      table.push_back("20." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24");
    w.say(2, announce(table, route({65002}, "192.0.2.2")));
    w.hops[ip(kLost)] = {};
    w.rib.next_hops_changed({{ip(kLost), {}}});
  }
  World w;
};

TEST_F(NextHopLoss, IsDecidedAndWithdrawnFromTheKernelInTheFirstTurn) {
  lose_while_loading();
  EXPECT_TRUE(w.rib.run(10)) << "the table is still waiting";
  w.kernel_takes();
  EXPECT_TRUE(w.gateways("10.1.0.0/16").empty());
  EXPECT_EQ(w.gateways("10.2.0.0/16"), std::vector{ip("192.0.2.2")}) << "the other path, without a gap";
  EXPECT_LT(w.kernel.size(), 20U);
}

TEST_F(NextHopLoss, IsToldToNeighborsAheadOfTheTable) {
  lose_while_loading();
  while (w.rib.run(1000)) {
  }
  w.heard[3].updates.clear();
  w.listen(3, w.heard[3], 4096);
  ASSERT_FALSE(w.heard[3].updates.empty());
  EXPECT_EQ(w.heard[3].updates.front().withdrawn, std::vector{net("10.1.0.0/16")});
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16"));
}

}  // namespace
}  // namespace slash32::bgp::test
