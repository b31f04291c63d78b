// Well-known communities (RFC 1997), and what else of a route stays at the AS's border.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr Community kNoExport = 0xffffff01;
constexpr Community kNoAdvertise = 0xffffff02;
constexpr Community kNoExportSubconfed = 0xffffff03;

struct Rfc1997 : testing::Test {
  Rfc1997() {
    w.up(1, ebgp(1));
    w.up(2, ebgp(2));
    w.up(3, ibgp(3));
  }
  void learn(Community community) {
    w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [&](auto& a) { a.communities = {community}; })));
    w.settle();
  }
  World w;
};

TEST_F(Rfc1997, NoExportStaysInTheAs) {
  learn(kNoExport);
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].communities, std::vector{kNoExport});
}

TEST_F(Rfc1997, NoExportSubconfedStaysInTheAs) {
  learn(kNoExportSubconfed);
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_TRUE(w.heard[3].knows("10.1.0.0/16"));
}

TEST_F(Rfc1997, NoAdvertiseGoesNowhereButIntoTheKernel) {
  learn(kNoAdvertise);
  EXPECT_TRUE(w.heard[2].table.empty());
  EXPECT_TRUE(w.heard[3].table.empty());
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST_F(Rfc1997, TakingTheCommunityOffAnnouncesTheRoute) {
  learn(kNoExport);
  learn(0x00010001);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].communities, std::vector<Community>{0x00010001});
}

// The community is for those who receive it; we may still tell them.
TEST_F(Rfc1997, NoExportOnARouteOfOurOwnIsSentToTheExternalPeer) {
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {kNoExport}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].communities, std::vector{kNoExport});
}

TEST(Rfc4360_6, NonTransitiveExtendedCommunitiesStayInTheAs) {
  World w;
  w.up(1, ibgp(1));
  w.up(2, ebgp(2));
  const ExtendedCommunity transitive{0x00, 2, 0, 1, 0, 0, 0, 1};
  const ExtendedCommunity local{0x40, 2, 0, 1, 0, 0, 0, 1};
  w.say(1, announce({"10.1.0.0/16"}, but(route({}), [&](auto& a) { a.extended_communities = {transitive, local}; })));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].extended_communities, std::vector{transitive});
}

TEST(Rfc5701_2, NonTransitiveIpv6ExtendedCommunitiesStayInTheAs) {
  World w;
  w.up(1, ibgp(1));
  w.up(2, ebgp(2));
  w.up(3, client(3));
  std::vector<std::uint8_t> transitive(20, 7), local(20, 9);
  transitive[0] = 0x00;
  local[0] = 0x40;
  auto both = local;
  both.insert(both.end(), transitive.begin(), transitive.end());
  const auto with = [](const std::vector<std::uint8_t>& value) {
    return but(route({}), [&](auto& a) { a.unknown = {{.flags = 0xc0, .type = 25, .value = value}}; });
  };
  w.say(1, announce({"10.1.0.0/16"}, with(both)));
  w.say(1, announce({"10.2.0.0/16"}, with(local)));
  w.settle();
  ASSERT_EQ(w.heard[2]["10.1.0.0/16"].unknown.size(), 1U);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].unknown[0].value, transitive);
  EXPECT_TRUE(w.heard[2]["10.2.0.0/16"].unknown.empty()) << "no attribute without a value";
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].unknown.at(0).value, both) << "inside the AS";
}

TEST(Rfc4271_5, UnknownTransitiveAttributesAreSentOnWithPartial) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  const UnknownAttribute unknown{.flags = 0xc0, .type = 200, .value = {1, 2, 3}};
  w.say(1, announce({"10.1.0.0/16"}, but(route({65001}), [&](auto& a) { a.unknown = {unknown}; })));
  w.settle();
  ASSERT_EQ(w.heard[2]["10.1.0.0/16"].unknown.size(), 1U);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].unknown[0].value, unknown.value);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].unknown[0].flags, 0xe0);
}

}  // namespace
}  // namespace slash32::bgp::test
