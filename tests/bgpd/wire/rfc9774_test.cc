// RFC 9774: AS_SETs are refused where the session says so.
#include <gtest/gtest.h>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::kNextHop;
using testing::kNlri;
using testing::kOrigin;
using testing::prefix;
using testing::update;
using testing::operator+;

const Bytes kSetPath = hex("40 02 10 02 01 0000fde9 01 02 0000fdea 0000fdeb");  // 65001 {65002, 65003}

DecodeContext without_sets() {
  DecodeContext context = ebgp();
  context.allow_as_set = false;
  return context;
}

TEST(Rfc9774_3, ARouteWithAnAsSetIsTreatedAsWithdrawn) {
  const auto u = decode_update(update(kOrigin + kSetPath + kNextHop, kNlri), without_sets());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(u->withdrawn, std::vector{prefix("10.244.1.0/24")});
  EXPECT_NE(u->complaint.find("RFC 9774"), std::string::npos) << u->complaint;
}

TEST(Rfc9774_3, WithTheSwitchItIsTakenAsItAlwaysWas) {
  const auto u = decode_update(update(kOrigin + kSetPath + kNextHop, kNlri), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->verdict, Verdict::Accept);
  EXPECT_EQ(u->announced[0].attributes->as_path.length(), 2U);
}

TEST(Rfc9774_3, AnAsSetInAs4PathIsRefusedAsWell) {
  DecodeContext context = without_sets();
  context.four_octet_as = false;
  const Bytes path = hex("40 02 06 02 02 fde9 5ba0");
  const Bytes as4 = hex("c0 11 10 02 01 0000fde9 01 02 0000fdea 00010000");
  EXPECT_EQ(decode_update(update(kOrigin + path + kNextHop + as4, kNlri), context)->verdict, Verdict::TreatAsWithdraw);
  context.allow_as_set = true;
  EXPECT_EQ(decode_update(update(kOrigin + path + kNextHop + as4, kNlri), context)->verdict, Verdict::Accept);
}

}  // namespace
}  // namespace slash32::bgp
