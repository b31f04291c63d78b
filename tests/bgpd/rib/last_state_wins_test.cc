// The queue towards a neighbour is one of prefixes, not of messages: what was overtaken is never sent, a slow reader
// costs no more than the table, and a prefix with another path is replaced, never withdrawn first.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

struct LastStateWins : testing::Test {
  LastStateWins() {
    for (unsigned n = 1; n <= 4; ++n) w.up(n, ebgp(n));
    w.settle();
    for (auto& [id, listener] : w.heard) listener.updates.clear();
  }
  void decide() {
    while (w.rib.run(10)) {
    }
  }
  World w;
};

TEST_F(LastStateWins, OnlyTheLastOfManyStatesIsSent) {
  for (unsigned i = 0; i < 10; ++i) {
    w.say(1, announce({"10.1.0.0/16"}, route({65001, 65100 + i})));
    decide();
  }
  w.settle();
  ASSERT_EQ(w.heard[2].updates.size(), 1U);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65001, 65109}));
}

TEST_F(LastStateWins, ARouteThatCameAndWentIsNeverMentioned) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  decide();
  w.say(1, withdraw({"10.1.0.0/16"}));
  w.settle();
  EXPECT_TRUE(w.heard[2].updates.empty());
  EXPECT_EQ(w.deltas, 0U);
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(LastStateWins, ARouteThatWentAndCameBackTheSameIsNotRepeated) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  const std::size_t before = w.heard[2].messages;
  const std::size_t deltas = w.deltas;
  w.say(1, withdraw({"10.1.0.0/16"}));
  decide();
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_EQ(w.heard[2].messages, before);
  EXPECT_EQ(w.deltas, deltas);
}

TEST_F(LastStateWins, AForgottenPrefixsPlaceTakenByAnotherConfusesNobody) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  w.say(1, withdraw({"10.1.0.0/16"}));
  decide();
  w.say(1, announce({"10.2.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_TRUE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST_F(LastStateWins, APrefixWithASurvivingPathIsReplacedNeverWithdrawn) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(3, announce({"10.1.0.0/16"}, route({65003, 65004}, "192.0.2.3")));
  w.settle();
  for (auto& [id, listener] : w.heard) listener.updates.clear();
  w.down(1);
  w.settle();
  ASSERT_EQ(w.heard[2].updates.size(), 1U);
  EXPECT_TRUE(w.heard[2].updates[0].withdrawn.empty());
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65003, 65004}));
  ASSERT_EQ(w.heard[3].updates.size(), 1U);  // it is the source now: it loses what it was told
  EXPECT_EQ(w.heard[3].updates[0].withdrawn.size(), 1U);
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.3")});
}

std::vector<std::string> many(unsigned count) {
  std::vector<std::string> list;
  for (unsigned i = 0; i < count; ++i)
    list.push_back("20." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24");
  return list;
}

TEST_F(LastStateWins, ASlowReaderHoldsNobodyUpAndHearsTheEndOfTheStory) {
  const auto prefixes = many(12000);
  for (unsigned round = 0; round < 12; ++round) {
    w.say(1, announce(prefixes, route({65001, 65100 + round})));
    decide();
    for (const PeerId id : {2U, 4U})  // 3 does not read
      while (w.rib.has_output(id)) w.listen(id, w.heard[id], 65536);
  }
  EXPECT_EQ(w.heard[2].table, w.heard[4].table);
  EXPECT_TRUE(w.heard[3].table.empty());
  std::size_t bytes = 0;
  while (w.rib.has_output(3)) {
    const Rib::Output output = w.rib.take_output(3, 65536);
    bytes += output.bytes.size();
    w.heard[3].hear(output.bytes);
  }
  EXPECT_EQ(w.heard[3].table, w.heard[2].table);
  // A round is about 50 kB. What was encoded before it fell out of step, and the last state: not twelve rounds.
  EXPECT_LT(bytes, 8U * 50000U);
  w.say(1, withdraw(prefixes));
  w.settle();
  EXPECT_TRUE(w.heard[3].table.empty());
  EXPECT_EQ(w.heard[3].pointless, 0U);
}

TEST_F(LastStateWins, WithdrawalsOvertakeAnnouncementsThatWereQueuedBefore) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  for (auto& [id, listener] : w.heard) listener.updates.clear();
  w.say(1, announce(many(5000), route({65001})));
  w.say(1, withdraw({"10.1.0.0/16"}));
  decide();
  w.listen(2, w.heard[2], 4096);
  ASSERT_FALSE(w.heard[2].updates.empty());
  EXPECT_EQ(w.heard[2].updates[0].withdrawn, std::vector{net("10.1.0.0/16")});
  w.settle();
}

}  // namespace
}  // namespace slash32::bgp::test
