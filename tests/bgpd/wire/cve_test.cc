// Inputs that crashed, hung or reset other speakers, each under its name.
#include <gtest/gtest.h>

#include <optional>

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

/// The octets of an attribute's value, as they are kept to be passed on beside a sound route; nothing: it is not taken.
std::optional<Bytes> kept(const char* attribute) {
  const auto u = decode_update(update(kSound + hex(attribute), kNlri), ebgp());
  if (!u || u->verdict != Verdict::Accept || u->announced.size() != 1) return std::nullopt;
  const auto& unknown = u->announced[0].attributes->unknown;
  return unknown.size() == 1 ? std::optional{unknown[0].value} : std::nullopt;
}

TEST(CveFrr2022_40302, OpenWithExtendedParametersCutOff) {
  for (const char* rest : {"01 ff", "ff ff", "ff ff 00", "02 ff 00", "03 ff 00 00"}) (void)opens(rest);
  EXPECT_FALSE(opens("01 ff"));
  EXPECT_FALSE(opens("ff ff 00"));
}

TEST(CveFrr2022_43681, OpenOptionHeaderCutOff) { EXPECT_FALSE(opens("01 02")); }

TEST(CveFrr2022_40318, ExtendedParametersWhoseHeaderIsCutOff) {
  EXPECT_FALSE(opens("ff ff 0001 02")) << "a type and no length";
  EXPECT_FALSE(opens("ff ff 0002 02 00")) << "half of the length's two octets";
  EXPECT_FALSE(opens("ff ff 0003 02 0001")) << "a length and no value";
  EXPECT_FALSE(opens("ff ff 0007 02 0000 02 00 02 00")) << "the second one's value passes the end";
}

TEST(CveFrr2022_36440, CapabilityLengthRunsPastTheOpen) {
  EXPECT_FALSE(opens("04 02 02 41 04"));
  EXPECT_FALSE(opens("06 02 04 41 ff 00 00"));
}

TEST(CveFrr2023_38802, CorruptTunnelEncapsulationIsPassedOnAndResetsNothing) {
  EXPECT_EQ(kept("c0 17 04 ffff ffff"), hex("ffff ffff"));
}

TEST(CveOpenBgpd2023_38283, AttributeLengthMishandled) {
  EXPECT_EQ(verdict(update(kSound + hex("d0 20 ff ff 00"), kNlri)), Verdict::TreatAsWithdraw);
}

TEST(CveJunos2023_4481, UnknownCorruptTransitiveAttribute) {
  EXPECT_EQ(kept("c0 80 00"), Bytes{});
  EXPECT_EQ(kept("c0 80 07 0000fde9 40 01 ff"), hex("0000fde9 40 01 ff")) << "ATTR_SET with a broken attribute in it";
}

TEST(CveFrr2023_31490, MalformedPrefixSid) { EXPECT_EQ(kept("c0 28 02 05 ff"), hex("05 ff")); }

TEST(CveFrr2024_31948, PrefixSidWhoseTlvsLie) {
  for (const char* attribute :
       {"c0 28 00", "c0 28 01 01", "c0 28 03 01 0007", "c0 28 07 01 ffff 00000000", "c0 28 05 05 0001 00 01",
        "c0 28 0a 05 0007 00 01 ffff 00 00 00", "c0 28 06 03 0000 03 00 08"}) {
    const Bytes whole = hex(attribute);
    EXPECT_EQ(kept(attribute), Bytes(whole.begin() + 3, whole.end())) << attribute << ": not ours to read";
  }
}

TEST(CveGobgp2026_7734, UnknownSrv6SubTlvIsNotEvenRead) {
  const Bytes attribute = hex("c0 28 0b 05 0008 00 63 0000 01 0001 00");
  const auto u = decode_update(update(kSound + attribute, kNlri), ebgp());
  ASSERT_TRUE(u);
  ASSERT_EQ(u->announced.size(), 1U);
  EXPECT_EQ(u->announced[0].attributes->unknown.at(0).value, Bytes(attribute.begin() + 3, attribute.end()));
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

/// MP_REACH_NLRI of IPv4 flow specifications (RFC 8955 section 4): no next hop, and these octets as NLRI.
Bytes flowspec(const Bytes& nlri) {
  return Bytes{0x90, 14} + testing::u16(5 + nlri.size()) + hex("0001 85 00 00") + nlri;
}

TEST(CveGobgp2025_43972, FlowspecOfEveryLengthUnderTwentyOctetsIsIgnored) {
  for (std::size_t n = 0; n < 20; ++n) {
    const auto u = decode_update(update(testing::kOrigin + testing::kPath + flowspec(Bytes(n, 0xf0))), ebgp());
    ASSERT_TRUE(u) << n;
    EXPECT_EQ(u->verdict, Verdict::Accept);
    EXPECT_TRUE(u->announced.empty() && u->withdrawn.empty()) << "a family that nobody negotiated";
  }
}

TEST(BirdFix2026_ab59af36f, FlowspecAsLongAsItsTwelveBitLengthAllows) {
  const Bytes rule = hex("ff ff") + Bytes(0xfff, 0x01);
  for (const Bytes& nlri : {rule, Bytes(rule.begin(), rule.end() - 1), hex("ff ff 01 20")}) {
    const auto u = decode_update(update(kSound + flowspec(nlri), kNlri), ebgp());
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict, Verdict::Accept);
    EXPECT_EQ(u->announced.size(), 1U) << "the IPv4 route beside it is taken";
  }
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
  EXPECT_EQ(kept("c0 17 06 0001 0002 06 ff"), hex("0001 0002 06 ff"));
}

TEST(CveQuagga2010_1674, ExtendedCommunitiesOfEveryLength) {
  for (std::size_t n = 0; n < 255; ++n)
    EXPECT_EQ(verdict(update(kSound + Bytes{0xc0, 16, static_cast<std::uint8_t>(n)} + Bytes(n, 7), kNlri)),
              n != 0 && n % 8 == 0 ? Verdict::Accept : Verdict::TreatAsWithdraw);
}

TEST(CveQuagga2011_3327, ExtendedCommunitiesOfEveryTypeAreKeptAsTheyAre) {
  Bytes value;
  for (int type = 0; type < 256; ++type) value = value + Bytes{static_cast<std::uint8_t>(type), 0xff} + Bytes(6, 0xff);
  const auto u = decode_update(update(kSound + Bytes{0xd0, 16} + testing::u16(value.size()) + value, kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::Accept);
  EXPECT_EQ(u->announced.at(0).attributes->extended_communities.size(), 256U);
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

/// What a neighbour reads of a route with these attributes.
PathAttributes passed_on(const PathAttributes& a) {
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {});
  std::vector<std::uint8_t> out;
  const Prefix prefix = testing::prefix("10.244.1.0/24");
  if (!block || !encode_announcements(*block, {&prefix, 1}, 65535, out)) return {};
  const auto u = decode_update(std::span{out}.subspan(kHeaderSize), ebgp());
  return u && u->announced.size() == 1 ? *u->announced[0].attributes : PathAttributes{};
}

TEST(CveIosXr2009_2055, AValidUnknownTransitiveAttributeIsNotDamagedOnItsWay) {
  for (const std::size_t size : {0U, 1U, 254U, 255U, 256U, 257U, 3000U}) {
    PathAttributes a;
    a.next_hop = testing::address("10.0.0.1");
    a.unknown = {{0xc0, 99, Bytes(size, 0xa5)}, {0xe0, 200, {1, 2, 3}}};
    const auto unknown = passed_on(a).unknown;
    ASSERT_EQ(unknown.size(), 2U) << size;
    EXPECT_EQ(unknown[0], (UnknownAttribute{0xe0, 99, Bytes(size, 0xa5)})) << "Partial, and all else as it was";
    EXPECT_EQ(unknown[1], a.unknown[1]);
  }
}

TEST(CveIosXr2009_1154, APathThatPrependingMakesTooLongForAMessageIsAnErrorAndNoMessage) {
  PathAttributes a;
  a.next_hop = testing::address("10.0.0.1");
  a.as_path.prepend(Asn{65001}, 1008);
  const auto fits = [&] {
    const auto block = encode_attribute_block(a, AddressFamily::IPv4, {});
    std::vector<std::uint8_t> out;
    const Prefix prefix = testing::prefix("10.244.1.0/24");
    const bool good = block && encode_announcements(*block, {&prefix, 1}, kMaxMessageSize, out).has_value();
    EXPECT_EQ(good, !out.empty());
    EXPECT_LE(out.size(), kMaxMessageSize);
    return good;
  };
  EXPECT_TRUE(fits());
  a.as_path.prepend(Asn{64512}, 10);
  EXPECT_FALSE(fits());
}

TEST(CveIosXr2009_2056, PrependingToAFullSegmentOpensAnother) {
  PathAttributes a;
  a.next_hop = testing::address("10.0.0.1");
  for (std::uint32_t length = 250; length < 520; ++length) {
    a.as_path = {};
    a.as_path.prepend(Asn{65001}, length);
    a.as_path.prepend(Asn{64512});
    const AsPath back = passed_on(a).as_path;
    ASSERT_EQ(back.length(), length + 1);
    EXPECT_EQ(back.first(), Asn{64512});
  }
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
