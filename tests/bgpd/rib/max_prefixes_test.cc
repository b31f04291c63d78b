// maxPrefixes.out: what is beyond it waits, and what is our own never does.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

struct MaxPrefixesOut : testing::Test {
  void up(std::uint32_t limit) {
    w.up(1, ebgp(1));
    w.up(2, limited(limit));
    w.up(3, ebgp(3));
  }
  static RibPeer limited(std::optional<std::uint32_t> limit) {
    RibPeer peer = ebgp(2);
    peer.max_prefixes_out = limit;
    return peer;
  }
  void learn(const std::vector<std::string>& prefixes) {
    w.say(1, announce(prefixes, route({65001})));
    w.settle();
  }
  void lose(const std::vector<std::string>& prefixes) {
    w.say(1, withdraw(prefixes));
    w.settle();
  }
  std::uint64_t held_back() const { return w.rib.counts(2, AddressFamily::IPv4).held_back; }
  World w;
};

TEST_F(MaxPrefixesOut, WhatIsBeyondItIsNotToldAndOthersAreToldAll) {
  up(2);
  learn({"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"});
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  EXPECT_EQ(held_back(), 1U);
  EXPECT_EQ(w.heard[3].table.size(), 3U);
  EXPECT_EQ(w.rib.counts(3, AddressFamily::IPv4).held_back, 0U);
  EXPECT_THAT(w.rib.why_not_advertised(2, net("10.3.0.0/16")), testing::HasSubstr("maxPrefixes.out"));
}

TEST_F(MaxPrefixesOut, WhatWaitsIsToldWhenThereIsRoom) {
  up(2);
  learn({"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"});
  lose({"10.1.0.0/16"});
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  EXPECT_EQ(held_back(), 1U);
  lose({"10.2.0.0/16", "10.3.0.0/16"});
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_EQ(held_back(), 0U);
}

TEST_F(MaxPrefixesOut, WhatWaitedAndWentIsForgotten) {
  up(1);
  learn({"10.1.0.0/16", "10.2.0.0/16"});
  lose({"10.2.0.0/16"});
  EXPECT_EQ(held_back(), 0U);
  lose({"10.1.0.0/16"});
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(MaxPrefixesOut, ARouteThatIsToldMayChange) {
  up(1);
  learn({"10.1.0.0/16"});
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 65100})));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65001, 65100}));
  EXPECT_EQ(held_back(), 0U);
}

TEST_F(MaxPrefixesOut, OurOwnRoutesAreAlwaysToldAndCount) {
  up(1);
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}},
                          {.prefix = net("10.244.2.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  learn({"10.1.0.0/16"});
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  EXPECT_EQ(held_back(), 1U);
  w.rib.set_local_routes({});
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
}

TEST_F(MaxPrefixesOut, EachFamilyHasItsOwn) {
  up(1);
  learn({"10.1.0.0/16"});
  w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U);
}

TEST_F(MaxPrefixesOut, AnotherLimitSaysOnlyTheDifference) {
  up(1);
  learn({"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"});
  w.rib.peer_changed(2, limited(2));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 2U);
  w.rib.peer_changed(2, limited({}));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 3U);
  EXPECT_EQ(w.heard[2].repeated, 0U);
  w.rib.peer_changed(2, limited(1));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_EQ(w.heard[2].pointless, 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
