// NOTIFICATION (RFC 4271 section 4.5), its names, and the shutdown text of RFC 9003.
#include <gtest/gtest.h>

#include <string>

#include "bgpd/wire/notification.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;

TEST(Notification, ComesBackAsItWas) {
  const Notification n{3, 5, {1, 2, 3}};
  const Bytes bytes = encode_notification(n);
  EXPECT_EQ(bytes, testing::message(MessageType::Notification, hex("03 05 01 02 03")));
  EXPECT_EQ(decode_notification(std::span{bytes}.subspan(kHeaderSize)), n);
}

TEST(Notification, DataThatDoesNotFitIsCut) {
  EXPECT_EQ(encode_notification({3, 1, Bytes(70000, 7)}).size(), kMaxMessageSize);
}

TEST(Notification, IsNamedAsTheRegistryNamesIt) {
  EXPECT_EQ(describe({4, 0, {}}), "Hold Timer Expired");
  EXPECT_EQ(describe({6, 7, {}}), "Cease/Connection Collision Resolution");
  EXPECT_EQ(describe({6, 99, {}}), "Cease/99");
  EXPECT_EQ(describe({200, 1, {}}), "code 200/1");
  EXPECT_EQ(describe({5, 1, {}}), "Finite State Machine Error/Receive Unexpected Message in OpenSent State");
}

TEST(Rfc9003, TextIsCarriedAndShown) {
  EXPECT_EQ(describe(cease_with_text(cease::kAdministrativeShutdown, "[TICKET-1] back at noon")),
            "Cease/Administrative Shutdown: [TICKET-1] back at noon");
  EXPECT_TRUE(cease_with_text(cease::kAdministrativeShutdown, "").data.empty());
  EXPECT_TRUE(cease_with_text(cease::kConnectionCollision, "text").data.empty());
}

TEST(Rfc9003, ALongTextIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\u20ac";  // three octets each: 85 of them are 255
  EXPECT_EQ(cease_with_text(4, text).data.size(), 256U);
  EXPECT_EQ(cease_with_text(4, "x" + text).data.size(), 1U + 1U + 84U * 3U);
}

TEST(Rfc9003, ATextOfAWrongLengthIsNotShown) {
  for (const char* data : {"05 61 62", "01 61 62", "ff", ""})
    EXPECT_EQ(describe({6, 2, hex(data)}), "Cease/Administrative Shutdown") << data;
}

TEST(Rfc9003, ControlCharactersAndBrokenUtf8AreMadeHarmless) {
  EXPECT_EQ(describe({6, 2, hex("03 61 1b 62")}), "Cease/Administrative Shutdown: a?b");
  EXPECT_EQ(describe({6, 2, hex("02 c3 28")}), "Cease/Administrative Shutdown: ?(");
  EXPECT_EQ(describe({6, 2, hex("03 ed a0 80")}), "Cease/Administrative Shutdown: ???");
  EXPECT_EQ(describe({6, 2, hex("03 e2 82 ac")}), "Cease/Administrative Shutdown: \u20ac");
}

}  // namespace
}  // namespace slash32::bgp
