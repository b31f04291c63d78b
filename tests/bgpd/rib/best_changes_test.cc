// Changes of best paths, as events tell them: each change once, and nothing that changed nothing.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct BestChangesTest : testing::Test {
  BestChangesTest() {
    w.up(1, ebgp(1));
    w.up(2, ebgp(2));
    w.settle();
    w.rib.watch_best(true);
  }
  std::vector<std::string> changed() {
    w.settle();
    std::vector<std::string> out;
    for (const Prefix& prefix : w.rib.take_best_changes().prefixes) out.push_back(prefix.to_string());
    return out;
  }
  World w;
};

TEST_F(BestChangesTest, AFirstPathABetterOneAndTheLastOnesEndAreChanges) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 65009})));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
  w.say(2, announce({"10.1.0.0/16"}, route({65002})));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
  w.say(2, withdraw({"10.1.0.0/16"}));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
  w.say(1, withdraw({"10.1.0.0/16"}));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
}

TEST_F(BestChangesTest, OtherAttributesOfTheSamePathAreAChange) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) { a.med = 7; })));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
}

TEST_F(BestChangesTest, TheSameOnceMoreAndAWorsePathAreNone) {
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  EXPECT_THAT(changed(), ElementsAre("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(2, announce({"10.1.0.0/16"}, route({65002, 65009})));
  EXPECT_THAT(changed(), IsEmpty());
  w.say(2, withdraw({"10.1.0.0/16"}));
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(BestChangesTest, RoutesOfOurOwnCount) {
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  EXPECT_THAT(changed(), ElementsAre("10.244.1.0/24"));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = 5}});
  EXPECT_THAT(changed(), ElementsAre("10.244.1.0/24"));
  w.rib.set_local_routes({});
  EXPECT_THAT(changed(), ElementsAre("10.244.1.0/24"));
}

TEST_F(BestChangesTest, WhoDoesNotWatchCostsNothing) {
  w.rib.watch_best(false);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  EXPECT_THAT(changed(), IsEmpty());
  w.rib.watch_best(true);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  EXPECT_THAT(changed(), IsEmpty()) << "what was there before is no change";
}

TEST_F(BestChangesTest, WhatIsNotTakenIsBoundedAndCounted) {
  constexpr std::size_t kMany = 12'000;
  Update update = announce({}, route({65001}));
  for (std::uint32_t i = 0; i < kMany; ++i)
    update.announced[0].prefixes.push_back(Prefix(IpAddress::v4(0x0B000000 + i * 256), 24));
  w.say(1, update);
  w.settle();
  const auto changes = w.rib.take_best_changes();
  EXPECT_EQ(changes.prefixes.size() + changes.lost, kMany);
  EXPECT_GT(changes.lost, 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
