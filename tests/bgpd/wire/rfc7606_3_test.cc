// RFC 7606 sections 3 to 5: what errors mean for the message as a whole.
#include <gtest/gtest.h>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::ibgp;
using testing::kNlri;
using testing::kOrigin;
using testing::kPath;
using testing::kReach6;
using testing::kSound;
using testing::kUnreach6;
using testing::prefix;
using testing::update;
using testing::operator+;

const Bytes kBadOrigin = hex("40 01 01 09");

TEST(Rfc7606_3, TreatAsWithdrawWithdrawsBothFamiliesAndWhatWasWithdrawnAnyway) {
  const auto u = decode_update(update(kSound + hex("80 04 00") + kReach6, kNlri, hex("10 0a 01")), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_TRUE(u->announced.empty());
  EXPECT_EQ(u->withdrawn, (std::vector{prefix("10.1.0.0/16"), prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")}));
}

TEST(Rfc7606_3, RepeatedOriginKeepsTheFirst) {
  const auto u = decode_update(update(kSound + hex("40 01 01 02"), kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::AttributeDiscard);
  EXPECT_EQ(u->announced[0].attributes->origin, Origin::Igp);
}

TEST(Rfc7606_3, OfSeveralErrorsTheStrongestGovernsInAnyOrder) {
  const Bytes discard = hex("40 06 01 00");  // ATOMIC_AGGREGATE
  const Bytes withdraw = hex("80 04 00");    // MULTI_EXIT_DISC
  const Bytes reset = hex("80 0f 02 0002");  // MP_UNREACH_NLRI
  EXPECT_EQ(decode_update(update(kSound + discard + withdraw, kNlri), ebgp())->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(decode_update(update(kSound + withdraw + discard, kNlri), ebgp())->verdict, Verdict::TreatAsWithdraw);
  EXPECT_FALSE(decode_update(update(kSound + withdraw + reset, kNlri), ebgp()));
  EXPECT_FALSE(decode_update(update(kSound + reset + discard, kNlri), ebgp()));
}

TEST(Rfc7606_3, AnUpdateWithoutRoutesNeedsNoMandatoryAttributes) {
  const auto u = decode_update(update(hex("c0 63 01 00")), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::Accept);
  EXPECT_TRUE(u->announced.empty());
  EXPECT_FALSE(u->end_of_rib);
}

TEST(Rfc7606_3, ClassicRoutesNeedNextHopAndMultiprotocolOnesDoNot) {
  EXPECT_EQ(decode_update(update(kOrigin + kPath + kReach6), ebgp())->verdict, Verdict::Accept);
  EXPECT_EQ(decode_update(update(kOrigin + kPath + kReach6, kNlri), ebgp())->verdict, Verdict::TreatAsWithdraw);
}

TEST(Rfc4760_3, NextHopBesideMpReachAloneIsIgnoredWhateverItIs) {
  for (const char* next_hop : {"40 03 04 00000000", "40 03 05 0000000000", "c0 03 04 0a000001"}) {
    const auto u = decode_update(update(hex(next_hop) + kOrigin + kPath + kReach6), ebgp());
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict, Verdict::Accept) << u->complaint;
    EXPECT_EQ(u->announced.size(), 1U);
  }
  EXPECT_FALSE(decode_update(update(hex("40 03 04 00000000")), ebgp())) << "without any routes: RFC 7606 section 5.2";
}

TEST(Rfc7606_4, LengthsThatDisagreeWithdrawTheNlriField) {
  const auto u = decode_update(update(kSound + hex("c0 08 10 00"), kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn, std::vector{prefix("10.244.1.0/24")});
}

TEST(Rfc7606_5_2, WithoutReachableRoutesAnErrorResetsTheSession) {
  const auto bad_origin = decode_update(update(kBadOrigin), ebgp());
  ASSERT_FALSE(bad_origin);
  EXPECT_EQ(bad_origin.error(), (Notification{3, 6, kBadOrigin}));
  EXPECT_FALSE(decode_update(update(kBadOrigin + kUnreach6), ebgp()));
  EXPECT_FALSE(decode_update(update(kBadOrigin, {}, kNlri), ebgp()));
  EXPECT_EQ(decode_update(update(hex("c0 08 10 00")), ebgp()).error(), (Notification{3, 1, {}}));
}

TEST(Rfc7606_5_2, WithoutReachableRoutesDiscardingIsStillDiscarding) {
  const auto u = decode_update(update(hex("40 06 01 00") + kUnreach6), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::AttributeDiscard);
  EXPECT_EQ(u->withdrawn.size(), 1U);
}

TEST(Rfc7606_5_2, ALoneMpUnreachWithWrongFlagsOnlyWithdraws) {
  const auto u = decode_update(update(hex("c0 0f 0c 00 02 01 40 fd 00 00 10 02 44 00 01")), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn.size(), 1U);
}

struct Framing {
  const char* name;
  Bytes body;
  std::uint8_t subcode;
};
class Rfc7606_5_3 : public ::testing::TestWithParam<Framing> {};
TEST_P(Rfc7606_5_3, ResetsTheSession) {
  for (const DecodeContext& context : {ebgp(), ibgp()}) {
    const auto u = decode_update(GetParam().body, context);
    ASSERT_FALSE(u);
    EXPECT_EQ(u.error(), (Notification{3, GetParam().subcode, {}}));
  }
}
INSTANTIATE_TEST_SUITE_P(Unreadable, Rfc7606_5_3,
                         ::testing::Values(Framing{"withdrawn_length_passes_message", hex("00 05 00 00"), 1},
                                           Framing{"attribute_length_passes_message", hex("00 00 00 01"), 1},
                                           Framing{"three_octets", hex("00 00 00"), 1},
                                           Framing{"nlri_33", update(kSound, hex("21 0a 00 00 00 00")), 10},
                                           Framing{"nlri_cut_off", update(kSound, hex("18 0a f4")), 10},
                                           Framing{"second_nlri_cut_off", update(kSound, kNlri + hex("20")), 10},
                                           Framing{"withdrawn_33", update({}, {}, hex("21 0a 00 00 00 00")), 10},
                                           Framing{"withdrawn_cut_off", update({}, {}, hex("18 0a f4")), 10}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc7606_5_3, BitsBeyondTheLengthAreMasked) {
  const auto u = decode_update(update(kSound, hex("11 0a f4 ff")), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->announced[0].prefixes, std::vector{prefix("10.244.128.0/17")});
}

TEST(Rfc4271_6_3, TheFirstAsMustBeThePeersWhereThatIsAsked) {
  DecodeContext context = ebgp();
  context.first_as = Asn{65001};
  EXPECT_EQ(decode_update(update(kSound, kNlri), context)->verdict, Verdict::Accept);
  context.first_as = Asn{65009};
  EXPECT_EQ(decode_update(update(kSound, kNlri), context)->verdict, Verdict::TreatAsWithdraw);
  context.external = false;
  EXPECT_EQ(decode_update(update(kSound, kNlri), context)->verdict, Verdict::Accept);
}

TEST(Rfc4271_6_3, AnUnknownWellKnownAttributeIsSentBack) {
  const Bytes attribute = hex("50 63 00 02 ab cd");
  EXPECT_EQ(decode_update(update(kSound + attribute, kNlri), ebgp()).error(), (Notification{3, 2, attribute}));
}

}  // namespace
}  // namespace slash32::bgp
