// RFC 8538 section 3: Cease/9 around another NOTIFICATION.
#include <gtest/gtest.h>

#include <string>

#include "bgpd/wire/notification.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;

TEST(Rfc8538_3_1, AHardResetCarriesCodeSubcodeAndData) {
  const Notification limit{6, 1, hex("00 01 01 00 00 27 10")};
  EXPECT_EQ(hard_reset(limit), (Notification{6, 9, hex("06 01 00 01 01 00 00 27 10")}));
  EXPECT_EQ(cause_of(hard_reset(limit)), limit);
  EXPECT_EQ(encode_notification(hard_reset({4, 0, {}})),
            testing::message(MessageType::Notification, hex("06 09 04 00")));
}

TEST(Rfc8538_3_1, AHardResetIsNotWrappedAgain) {
  const Notification once = hard_reset({6, 2, {}});
  EXPECT_EQ(hard_reset(once), once);
}

TEST(Rfc8538_3_1, WhatDoesNotFitIsCutAtTheEndOfTheMessage) {
  const Bytes message = encode_notification(hard_reset({3, 1, Bytes(70000, 7)}));
  ASSERT_EQ(message.size(), kMaxMessageSize);
  const Notification back = decode_notification(std::span{message}.subspan(kHeaderSize));
  EXPECT_EQ(cause_of(back), (Notification{3, 1, Bytes(kMaxMessageSize - kMinNotificationSize - 2, 7)}));
}

TEST(Rfc8538_3, TheInnerCodeAndTheTextOfRfc9003AreShown) {
  EXPECT_EQ(describe(hard_reset(cease_with_text(cease::kAdministrativeShutdown, "going home"))),
            "Cease/Hard Reset (Cease/Administrative Shutdown: going home)");
  EXPECT_EQ(describe(hard_reset({6, 10, {}})), "Cease/Hard Reset (Cease/BFD Down)");
  EXPECT_EQ(describe(hard_reset({6, 2, hex("03 61 1b 62")})), "Cease/Hard Reset (Cease/Administrative Shutdown: a?b)");
}

TEST(Rfc8538_3, OneThatCarriesNothingOrHalfACodeIsShownAsItIs) {
  for (const char* data : {"", "06"}) {
    const Notification n{6, 9, hex(data)};
    EXPECT_TRUE(is_hard_reset(n));
    EXPECT_EQ(cause_of(n), n);
    EXPECT_EQ(describe(n), "Cease/Hard Reset");
  }
}

TEST(Rfc8538_3, HardResetsInsideOfEachOtherAreShownToADepthOfOne) {
  Bytes nested;
  for (int i = 0; i < 2000; ++i) nested.insert(nested.end(), {6, 9});
  EXPECT_EQ(describe({6, 9, nested}), "Cease/Hard Reset (Cease/Hard Reset)");
}

TEST(Rfc8538_3, OnlyCease9IsOne) {
  EXPECT_FALSE(is_hard_reset({6, 2, {}}));
  EXPECT_FALSE(is_hard_reset({3, 9, hex("06 02")}));
  EXPECT_EQ(describe({3, 9, hex("06 02")}), "UPDATE Message Error/Optional Attribute Error");
}

}  // namespace
}  // namespace slash32::bgp
