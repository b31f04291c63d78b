// RFC 8654 in a session: a long message is taken once our OPEN has said so, and never otherwise.
#include <gtest/gtest.h>

#include "bgpd/wire/header.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

World established(bool a_has_it, bool b_has_it) {
  PeerSettings a = settings_of(65001, 1, 65002), b = settings_of(65002, 2, 65001);
  a.extended_messages = a_has_it;
  b.extended_messages = b_has_it;
  World w{a, b};
  w.start();
  w.run_for(Seconds{30});
  return w;
}

/// As many withdrawals as fit into `size` octets, as one message.
std::vector<std::uint8_t> long_update(std::size_t size) {
  std::vector<Prefix> prefixes;
  for (std::uint32_t i = 0; i < (size - 23) / 4; ++i) prefixes.push_back(Prefix{IpAddress::v4(i << 8), 24});
  std::vector<std::uint8_t> out;
  EXPECT_EQ(encode_withdrawals(prefixes, AddressFamily::IPv4, size, out), 1U);
  EXPECT_GT(out.size(), size - 4);
  return out;
}

void say(World& w, const std::vector<std::uint8_t>& bytes) {
  w.perform(0, w.a().peer->on_bytes(w.a().peer->status().session->connection, bytes, w.now));
}

TEST(Rfc8654, ALongUpdateIsReadWhereBothSidesSaidSo) {
  World w = established(true, true);
  EXPECT_TRUE(w.a().peer->status().session->extended_messages);
  say(w, long_update(65535));
  ASSERT_EQ(w.a().updates.size(), 1U);
  EXPECT_EQ(w.a().updates[0].update.withdrawn.size(), (65535U - 23) / 4);
  EXPECT_TRUE(w.both_established());
}

TEST(Rfc8654_4, ALongUpdateIsReadAlsoFromAPeerThatDidNotSayItTakesThem) {
  World w = established(true, false);
  EXPECT_FALSE(w.a().peer->status().session->extended_messages) << "it is not sent any";
  say(w, long_update(65535));
  EXPECT_EQ(w.a().updates.size(), 1U);
  EXPECT_TRUE(w.both_established());
}

TEST(Rfc8654_4, WithoutOurCapabilityItsLengthIsBad) {
  for (const bool theirs : {true, false}) {
    World w = established(false, theirs);
    EXPECT_FALSE(w.a().peer->status().session->extended_messages);
    say(w, long_update(4100));
    EXPECT_TRUE(w.a().updates.empty());
    ASSERT_TRUE(w.a().peer->status().last_sent);
    EXPECT_EQ(w.a().peer->status().last_sent->code, 1);
    EXPECT_EQ(w.a().peer->status().last_sent->subcode, 2);
  }
}

TEST(Rfc8654_4, ALongOpenInASessionIsBadAllTheSame) {
  World w = established(true, true);
  std::vector<std::uint8_t> open(16, 0xff);
  for (const int byte : {5000 >> 8, 5000 & 0xff, 1}) open.push_back(static_cast<std::uint8_t>(byte));
  say(w, open);
  EXPECT_EQ(w.a().peer->status().last_sent->code, 1);
  EXPECT_EQ(w.a().peer->status().last_sent->subcode, 2);
}

}  // namespace
}  // namespace slash32::bgp
