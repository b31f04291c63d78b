// Under what a NOTIFICATION is counted: a peer cannot make the counters many.
#include <gtest/gtest.h>

#include <set>

#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

NotificationKind kind(std::uint8_t code, std::uint8_t subcode) { return kind_of({code, subcode, {}}); }

TEST(NotificationKind, IsCodeAndSubcodeWhereARegistryHasThem) {
  EXPECT_EQ(kind(6, 2), (NotificationKind{6, 2}));
  EXPECT_EQ(kind(4, 0), (NotificationKind{4, 0}));
  EXPECT_EQ(kind(8, 0), (NotificationKind{8, 0}));
  EXPECT_EQ(kind(3, 7), (NotificationKind{3, kOtherKind})) << "deprecated";
  EXPECT_EQ(kind(6, 77), (NotificationKind{6, kOtherKind}));
  EXPECT_EQ(kind(0, 1), (NotificationKind{kOtherKind, kOtherKind}));
  EXPECT_EQ(kind(200, 7), (NotificationKind{kOtherKind, kOtherKind}));
}

TEST(NotificationKind, ThereAreFewOfThem) {
  std::set<NotificationKind> all;
  for (int code = 0; code < 256; ++code)
    for (int subcode = 0; subcode < 256; ++subcode)
      all.insert(kind(static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(subcode)));
  EXPECT_LT(all.size(), 64U);
}

}  // namespace
}  // namespace slash32::bgp
