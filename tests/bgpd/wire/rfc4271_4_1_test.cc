// RFC 4271 sections 4.1 and 6.1: the header.
#include <gtest/gtest.h>

#include "bgpd/wire/header.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::u16;

Result<Header, Notification> decode(const Bytes& bytes) {
  return decode_header(std::span<const std::uint8_t>{bytes}.first<kHeaderSize>());
}
Bytes header(std::size_t size, int type) {
  Bytes out(16, 0xff);
  for (const std::uint8_t b : u16(size)) out.push_back(b);
  out.push_back(static_cast<std::uint8_t>(type));
  return out;
}

TEST(Rfc4271_4_1, AKeepaliveIsNothingButAHeader) {
  const Bytes bytes = encode_keepalive();
  EXPECT_EQ(bytes, header(19, 4));
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->type, MessageType::Keepalive);
}

TEST(Rfc4271_6_1, AnyMarkerBitThatIsZeroIsConnectionNotSynchronized) {
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Bytes bytes = header(19, 4);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_EQ(decode(bytes).error(), (Notification{1, 1, {}}));
  }
}

struct Length {
  const char* name;
  int type;
  std::size_t size;
  bool good;
};
class Rfc4271_6_1_Length : public ::testing::TestWithParam<Length> {};
TEST_P(Rfc4271_6_1_Length, IsJudgedByTypeAndSentBack) {
  const auto decoded = decode(header(GetParam().size, GetParam().type));
  EXPECT_EQ(decoded.has_value(), GetParam().good);
  if (!decoded) {
    EXPECT_EQ(decoded.error(), (Notification{1, 2, u16(GetParam().size)}));
  }
}
INSTANTIATE_TEST_SUITE_P(Types, Rfc4271_6_1_Length,
                         ::testing::Values(Length{"open_28", 1, 28, false}, Length{"open_29", 1, 29, true},
                                           Length{"open_4096", 1, 4096, true}, Length{"update_22", 2, 22, false},
                                           Length{"update_23", 2, 23, true}, Length{"update_4096", 2, 4096, true},
                                           Length{"update_4097", 2, 4097, false},
                                           Length{"notification_20", 3, 20, false},
                                           Length{"notification_21", 3, 21, true}, Length{"keepalive_18", 4, 18, false},
                                           Length{"keepalive_19", 4, 19, true}, Length{"keepalive_20", 4, 20, false},
                                           Length{"refresh_22", 5, 22, false}, Length{"refresh_23", 5, 23, true},
                                           Length{"open_4097", 1, 4097, false}, Length{"zero", 2, 0, false},
                                           Length{"most", 2, 65535, false}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc4271_6_1, AnUnknownTypeIsSentBack) {
  for (int type = 0; type < 256; ++type) {
    if (type >= 1 && type <= 5) continue;
    EXPECT_EQ(decode(header(100, type)).error(), (Notification{1, 3, {static_cast<std::uint8_t>(type)}}));
  }
}

}  // namespace
}  // namespace slash32::bgp
