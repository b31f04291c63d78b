// RFC 8654 section 4 in the RIB: who takes long messages gets them, and routes that only they can hold.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

RibPeer extended(unsigned n) {
  RibPeer peer = ebgp(n);
  peer.max_message_size = 65535;
  return peer;
}

PathAttributes with_communities(std::size_t count) {
  return but(route({65001}), [&](PathAttributes& a) {
    for (std::uint32_t i = 0; i < count; ++i) a.communities.push_back(0x10000 + i);
  });
}

struct Rfc8654 : testing::Test {
  Rfc8654() {
    w.up(1, extended(1));
    w.up(2, extended(2));
    w.up(3, ebgp(3));
    w.settle();
  }
  std::size_t longest(PeerId id, std::size_t max_bytes = 1 << 20) {
    while (w.rib.run(1000)) {
    }
    const auto out = w.rib.take_output(id, max_bytes);
    std::size_t most = 0;
    for (std::size_t at = 0; at < out.bytes.size();) {
      const std::size_t size = std::size_t{out.bytes[at + 16]} << 8 | out.bytes[at + 17];
      most = std::max(most, size);
      at += size;
    }
    w.heard[id].hear(out.bytes);
    return most;
  }
  World w;
};

TEST_F(Rfc8654, MessagesAreFilledAsFarAsEachPeerTakesThem) {
  Update update = announce({}, route({65001}));
  for (std::uint32_t i = 0; i < 20000; ++i)
    update.announced[0].prefixes.push_back(Prefix{IpAddress::v4(0x14000000 + (i << 8)), 24});
  w.say(1, update);
  const std::size_t most = longest(2), plain = longest(3);
  EXPECT_GT(most, 65535U - 4);
  EXPECT_LE(most, 65535U);
  EXPECT_GT(plain, 4096U - 4);
  EXPECT_LE(plain, 4096U);
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 20000U);
  EXPECT_EQ(w.heard[3].table.size(), 20000U);
}

TEST_F(Rfc8654, ARouteThatOnlyALongMessageHoldsIsNotToldToTheOthers) {
  w.say(1, announce({"10.1.0.0/16"}, with_communities(2000)));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].communities.size(), 2000U);
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16"));
  EXPECT_EQ(w.rib.why_not_advertised(3, net("10.1.0.0/16")), "the attributes leave no room for a prefix in a message");
  EXPECT_EQ(w.rib.counts(3, AddressFamily::IPv4).too_long, 1U);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).too_long, 0U);
}

TEST_F(Rfc8654, ARouteThatGrowsTooLongIsWithdrawnFromTheOthersAndComesBack) {
  w.say(1, announce({"10.1.0.0/16"}, with_communities(10)));
  w.settle();
  EXPECT_TRUE(w.heard[3].knows("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, with_communities(2000)));
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, with_communities(10)));
  w.settle();
  EXPECT_TRUE(w.heard[3].knows("10.1.0.0/16"));
}

TEST_F(Rfc8654, ASessionWithoutItKeepsItsOwnLimit) {
  w.say(1, announce({"10.1.0.0/16"}, with_communities(2000)));
  w.settle();
  w.down(2);
  w.up(2, ebgp(2));
  w.settle();
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
}

}  // namespace
}  // namespace slash32::bgp::test
