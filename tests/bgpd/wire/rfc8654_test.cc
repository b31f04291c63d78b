// RFC 8654: messages of up to 65535 octets where both sides said so.
#include <gtest/gtest.h>

#include "bgpd/wire/capabilities.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::u16;

Result<Header, Notification> decode(std::size_t size, MessageType type, std::size_t max_size) {
  Bytes out(16, 0xff);
  for (const std::uint8_t b : u16(size)) out.push_back(b);
  out.push_back(static_cast<std::uint8_t>(type));
  return decode_header(std::span<const std::uint8_t>{out}.first<kHeaderSize>(), max_size);
}

TEST(Rfc8654_4, UpdatesNotificationsAndRefreshesMayBeLongerWhereItWasAgreedOn) {
  for (const auto type : {MessageType::Update, MessageType::Notification, MessageType::RouteRefresh})
    for (const std::size_t size : {4096, 4097, 65535}) {
      EXPECT_TRUE(decode(size, type, kMaxExtendedMessageSize)) << size;
      const auto plain = decode(size, type, kMaxMessageSize);
      EXPECT_EQ(plain.has_value(), size == 4096);
      if (!plain) EXPECT_EQ(plain.error(), (Notification{1, 2, u16(size)}));
    }
}

TEST(Rfc8654_4, AnOpenOrKeepaliveIsNeverLonger) {
  EXPECT_TRUE(decode(4096, MessageType::Open, kMaxExtendedMessageSize));
  EXPECT_EQ(decode(4097, MessageType::Open, kMaxExtendedMessageSize).error(), (Notification{1, 2, u16(4097)}));
  EXPECT_EQ(decode(4097, MessageType::Keepalive, kMaxExtendedMessageSize).error(), (Notification{1, 2, u16(4097)}));
}

TEST(Rfc8654_4, ANotificationOfOursFitsEveryPeer) {
  const auto bytes = encode_notification({3, 1, Bytes(60000, 7)});
  EXPECT_EQ(bytes.size(), kMaxMessageSize);
}

TEST(Rfc8654_3, TheCapabilityHasNoValue) {
  Capabilities c;
  const Bytes good{6, 0}, bad{6, 1, 0};
  ASSERT_TRUE(decode_capabilities(ByteReader{good}, c));
  EXPECT_TRUE(c.extended_messages);
  EXPECT_EQ(decode_capabilities(ByteReader{bad}, c).error(), (Notification{2, 0, bad}));
}

}  // namespace
}  // namespace slash32::bgp
