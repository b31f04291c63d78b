// UPDATE packing: what is sent, decoded again, is what was meant; messages are full, and there are as few as can be.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

std::vector<std::string> prefixes_v4(unsigned count, unsigned from = 0) {
  std::vector<std::string> list;
  for (unsigned i = from; i < from + count; ++i)
    list.push_back("20." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24");
  return list;
}

std::size_t messages_with_routes(const Listener& listener) {
  return static_cast<std::size_t>(std::ranges::count_if(
      listener.updates, [](const Update& u) { return !u.announced.empty() || !u.withdrawn.empty(); }));
}

TEST(Packing, RoutesOfEqualAttributesShareFullMessages) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce(prefixes_v4(3000), route({65001})));
  w.settle();
  w.up(2, ebgp(2));
  w.settle(1 << 20);
  EXPECT_EQ(w.heard[2].table.size(), 3000U);
  // 4096 octets hold 23 of header, some 23 of attributes and 4 a route: about 1010 routes.
  EXPECT_EQ(messages_with_routes(w.heard[2]), 3U);
}

TEST(Packing, ASetSaidInManyMessagesIsSentInOne) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.settle();
  for (unsigned i = 0; i < 100; ++i)  // two sets, taking turns
    w.say(1, announce(prefixes_v4(1, i), route({65001, 65100 + i % 2})));
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 100U);
  EXPECT_EQ(messages_with_routes(w.heard[2]), 2U);
}

TEST(Packing, WithdrawalsShareAMessageAndGoFirst) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce(prefixes_v4(500), route({65001})));
  w.settle();
  w.heard[2].updates.clear();
  w.say(1, announce(prefixes_v4(10, 600), route({65001})));
  w.say(1, withdraw(prefixes_v4(500)));
  w.settle();
  ASSERT_EQ(messages_with_routes(w.heard[2]), 2U);
  EXPECT_EQ(w.heard[2].updates[0].withdrawn.size(), 500U);
  EXPECT_EQ(w.heard[2].table.size(), 10U);
}

TEST(Packing, Ipv6WithdrawalsCarryNothingElse) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"2001:db8:1::/48", "2001:db8:2::/48"}, route({65001}, "2001:db8::1")));
  w.settle();
  w.heard[2].updates.clear();
  w.say(1, withdraw({"2001:db8:1::/48", "2001:db8:2::/48"}));
  w.settle();
  ASSERT_EQ(w.heard[2].updates.size(), 1U);
  EXPECT_EQ(w.heard[2].updates[0].withdrawn.size(), 2U);
  EXPECT_TRUE(w.heard[2].updates[0].announced.empty());
}

TEST(Packing, FillsTheMessageSizeOfTheSession) {
  World w;
  RibPeer large = ebgp(2);
  large.max_message_size = 65535;  // RFC 8654
  w.up(1, ebgp(1));
  w.up(2, large);
  w.say(1, announce(prefixes_v4(3000), route({65001})));
  w.settle(1 << 20);
  EXPECT_EQ(w.heard[2].table.size(), 3000U);
  EXPECT_EQ(messages_with_routes(w.heard[2]), 1U);
}

// RFC 4271 section 9.2: what does not fit a message is not advertised; who had the route loses it.
TEST(Packing, AttributesThatLeaveNoRoomWithdrawTheRoute) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [](auto& a) { a.communities.assign(1010, 7); })));
  w.settle();
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST(Packing, OneEncodingServesAllNeighboursWithEqualSettings) {
  World w;
  w.up(1, ibgp(1));
  for (unsigned n = 2; n <= 5; ++n) w.up(n, ebgp(n));
  w.settle();
  w.say(1, announce(prefixes_v4(2500), route({})));
  w.settle();
  w.say(2, announce(prefixes_v4(100), but(route({65002}, "192.0.2.2"), [](auto& a) { a.local_pref = 1; })));  // loses
  w.settle();
  for (unsigned n = 3; n <= 5; ++n) {
    EXPECT_EQ(w.heard[n].table, w.heard[2].table);
    EXPECT_EQ(w.heard[n].table.size(), 2500U);
    EXPECT_EQ(w.heard[n].repeated + w.heard[n].pointless, 0U);
  }
}

// Withdrawals are looked up a group at a time: what stands twice in one message, was never said or is of the other
// family must not matter.
TEST(Packing, WithdrawalsOfAMessageMayBeRepeatedUnknownAndOfBothFamilies) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce(prefixes_v4(40), route({65001})));
  w.say(1, announce({"2001:db8:1::/48", "2001:db8:2::/48"}, route({65001}, "2001:db8::1")));
  w.settle();
  Update update = withdraw(prefixes_v4(35));
  for (const char* more : {"20.0.3.0/24", "20.0.3.0/24", "203.0.113.0/24", "2001:db8:1::/48", "2001:db8:9::/48"})
    update.withdrawn.insert(update.withdrawn.begin() + 4, net(more));
  w.say(1, update);
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 6U);
  EXPECT_TRUE(w.heard[2].table.contains(net("2001:db8:2::/48")));
  EXPECT_EQ(w.heard[2].pointless, 0U);
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 5U);
}

// More sets than are remembered at first, in another order than they came in, so that what is remembered grows.
TEST(Packing, ManySetsInAnyOrderAreSentAsTheyAre) {
  constexpr unsigned kSets = 400;
  constexpr unsigned kEach = 4;
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ebgp(3));
  for (unsigned set = 0; set < kSets; ++set)
    w.say(1, announce(prefixes_v4(kEach, set * kEach), route({65001, 70000 + set, 66000})));
  w.say(2, announce(prefixes_v4(kSets * kEach), route({65002})));
  w.settle();
  const std::vector<std::string> all = prefixes_v4(kSets * kEach);
  for (unsigned i = 0; i < all.size(); ++i)
    w.say(2, withdraw({all[i * 7 % all.size()]}));  // 7 shares no factor with it
  w.settle();
  ASSERT_EQ(w.heard[3].table.size(), all.size());
  for (unsigned i = 0; i < all.size(); ++i)
    EXPECT_EQ(w.heard[3].table.at(net(all[i])).as_path, as_path({64512, 65001, 70000 + i / kEach, 66000})) << all[i];
}

}  // namespace
}  // namespace slash32::bgp::test
