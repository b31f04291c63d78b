// RFC 9234 on the wire: the Role capability and the OTC attribute.
#include <gtest/gtest.h>

#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::ibgp;
using testing::kLocalPref;
using testing::kNlri;
using testing::kSound;
using testing::prefix;
using testing::update;
using testing::operator+;

const Bytes kOtc = hex("c0 23 04 00 00 fd e9");

Result<Open, Notification> open_of(const char* parameters) {
  const Bytes p = hex(parameters);
  return decode_open(hex("04 fd e9 00 5a 0a 00 00 01") + Bytes{static_cast<std::uint8_t>(p.size())} + p);
}

TEST(Rfc9234_4_1, TheRoleIsReadAlsoWhereItIsUnknown) {
  EXPECT_EQ(open_of("02 03 09 01 03")->capabilities.role, 3);
  EXPECT_EQ(open_of("02 03 09 01 63")->capabilities.role, 0x63);
  EXPECT_FALSE(open_of("02 02 02 00")->capabilities.role);
}

TEST(Rfc9234_4_1, ARoleOfAnotherLengthIsMalformed) {
  EXPECT_EQ(open_of("02 02 09 00").error(), (Notification{2, 0, hex("09 00")}));
  EXPECT_EQ(open_of("02 04 09 02 03 03").error(), (Notification{2, 0, hex("09 02 03 03")}));
}

TEST(Rfc9234_4_2, TheSameRoleTwiceIsOneRoleAndDifferentOnesDisagree) {
  EXPECT_FALSE(open_of("02 06 09 01 03 09 01 03")->capabilities.roles_disagree);
  EXPECT_TRUE(open_of("02 06 09 01 03 09 01 04")->capabilities.roles_disagree);
}

TEST(Rfc9234_4_1, TheRoleIsWrittenAsItIsRead) {
  Open open;
  open.asn = Asn{65001};
  open.id = RouterId{1};
  open.capabilities.role = 4;
  const auto message = encode_open(open, true);
  EXPECT_EQ(decode_open(std::span{message}.subspan(19))->capabilities.role, 4);
}

TEST(Rfc9234_5, OtcIsReadAndWrittenWithItsOwnFlags) {
  const auto u = decode_update(update(kSound + kOtc, kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::Accept) << u->complaint;
  EXPECT_EQ(u->announced[0].attributes->only_to_customer, Asn{65001});
  EXPECT_TRUE(u->announced[0].attributes->unknown.empty());
  const auto block = encode_attribute_block(*u->announced[0].attributes, AddressFamily::IPv4, {});
  ASSERT_TRUE(block);
  EXPECT_EQ(block->bytes, kSound + kOtc);
}

TEST(Rfc9234_5, AnOtcThatIsNotFourOctetsWithdrawsTheRouteFromEitherTypeOfPeer) {
  for (const char* bad : {"c0 23 00", "c0 23 03 00fde9", "c0 23 05 0000fde900"}) {
    const auto external = decode_update(update(kSound + hex(bad), kNlri), ebgp());
    const auto internal = decode_update(update(kSound + kLocalPref + hex(bad), kNlri), ibgp());
    for (const auto* u : {&external, &internal}) {
      ASSERT_TRUE(*u) << bad;
      EXPECT_EQ((*u)->verdict, Verdict::TreatAsWithdraw) << bad;
      EXPECT_EQ((*u)->withdrawn, std::vector{prefix("10.244.1.0/24")});
      EXPECT_NE((*u)->complaint.find("OTC"), std::string::npos) << (*u)->complaint;
    }
  }
}

TEST(Rfc9234_5, AnOtcThatIsSaidToBeWellKnownWithdrawsTheRoute) {
  EXPECT_EQ(decode_update(update(kSound + hex("40 23 04 0000fde9"), kNlri), ebgp())->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(decode_update(update(kSound + hex("e0 23 04 0000fde9"), kNlri), ebgp())->verdict, Verdict::Accept)
      << "Partial says only that somebody did not know it";
}

}  // namespace
}  // namespace slash32::bgp
