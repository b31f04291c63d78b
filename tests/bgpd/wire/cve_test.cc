// Inputs that crashed, hung or reset other speakers, each under its name.
#include <gtest/gtest.h>

#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/route_refresh.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::kNlri;
using testing::kSound;
using testing::update;
using testing::operator+;

const Bytes kFixed = hex("04 fd e9 00 5a 0a 00 00 01");
bool opens(const char* rest) { return decode_open(kFixed + hex(rest)).has_value(); }
Verdict verdict(const Bytes& body) {
  const auto u = decode_update(body, ebgp());
  return u ? u->verdict : Verdict::SessionReset;
}

TEST(CveFrr2022_40302, OpenWithExtendedParametersCutOff) {
  for (const char* rest : {"01 ff", "ff ff", "ff ff 00", "02 ff 00", "03 ff 00 00"}) (void)opens(rest);
  EXPECT_FALSE(opens("01 ff"));
  EXPECT_FALSE(opens("ff ff 00"));
}

TEST(CveFrr2022_43681, OpenOptionHeaderCutOff) { EXPECT_FALSE(opens("01 02")); }

TEST(CveFrr2022_36440, CapabilityLengthRunsPastTheOpen) {
  EXPECT_FALSE(opens("04 02 02 41 04"));
  EXPECT_FALSE(opens("06 02 04 41 ff 00 00"));
}

TEST(CveFrr2023_38802, CorruptTunnelEncapsulationIsPassedOnAndResetsNothing) {
  EXPECT_EQ(verdict(update(kSound + hex("c0 17 04 ffff ffff"), kNlri)), Verdict::Accept);
}

TEST(CveOpenBgpd2023_38283, AttributeLengthMishandled) {
  EXPECT_EQ(verdict(update(kSound + hex("d0 20 ff ff 00"), kNlri)), Verdict::TreatAsWithdraw);
}

TEST(CveJunos2023_4481, UnknownCorruptTransitiveAttribute) {
  EXPECT_EQ(verdict(update(kSound + hex("c0 80 00"), kNlri)), Verdict::Accept);
}

TEST(CveFrr2023_31490, MalformedPrefixSid) {
  EXPECT_EQ(verdict(update(kSound + hex("c0 28 02 05 ff"), kNlri)), Verdict::Accept);
}

TEST(CveFrr2023_41358, NlriWithoutAttributes) {
  const auto u = decode_update(hex("0000 0000 18 0af401"), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn.size(), 1U);
}

TEST(CveFrr2023_41909, FlowspecNlriWithoutAttributes) {
  EXPECT_EQ(verdict(update(hex("80 0e 08 0001 85 00 00 02 01 00"))), Verdict::TreatAsWithdraw);
}

TEST(CveFrr2023_41360, OutboundRouteFilterCutOff) {
  EXPECT_FALSE(decode_route_refresh(hex("0001 00 01 01")));
  EXPECT_FALSE(decode_route_refresh(hex("0001 00 01 01 40 00 05 00")));
}

TEST(FrrIssue22828, MalformedOutboundRouteFilter) {
  EXPECT_FALSE(decode_route_refresh(hex("0001 00 01 01 40 00 ff ff ff ff")));
}

TEST(CveFrr2023_41361, SoftwareVersionCapabilityLongerThanItsLimit) {
  Bytes body = kFixed + hex("e4 02 e2 4b e0 df") + Bytes(0xdf, 'x');
  body.back() = 'y';
  EXPECT_TRUE(decode_open(body));
}

TEST(CveGobgp2025_43971, SoftwareVersionCapabilityOfInnerLengthZero) { EXPECT_TRUE(opens("05 02 03 4b 01 00")); }

TEST(CveFrr2023_46752, MalformedMpReach) {
  EXPECT_EQ(verdict(update(kSound + hex("80 0e 03 0002 01"), kNlri)), Verdict::SessionReset);
}

TEST(CveFrr2023_46753, OnlyAnUnknownTransitiveAttribute) {
  const auto u = decode_update(update(hex("c0 ff 01 00")), ebgp());
  ASSERT_TRUE(u);
  EXPECT_TRUE(u->announced.empty());
  EXPECT_FALSE(u->end_of_rib);
}

TEST(CveFrr2023_47234, MpUnreachAndNlriWithoutMandatoryAttributes) {
  const auto u = decode_update(update(testing::kUnreach6, kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn.size(), 2U);
}

TEST(CveFrr2023_47235, MalformedAttributesInAnEndOfRib) {
  EXPECT_EQ(verdict(update(hex("40 01 02 00 00 80 0f 03 0002 01"))), Verdict::SessionReset);
  EXPECT_EQ(verdict(update(hex("40 01 01"))), Verdict::SessionReset);
}

TEST(CveFrr2024_44070, EncapsulationSubTlvLongerThanTheMessage) {
  EXPECT_EQ(verdict(update(kSound + hex("c0 17 06 0001 0002 06 ff"), kNlri)), Verdict::Accept);
}

TEST(CveQuagga2010_1674, ExtendedCommunitiesOfEveryLength) {
  for (std::size_t n = 0; n < 255; ++n)
    EXPECT_EQ(verdict(update(kSound + Bytes{0xc0, 16, static_cast<std::uint8_t>(n)} + Bytes(n, 7), kNlri)),
              n != 0 && n % 8 == 0 ? Verdict::Accept : Verdict::TreatAsWithdraw);
}

TEST(CveQuagga2012_1820, OutboundRouteFilterCapability) {
  EXPECT_TRUE(opens("09 02 07 03 05 0001 00 01 ff"));
  EXPECT_FALSE(opens("04 02 02 03 ff"));
}

TEST(CveGobgp2026_30405, NextHopOfABadLength) {
  for (std::size_t n = 0; n < 255; ++n)
    EXPECT_EQ(
        verdict(update(testing::kOrigin + testing::kPath + Bytes{0x40, 3, static_cast<std::uint8_t>(n)} + Bytes(n, 10),
                       kNlri)),
        n == 4 ? Verdict::Accept : Verdict::TreatAsWithdraw);
}

TEST(CveGobgp2026_41642, UnknownTypeThatCallsItselfWellKnown) {
  EXPECT_EQ(decode_update(update(kSound + hex("40 64 00"), kNlri), ebgp()).error(),
            (Notification{3, 2, hex("40 64 00")}));
}

TEST(CveGobgp2026_41643, As4PathBeforeAsPath) {
  DecodeContext context = ebgp();
  context.four_octet_as = false;
  const auto u = decode_update(
      update(hex("c0 11 06 02 01 00010001 40 01 01 00 40 02 04 02 01 5ba0") + testing::kNextHop, kNlri), context);
  ASSERT_TRUE(u);
  EXPECT_EQ(u->announced[0].attributes->as_path.first(), Asn{65537});
}

TEST(CveGobgp2026_42285, InconsistentLengthsOnARouteWithoutAttributes) {
  const auto u = decode_update(update(hex("40 01 09"), kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
}

TEST(GhsaFrrj87jh2772, EmptyAsPath) {
  EXPECT_EQ(verdict(update(testing::kOrigin + hex("40 02 00") + testing::kNextHop, kNlri)), Verdict::Accept);
}

TEST(GhsaGjrgJjr356cm, CapabilityOfLengthZeroDoesNotReadTheNextOnesBytes) {
  EXPECT_FALSE(opens("0a 02 08 41 00 01 04 0001 00 01"));
  EXPECT_FALSE(opens("0a 02 08 01 00 41 04 0000fde9"));
}

TEST(GobgpIssue3392, OriginWithoutTheTransitiveFlag) {
  EXPECT_EQ(verdict(update(hex("00 01 01 00") + testing::kPath + testing::kNextHop, kNlri)), Verdict::TreatAsWithdraw);
}

TEST(CveBird2019_16159, ShutdownTextLongerThan128Octets) {
  Bytes body = hex("06 02 ff") + Bytes(255, 'a');
  EXPECT_EQ(describe(decode_notification(body)), "Cease/Administrative Shutdown: " + std::string(255, 'a'));
}

TEST(CveBird2026_49943, AsPathOfAsManyAsesAsFit) {
  Bytes path;
  for (int i = 0; i < 63; ++i) path = path + hex("02 ff") + Bytes(255 * 4, 1);
  const auto u = decode_update(
      update(testing::kOrigin + hex("50 02") + testing::u16(path.size()) + path + testing::kNextHop, kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->announced[0].attributes->as_path.length(), 63U * 255U);
}

TEST(CveTcpdump2018_16230, MpReachWithAnNsapNextHopLength) {
  EXPECT_EQ(verdict(update(kSound + hex("80 0e 19 0001 01 14") + Bytes(20, 1) + hex("00"), kNlri)),
            Verdict::SessionReset);
}

TEST(BirdOtc2025, AReencodedUnknownAttributeKeepsItsTrueLength) {
  PathAttributes a;
  a.next_hop = testing::address("10.0.0.1");
  a.unknown = {{0xf0, 35, {0, 0, 0xfd, 0xe9}}};  // came with an extended length
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {});
  const Bytes tail(block->bytes.end() - 7, block->bytes.end());
  EXPECT_EQ(tail, hex("e0 23 04 0000fde9"));
}

}  // namespace
}  // namespace slash32::bgp
