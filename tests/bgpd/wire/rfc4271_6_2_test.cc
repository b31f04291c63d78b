// RFC 4271 sections 4.2 and 6.2, RFC 6286, RFC 7607: OPEN and what is wrong with one.
#include <gtest/gtest.h>

#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::operator+;

// Version 4, AS 65001, hold time 90, identifier 10.0.0.1, no parameters.
const Bytes kPlain = hex("04 fd e9 00 5a 0a 00 00 01 00");

Bytes but(std::size_t at, const char* replacement) {
  Bytes out = kPlain;
  const Bytes bytes = hex(replacement);
  std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  return out;
}
Bytes with_parameters(const Bytes& parameters) {
  Bytes out = kPlain;
  out.back() = static_cast<std::uint8_t>(parameters.size());
  return out + parameters;
}

TEST(Rfc4271_4_2, APlainOpenIsReadAndWrittenBack) {
  const auto open = decode_open(kPlain);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->asn, Asn{65001});
  EXPECT_EQ(open->hold_time, 90);
  EXPECT_EQ(open->id, RouterId{0x0a000001});
  EXPECT_EQ(open->capabilities, Capabilities{});
  EXPECT_EQ(encode_open(*open, false), testing::message(MessageType::Open, kPlain));
}

TEST(Rfc4271_4_2, AFullOpenComesBackAsItWas) {
  Open open;
  open.asn = Asn{4200000001};
  open.hold_time = 9;
  open.id = RouterId{7};
  Capabilities& c = open.capabilities;
  c.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  c.multiprotocol = true;
  c.route_refresh = true;
  c.enhanced_refresh = true;
  c.extended_messages = true;
  c.ipv4_over_ipv6 = true;
  c.long_lived = {{AddressFamily::IPv4, true, 0xfedcba}, {AddressFamily::IPv6, false, 1}};
  c.four_octet_as = open.asn;
  c.graceful_restart =
      GracefulRestartCapability{true, false, 4095, {{AddressFamily::IPv4, true}, {AddressFamily::IPv6, false}}};
  const Bytes bytes = encode_open(open);
  EXPECT_EQ(bytes[20], 0x5b);  // AS_TRANS in the two-octet field
  EXPECT_EQ(bytes[21], 0xa0);
  EXPECT_EQ(decode_open(std::span{bytes}.subspan(kHeaderSize)), open);
}

struct Bad {
  const char* name;
  Bytes body;
  Notification error;
};
class Rfc4271_6_2 : public ::testing::TestWithParam<Bad> {};
TEST_P(Rfc4271_6_2, IsRefusedWithItsSubcodeAndData) {
  const auto open = decode_open(GetParam().body);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error(), GetParam().error);
}
INSTANTIATE_TEST_SUITE_P(
    Errors, Rfc4271_6_2,
    ::testing::Values(Bad{"version_3", but(0, "03"), {2, 1, {0, 4}}}, Bad{"version_5", but(0, "05"), {2, 1, {0, 4}}},
                      Bad{"as_0", but(1, "0000"), {2, 2, {0, 0}}},
                      Bad{"as_trans_without_capability", but(1, "5ba0"), {2, 2, {0x5b, 0xa0}}},
                      Bad{"identifier_0", but(5, "00000000"), {2, 3, {0, 0, 0, 0}}},
                      Bad{"hold_time_1", but(3, "0001"), {2, 6, {0, 1}}},
                      Bad{"hold_time_2", but(3, "0002"), {2, 6, {0, 2}}},
                      Bad{"parameter_of_unknown_type", with_parameters(hex("03 00")), {2, 4, {}}},
                      Bad{"authentication_parameter", with_parameters(hex("01 01 00")), {2, 4, {}}},
                      Bad{"parameters_longer_than_message", but(9, "05"), {2, 0, {}}},
                      Bad{"parameters_shorter_than_message", kPlain + hex("02 00"), {2, 0, {}}},
                      Bad{"parameter_cut_off", with_parameters(hex("02")), {2, 0, {}}},
                      Bad{"parameter_passes_end", with_parameters(hex("02 05 02 00")), {2, 0, {}}},
                      Bad{"capability_as_0", with_parameters(hex("02 06 41 04 00000000")), {2, 2, {0xfd, 0xe9}}}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc4271_6_2, HoldTimesZeroAndThreeAreFine) {
  EXPECT_TRUE(decode_open(but(3, "0000")));
  EXPECT_TRUE(decode_open(but(3, "0003")));
}

}  // namespace
}  // namespace slash32::bgp
