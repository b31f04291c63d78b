// RFC 5492 capabilities, RFC 4760, 2918, 4724, 6793 in them, and RFC 9072's longer form.
#include <gtest/gtest.h>

#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::operator+;

const Bytes kFixed = hex("04 fd e9 00 5a 0a 00 00 01");

/// An OPEN whose parameters are these octets.
Result<Open, Notification> open_of(const char* parameters) {
  const Bytes p = hex(parameters);
  return decode_open(kFixed + Bytes{static_cast<std::uint8_t>(p.size())} + p);
}

TEST(Rfc5492, UnknownCapabilitiesAreKeptForShowAndOtherwiseIgnored) {
  const auto open = open_of("02 05 fe 00 80 01 aa");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->capabilities.unknown_codes, (std::vector<std::uint8_t>{0xfe, 0x80}));
}

TEST(Rfc5492, RepeatedCapabilitiesAndSeveralParametersAreFine) {
  const auto open = open_of("02 06 01 04 0001 00 01  02 0e 01 04 0001 00 01 01 04 0002 00 01 02 00  02 02 02 00");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->capabilities.families, (std::vector{AddressFamily::IPv4, AddressFamily::IPv6}));
  EXPECT_TRUE(open->capabilities.route_refresh);
}

TEST(Rfc5492, FamiliesWeDoNotCarryStillCountAsMultiprotocol) {
  const auto open = open_of("02 06 01 04 0019 00 46");
  ASSERT_TRUE(open);
  EXPECT_TRUE(open->capabilities.multiprotocol);
  EXPECT_TRUE(open->capabilities.families.empty());
}

struct Bad {
  const char* name;
  const char* parameters;
  const char* data;
};
class Rfc5492_Malformed : public ::testing::TestWithParam<Bad> {};
TEST_P(Rfc5492_Malformed, IsRefusedWithTheCapability) {
  const auto open = open_of(GetParam().parameters);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error(), (Notification{2, 0, hex(GetParam().data)}));
}
INSTANTIATE_TEST_SUITE_P(
    Lengths, Rfc5492_Malformed,
    ::testing::Values(Bad{"code_without_length", "02 01 01", "01"},
                      Bad{"length_passes_parameter", "02 03 41 04 00", "41 04 00"},
                      Bad{"multiprotocol_3", "02 05 01 03 000100", "01 03 000100"},
                      Bad{"multiprotocol_5", "02 07 01 05 0001000100", "01 05 0001000100"},
                      Bad{"refresh_1", "02 03 02 01 00", "02 01 00"},
                      Bad{"as4_0_does_not_read_its_neighbour", "02 08 41 00 01 04 00010001", "41 00"},
                      Bad{"as4_3", "02 05 41 03 000001", "41 03 000001"}, Bad{"restart_0", "02 02 40 00", "40 00"},
                      Bad{"restart_1", "02 03 40 01 00", "40 01 00"},
                      Bad{"restart_half_family", "02 07 40 05 0078 000101", "40 05 0078 000101"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc6793, TheCapabilitysAsIsThePeersAs) {
  const auto open = open_of("02 06 41 04 fa56ea01");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->asn, Asn{4200000001});
}

TEST(Rfc4724, RestartStateTimeAndForwardingBitsAreRead) {
  const auto open = open_of("02 0c 40 0a 8078 0001 01 80 0002 01 00");
  ASSERT_TRUE(open);
  ASSERT_TRUE(open->capabilities.graceful_restart);
  EXPECT_EQ(*open->capabilities.graceful_restart,
            (GracefulRestartCapability{true, false, 120, {{AddressFamily::IPv4, true}, {AddressFamily::IPv6, false}}}));
}

TEST(Rfc4724, OfSeveralCapabilitiesTheLastCounts) {
  const auto open = open_of("02 0c 40 06 8078 0001 01 80  40 02 0005");
  ASSERT_TRUE(open);
  EXPECT_EQ(*open->capabilities.graceful_restart, (GracefulRestartCapability{false, false, 5, {}}));
}

// ---------------------------------------------------------------- RFC 9072

Result<Open, Notification> extended(const char* after_fixed) { return decode_open(kFixed + hex(after_fixed)); }

TEST(Rfc9072, TheExtendedFormIsRead) {
  const auto open = extended("ff ff 0009 02 0006 41 04 fa56ea01");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->asn, Asn{4200000001});
}

TEST(Rfc9072, TheOneOctetLengthIsNotLookedAtThen) { EXPECT_TRUE(extended("07 ff 0009 02 0006 41 04 fa56ea01")); }

TEST(Rfc9072, TwoHundredAndFiftyFiveOctetsInTheOldFormStillAreTheOldForm) {
  const auto open = decode_open(kFixed + hex("ff 02 fd fe fb") + Bytes(251, 0));
  ASSERT_TRUE(open);
  EXPECT_EQ(open->capabilities.unknown_codes, (std::vector<std::uint8_t>{0xfe}));
}

TEST(Rfc9072, ATruncatedExtendedFormIsRefused) {
  for (const char* bytes : {"ff ff", "ff ff 00", "ff ff 0001", "ff ff 0005 02 0006 41", "ff ff 0003 02 0001", "01 ff",
                            "ff ff ffff 02 0000"})
    EXPECT_EQ(extended(bytes).error(), (Notification{2, 0, {}})) << bytes;
}

TEST(Rfc9072, Type255InsideIsAnUnknownParameter) {
  EXPECT_EQ(extended("ff ff 0006 02 0000 ff 0000").error(), (Notification{2, 4, {}}));
}

TEST(Rfc9072, ManyCapabilitiesAreWrittenInTheExtendedForm) {
  Open open;
  open.asn = Asn{65001};
  open.id = RouterId{1};
  GracefulRestartCapability gr;
  for (int i = 0; i < 62; ++i) gr.families.push_back({AddressFamily::IPv4, false});
  open.capabilities.graceful_restart = gr;
  open.capabilities.four_octet_as = open.asn;
  const Bytes bytes = encode_open(open);
  EXPECT_EQ(bytes[29], 255);
  const auto back = decode_open(std::span{bytes}.subspan(kHeaderSize));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, open);
}

}  // namespace
}  // namespace slash32::bgp
