// RFC 4861 section 6.1: which router advertisements and solicitations are taken, and what ours look like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bgpd/ndp/packet.h"

namespace slash32::bgp::ndp {
namespace {

using Bytes = std::vector<std::uint8_t>;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

/// FRR's, with the sender's link-layer address, an MTU and a prefix.
const Bytes kWithOptions = {134, 0, 0x12, 0x34, 64,   0, 0,    0,    0, 0,   0, 0, 0,  0,    0, 0, 1, 1,  2, 0, 0, 0,
                            0,   1, 5,    1,    0,    0, 0,    0,    5, 220, 3, 4, 64, 0xc0, 0, 0, 0, 10, 0, 0, 0, 5,
                            0,   0, 0,    0,    0x20, 1, 0x0d, 0xb8, 0, 0,   0, 0, 0,  0,    0, 0, 0, 0,  0, 0};

std::string outcome(const Bytes& message, const char* source = "fe80::1", int hop_limit = 255) {
  const auto kind = decode({.message = message, .source = ip(source), .hop_limit = hop_limit});
  if (!kind) return kind.error().message;
  return *kind == Kind::Advertisement ? "advertisement" : "solicitation";
}

Bytes changed(Bytes message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
}

TEST(Rfc4861_6_1, OurOwnAreGood) {
  EXPECT_EQ(outcome(encode_advertisement()), "advertisement");
  EXPECT_EQ(outcome(encode_solicitation()), "solicitation");
  EXPECT_EQ(outcome(encode_solicitation(), "::"), "solicitation");
}

TEST(Rfc4861_6_1, OursMakesNobodySendUsAnything) {
  const auto message = encode_advertisement();
  ASSERT_EQ(message.size(), 16U);
  EXPECT_EQ(message[5], 0) << "flags";
  EXPECT_EQ(message[6] << 8 | message[7], 0) << "router lifetime";
}

TEST(Rfc4861_6_1, OptionsArePassedOver) { EXPECT_EQ(outcome(kWithOptions), "advertisement"); }

TEST(Rfc4861_6_1, NobodyBeyondTheLinkIsBelieved) {
  EXPECT_EQ(outcome(encode_advertisement(), "fe80::1", 254), "hop limit 254: not sent on this link");
  EXPECT_EQ(outcome(encode_solicitation(), "fe80::1", 0), "hop limit 0: not sent on this link");
  EXPECT_EQ(outcome(encode_advertisement(), "2001:db8::1"),
            "a router advertisement from 2001:db8::1, which is not link-local");
  EXPECT_EQ(outcome(encode_advertisement(), "::"), "a router advertisement from ::, which is not link-local");
}

TEST(Rfc4861_6_1, AnOptionWithoutLengthOrCutOffSpoilsThePacket) {
  EXPECT_EQ(outcome(changed(kWithOptions, 17, 0)), "option 1 has no length");
  EXPECT_EQ(outcome(changed(kWithOptions, 33, 5)), "option 3 is cut off");
  EXPECT_EQ(outcome(changed(kWithOptions, 33, 255)), "option 3 is cut off");
}

TEST(Rfc4861_6_1, WhoHasNoAddressYetNamesNoLinkAddress) {
  auto message = encode_solicitation();
  message.insert(message.end(), {1, 1, 2, 0, 0, 0, 0, 1});
  EXPECT_EQ(outcome(message), "solicitation");
  EXPECT_EQ(outcome(message, "::"), "a source link-layer address of an unspecified source");
}

TEST(Rfc4861_6_1, OtherTypesAndCodesAreRefused) {
  EXPECT_EQ(outcome(changed(encode_advertisement(), 0, 135)), "ICMPv6 type 135 was not asked for");
  EXPECT_EQ(outcome(changed(encode_advertisement(), 1, 1)), "code 1, not 0");
}

TEST(Rfc4861_6_1, EveryTruncationIsRefusedButBetweenOptions) {
  for (std::size_t size = 0; size < kWithOptions.size(); ++size) {
    const Bytes cut(kWithOptions.begin(), kWithOptions.begin() + static_cast<std::ptrdiff_t>(size));
    const bool whole = size == 16 || size == 24 || size == 32;
    EXPECT_EQ(outcome(cut) == "advertisement", whole) << size << ": " << outcome(cut);
  }
  const auto solicitation = encode_solicitation();
  for (std::size_t size = 0; size < solicitation.size(); ++size)
    EXPECT_THAT(outcome({solicitation.begin(), solicitation.begin() + static_cast<std::ptrdiff_t>(size)}),
                testing::StartsWith("is "))
        << size;
}

TEST(Rfc4861_6_1, EveryChangeOfAnOctetIsSurvived) {
  for (std::size_t at = 0; at < kWithOptions.size(); ++at)
    for (int value = 0; value < 256; ++value)
      (void)outcome(changed(kWithOptions, at, static_cast<std::uint8_t>(value)));
}

}  // namespace
}  // namespace slash32::bgp::ndp
