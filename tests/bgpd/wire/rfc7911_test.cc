// RFC 7911 on the wire: the capability, and path identifiers in front of routes.
#include <gtest/gtest.h>

#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::kOrigin;
using testing::kPath;
using testing::kSound;
using testing::prefix;
using testing::update;
using testing::operator+;

constexpr AddressFamily k4 = AddressFamily::IPv4;
constexpr AddressFamily k6 = AddressFamily::IPv6;

DecodeContext with_ids(std::vector<AddressFamily> families) {
  DecodeContext context = ebgp();
  context.add_path = std::move(families);
  return context;
}
Result<Open, Notification> open_of(const char* parameters) {
  const Bytes p = hex(parameters);
  return decode_open(hex("04 fd e9 00 5a 0a 00 00 01") + Bytes{static_cast<std::uint8_t>(p.size())} + p);
}
const Bytes kNlri = hex("00000001 18 0af401 00000007 18 0af401");  // 10.244.1.0/24 twice
const Bytes kReach6 =
    hex("80 0e 22 0002 01 10 fd000000000000000000000000000001 00"
        "00000009 40 fd000010 02440001");

TEST(Rfc7911_4, EachFamilySaysWhatItsSenderCan) {
  const auto open = open_of("02 0a 45 08 0001 01 01 0002 01 03");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->capabilities.add_path, (std::vector<AddPathFamily>{{k4, true, false}, {k6, true, true}}));
}

TEST(Rfc7911_4, AValueThatMeansNothingMakesTheCapabilityOneThatIsNotUnderstood) {
  for (const char* parameters : {"02 0a 45 08 0001 01 03 0002 01 00", "02 0a 45 08 0001 01 03 0002 01 04"}) {
    const auto open = open_of(parameters);
    ASSERT_TRUE(open);
    EXPECT_TRUE(open->capabilities.add_path.empty());
  }
}

TEST(Rfc7911_4, FamiliesWeDoNotCarryAreLeftOutAndATornTupleIsMalformed) {
  EXPECT_TRUE(open_of("02 06 45 04 0001 80 03")->capabilities.add_path.empty());
  EXPECT_EQ(open_of("02 05 45 03 0001 01").error(), (Notification{2, 0, hex("45 03 0001 01")}));
}

TEST(Rfc7911_4, TheCapabilityIsWrittenAsItIsRead) {
  Open open;
  open.asn = Asn{65001};
  open.id = RouterId{1};
  open.capabilities.add_path = {{k4, true, false}, {k6, true, true}};
  const auto message = encode_open(open, true);
  EXPECT_EQ(decode_open(std::span{message}.subspan(19))->capabilities.add_path, open.capabilities.add_path);
}

TEST(Rfc7911_3, RoutesOfBothFieldsComeWithTheirPathIds) {
  const auto u = decode_update(update(kSound, kNlri, hex("00000003 10 0a01")), with_ids({k4}));
  ASSERT_TRUE(u);
  EXPECT_EQ(u->announced[0].prefixes, (std::vector{prefix("10.244.1.0/24"), prefix("10.244.1.0/24")}));
  EXPECT_EQ(u->announced[0].path_ids, (std::vector<PathId>{1, 7}));
  EXPECT_EQ(u->withdrawn, std::vector{prefix("10.1.0.0/16")});
  EXPECT_EQ(u->withdrawn_path_ids, std::vector<PathId>{3});
}

TEST(Rfc7911_3, OneFamilyMayHavePathIdsAndTheOtherNone) {
  const auto u = decode_update(update(kOrigin + kPath + kReach6, {}, hex("10 0a01")), with_ids({k6}));
  ASSERT_TRUE(u);
  EXPECT_EQ(u->announced[0].path_ids, std::vector<PathId>{9});
  EXPECT_EQ(u->withdrawn, std::vector{prefix("10.1.0.0/16")});
  EXPECT_TRUE(u->withdrawn_path_ids.empty());
}

TEST(Rfc7911_3, TreatAsWithdrawKeepsEachPathIdBesideItsPrefix) {
  const auto u =
      decode_update(update(kSound + hex("80 04 00") + kReach6, hex("18 0af401"), hex("10 0a01")), with_ids({k6}));
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn, (std::vector{prefix("10.1.0.0/16"), prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")}));
  EXPECT_EQ(u->withdrawn_path_ids, (std::vector<PathId>{0, 0, 9}));
}

TEST(Rfc7911_3, ARouteThatEndsInsideItsPathIdResetsTheSession) {
  EXPECT_EQ(decode_update(update(kSound, hex("000000")), with_ids({k4})).error(), (Notification{3, 10, {}}));
  EXPECT_EQ(decode_update(update(kSound, hex("00000001")), with_ids({k4})).error(), (Notification{3, 10, {}}));
  EXPECT_FALSE(decode_update(update(kSound, hex("18 0af401")), with_ids({k4}))) << "a peer that leaves them out";
}

TEST(Rfc7911_3, EndOfRibHasNoPathId) {
  EXPECT_EQ(decode_update(update({}), with_ids({k4}))->end_of_rib, k4);
  EXPECT_EQ(decode_update(update(hex("80 0f 03 0002 01")), with_ids({k6}))->end_of_rib, k6);
  EXPECT_EQ(encode_end_of_rib(k4).size(), 23U);
}

TEST(Rfc7911_3, WhatIsWrittenWithAPathIdIsReadWithIt) {
  for (const AddressFamily family : {k4, k6}) {
    PathAttributes a;
    a.next_hop = testing::address(family == k4 ? "10.0.0.1" : "fd00::1");
    const auto block = encode_attribute_block(a, family, {});
    ASSERT_TRUE(block);
    std::vector<Prefix> prefixes;
    for (unsigned i = 0; i < 2000; ++i)
      prefixes.push_back(family == k4 ? Prefix{IpAddress::v4(0x0a000000 + (i << 8)), 24}
                                      : prefix("fd00:10:" + std::to_string(i) + "::/64"));
    std::vector<std::uint8_t> out;
    ASSERT_TRUE(encode_announcements(*block, prefixes, 4096, out, 5));
    encode_withdrawals(prefixes, family, 4096, out, 6);
    std::vector<Prefix> announced, withdrawn;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t size = std::size_t{out[at + 16]} << 8 | out[at + 17];
      ASSERT_LE(size, 4096U);
      const auto u = decode_update(std::span{out}.subspan(at + 19, size - 19), with_ids({family}));
      ASSERT_TRUE(u);
      for (const auto& reach : u->announced) {
        announced.insert(announced.end(), reach.prefixes.begin(), reach.prefixes.end());
        for (const PathId id : reach.path_ids) EXPECT_EQ(id, 5U);
      }
      withdrawn.insert(withdrawn.end(), u->withdrawn.begin(), u->withdrawn.end());
      for (const PathId id : u->withdrawn_path_ids) EXPECT_EQ(id, 6U);
      at += size;
    }
    EXPECT_EQ(announced, prefixes);
    EXPECT_EQ(withdrawn, prefixes);
  }
}

}  // namespace
}  // namespace slash32::bgp
