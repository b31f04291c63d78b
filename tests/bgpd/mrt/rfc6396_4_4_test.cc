// BGP4MP_ET (RFC 6396 sections 3 and 4.4) and its ADDPATH subtypes (RFC 8050 section 3), octet by octet; names of
// files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bgpd/mrt/file_name.h"
#include "bgpd/mrt/record.h"

namespace slash32::bgp::mrt {
namespace {

using testing::ElementsAreArray;

const WallTime kTime = WallTime{std::chrono::seconds{1}} + std::chrono::microseconds{0x10002};
const Ends kEnds{.peer_as = Asn{4200000000},
                 .local_as = Asn{64512},
                 .peer = IpAddress::v4(0xc0000201),
                 .local = IpAddress::v4(0xc0000202),
                 .interface = IfIndex{7}};
const std::vector<std::uint8_t> kMessage{0xff, 0xfe, 0xfd};

std::uint16_t subtype_of(const Bytes& record) { return static_cast<std::uint16_t>(record.at(6) << 8 | record.at(7)); }

TEST(Rfc6396_4_4_2, AMessageOfAFourOctetSessionStandsAsItCameBehindBothEnds) {
  EXPECT_THAT(encode_message(kTime, kEnds, true, false, kMessage),
              ElementsAreArray(std::vector<std::uint8_t>{0,    0,    0,    1, 0,   17, 0,    4, 0, 0, 0, 27,  // header
                                                         0,    1,    0,    2,                                 // µs
                                                         0xfa, 0x56, 0xea, 0, 0,   0,  0xfc, 0, 0, 7, 0, 1,   // ends
                                                         192,  0,    2,    1, 192, 0,  2,    2,               //
                                                         0xff, 0xfe, 0xfd}));
}

TEST(Rfc6396_4_4_2, ATwoOctetSessionHasTwoOctetAsesAndAsTransForWhatDoesNotFit) {
  EXPECT_THAT(encode_message(kTime, kEnds, false, false, kMessage),
              ElementsAreArray(std::vector<std::uint8_t>{0,   0, 0, 1, 0,    17,   0,    1, 0,    0,    0,   23,
                                                         0,   1, 0, 2, 0x5b, 0xa0, 0xfc, 0, 0,    7,    0,   1,
                                                         192, 0, 2, 1, 192,  0,    2,    2, 0xff, 0xfe, 0xfd}));
}

TEST(Rfc8050_3, MessagesWithPathIdentifiersHaveSubtypesOfTheirOwn) {
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, true, true, kMessage)), 9);
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, false, true, kMessage)), 8);
}

TEST(Rfc6396_4_4_5, WhatWeSentHasTheLocalSubtypesAndTheSameEnds) {
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, false, false, kMessage, true)), 6);
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, true, false, kMessage, true)), 7);
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, false, true, kMessage, true)), 10) << "RFC 8050 section 3";
  EXPECT_EQ(subtype_of(encode_message(kTime, kEnds, true, true, kMessage, true)), 11);
  auto received = encode_message(kTime, kEnds, true, false, kMessage);
  received.at(7) = 7;
  EXPECT_EQ(encode_message(kTime, kEnds, true, false, kMessage, true), received);
}

TEST(Rfc6396_4_4_4, AStateChangeHasTheNumbersOfTheSection) {
  const auto record = encode_state_change(kTime, kEnds, PeerState::OpenConfirm, PeerState::Established);
  EXPECT_EQ(subtype_of(record), 5);
  const std::vector<std::uint8_t> states(record.end() - 4, record.end());
  EXPECT_THAT(states, ElementsAreArray({0, 5, 0, 6}));
}

TEST(Rfc6396_4_4, AnAddressThatIsNotKnownIsZerosOfTheOthersFamily) {
  auto ends = kEnds;
  ends.peer = *IpAddress::parse("2001:db8::1");
  ends.local = IpAddress{};
  ends.interface = IfIndex{70000};  // two octets do not hold it
  const auto record = encode_state_change(kTime, ends, PeerState::Idle, PeerState::Connect);
  ASSERT_EQ(record.size(), 12U + 4 + 8 + 4 + 32 + 4);
  EXPECT_EQ(record.at(12 + 4 + 8 + 1), 0);
  EXPECT_EQ(record.at(12 + 4 + 8 + 3), 2) << "AFI";
  EXPECT_THAT(std::vector<std::uint8_t>(record.end() - 20, record.end() - 4), testing::Each(0));
}

TEST(MrtFileName, HasTheTimeInUtc) {
  const std::chrono::sys_seconds time{std::chrono::seconds{1767225661}};  // 2026-01-01 00:01:01
  EXPECT_EQ(file_name("/x/u.%Y%m%d.%H%M%S.mrt", time), "/x/u.20260101.000101.mrt");
  EXPECT_EQ(file_name("100%% %q %", time), "100% %q %");
}

TEST(MrtFileName, PeriodsBeginAtWholeMultiples) {
  const std::chrono::sys_seconds time{std::chrono::seconds{1767225661}};
  EXPECT_EQ(period_of(time, Seconds{300}), std::chrono::sys_seconds{std::chrono::seconds{1767225600}});
  EXPECT_EQ(period_of(time, Seconds{0}), time);
}

}  // namespace
}  // namespace slash32::bgp::mrt
