// RFC 5880 section 4.1: the packet's octets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "bgpd/bfd/packet.h"

namespace slash32::bfd {
namespace {

const std::vector<std::uint8_t> kWire = {0x21, 0xea, 5,    24,   0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                                         0,    0,    0xc3, 0x50, 0,    1,    0x86, 0xa0, 0,    0,    0,    7};
const Packet kValue = {.diagnostic = Diagnostic::ControlDetectionTimeExpired,
                       .state = State::Up,
                       .poll = true,
                       .control_plane_independent = true,
                       .demand = true,
                       .detect_multiplier = 5,
                       .my_discriminator = 0x11223344,
                       .your_discriminator = 0x55667788,
                       .desired_min_tx = Microseconds{50'000},
                       .required_min_rx = Microseconds{100'000},
                       .required_min_echo_rx = Microseconds{7}};

TEST(Rfc5880_4_1, EveryFieldHasItsPlace) {
  EXPECT_THAT(encode(kValue), ::testing::ElementsAreArray(kWire));
  EXPECT_EQ(decode(kWire), kValue);
}

TEST(Rfc5880_4_1, EveryFlagIsItsOwnBit) {
  for (const auto& [bit, flag] :
       {std::pair{0x20, &Packet::poll}, std::pair{0x10, &Packet::final},
        std::pair{0x08, &Packet::control_plane_independent}, std::pair{0x02, &Packet::demand}}) {
    Packet packet{.state = State::Down, .detect_multiplier = 1, .my_discriminator = 1};
    packet.*flag = true;
    EXPECT_EQ(encode(packet)[1], 0x40 | bit);
    EXPECT_EQ(decode(encode(packet)), packet);
  }
}

TEST(Rfc5880_4_1, DiagnosticsWithoutANameAreKept) {
  auto wire = kWire;
  wire[0] = 0x20 | 29;
  const auto packet = decode(wire);
  ASSERT_TRUE(packet);
  EXPECT_EQ(static_cast<int>(packet->diagnostic), 29);
  EXPECT_EQ(to_string(packet->diagnostic), "unknown diagnostic");
  EXPECT_EQ(encode(*packet)[0], 0x20 | 29);
}

TEST(Rfc5880_4_1, IntervalsBeyond32BitsAreCut) {
  Packet packet = kValue;
  packet.desired_min_tx = std::chrono::hours{2};
  EXPECT_EQ(decode(encode(packet))->desired_min_tx, Microseconds{0xffffffff});
}

TEST(Rfc5880_4_1, EveryTruncationAndEveryChangedOctetReturns) {
  for (std::size_t size = 0; size < kWire.size(); ++size)
    EXPECT_EQ(decode({kWire.data(), size}),
              std::unexpected(Rejection{Reject::Truncated, static_cast<std::uint32_t>(size)}));
  for (std::size_t at = 0; at < kWire.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto wire = kWire;
      wire[at] = static_cast<std::uint8_t>(value);
      const auto packet = decode(wire);
      if (packet) {
        EXPECT_EQ(decode(encode(*packet)), *packet);
      }
    }
  }
}

}  // namespace
}  // namespace slash32::bfd
