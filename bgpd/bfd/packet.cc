#include "bgpd/bfd/packet.h"

#include <algorithm>
#include <limits>

#include "common/bytes.h"

namespace slash32::bfd {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kAuthenticatedSize = 26;  // with the smallest Authentication Section

constexpr std::uint8_t kPollBit = 0x20;
constexpr std::uint8_t kFinalBit = 0x10;
constexpr std::uint8_t kControlPlaneIndependentBit = 0x08;
constexpr std::uint8_t kAuthenticationBit = 0x04;
constexpr std::uint8_t kDemandBit = 0x02;
constexpr std::uint8_t kMultipointBit = 0x01;

std::uint32_t on_the_wire(Microseconds interval) {
  constexpr auto kMost = std::int64_t{std::numeric_limits<std::uint32_t>::max()};
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(interval.count(), 0, kMost));
}

std::unexpected<Rejection> reject(Reject reason, std::uint32_t found) {
  return std::unexpected(Rejection{reason, found});
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::AdminDown:
      return "AdminDown";
    case State::Down:
      return "Down";
    case State::Init:
      return "Init";
    case State::Up:
      return "Up";
  }
  return "unknown state";
}

std::string_view to_string(Diagnostic diagnostic) {
  constexpr std::array<std::string_view, 9> kNames = {"no diagnostic",
                                                      "control detection time expired",
                                                      "echo function failed",
                                                      "neighbor signaled session down",
                                                      "forwarding plane reset",
                                                      "path down",
                                                      "concatenated path down",
                                                      "administratively down",
                                                      "reverse concatenated path down"};
  const auto number = static_cast<std::size_t>(diagnostic);
  return number < kNames.size() ? kNames.at(number) : "unknown diagnostic";
}

std::string to_string(const Rejection& rejection) {
  const auto found = std::to_string(rejection.found);
  switch (rejection.reason) {
    case Reject::Truncated:
      return "the packet has " + found + " octets, expected at least " + std::to_string(kPacketSize);
    case Reject::Version:
      return "Version is " + found + ", expected 1";
    case Reject::Length:
      return "Length is " + found + ": less than the packet's fields need, or more than the datagram has";
    case Reject::DetectMultiplier:
      return "Detect Mult is 0";
    case Reject::Multipoint:
      return "the Multipoint bit is set";
    case Reject::MyDiscriminator:
      return "My Discriminator is 0";
    case Reject::YourDiscriminator:
      return "Your Discriminator is 0 in state " + std::string(to_string(static_cast<State>(rejection.found)));
    case Reject::Authentication:
      return "the packet is authenticated, which is not configured";
    case Reject::UnknownSession:
      return "Your Discriminator " + found + " is of no session on this path";
    case Reject::HopLimit:
      return "TTL or Hop Limit is " + found + ", expected 255";
  }
  return "unknown reason";
}

Result<Packet, Rejection> decode(std::span<const std::uint8_t> payload) {  // RFC 5880 section 6.8.6
  if (payload.size() < kPacketSize) return reject(Reject::Truncated, static_cast<std::uint32_t>(payload.size()));
  ByteReader in(payload);
  const auto version_and_diagnostic = in.u8();
  const auto state_and_flags = in.u8();
  Packet packet;
  packet.diagnostic = static_cast<Diagnostic>(version_and_diagnostic & 0x1f);
  packet.state = static_cast<State>(state_and_flags >> 6);
  packet.poll = (state_and_flags & kPollBit) != 0;
  packet.final = (state_and_flags & kFinalBit) != 0;
  packet.control_plane_independent = (state_and_flags & kControlPlaneIndependentBit) != 0;
  packet.demand = (state_and_flags & kDemandBit) != 0;
  packet.detect_multiplier = in.u8();
  const auto length = in.u8();
  packet.my_discriminator = in.u32();
  packet.your_discriminator = in.u32();
  packet.desired_min_tx = Microseconds{in.u32()};
  packet.required_min_rx = Microseconds{in.u32()};
  packet.required_min_echo_rx = Microseconds{in.u32()};

  const bool authenticated = (state_and_flags & kAuthenticationBit) != 0;
  const std::uint8_t version = version_and_diagnostic >> 5;
  if (version != kVersion) return reject(Reject::Version, version);
  if (length < (authenticated ? kAuthenticatedSize : kPacketSize)) return reject(Reject::Length, length);
  if (length > payload.size()) return reject(Reject::Length, length);
  if (packet.detect_multiplier == 0) return reject(Reject::DetectMultiplier, 0);
  if ((state_and_flags & kMultipointBit) != 0) return reject(Reject::Multipoint, 1);
  if (packet.my_discriminator == 0) return reject(Reject::MyDiscriminator, 0);
  if (packet.your_discriminator == 0 && packet.state != State::Down && packet.state != State::AdminDown)
    return reject(Reject::YourDiscriminator, static_cast<std::uint32_t>(packet.state));
  if (authenticated) return reject(Reject::Authentication, 1);
  return packet;
}

std::array<std::uint8_t, kPacketSize> encode(const Packet& packet) {
  FixedWriter<kPacketSize> out;
  out.u8(static_cast<std::uint8_t>(kVersion << 5 | (static_cast<std::uint8_t>(packet.diagnostic) & 0x1f)));
  out.u8(static_cast<std::uint8_t>(
      static_cast<std::uint8_t>(packet.state) << 6 | (packet.poll ? kPollBit : 0) | (packet.final ? kFinalBit : 0) |
      (packet.control_plane_independent ? kControlPlaneIndependentBit : 0) | (packet.demand ? kDemandBit : 0)));
  out.u8(packet.detect_multiplier);
  out.u8(kPacketSize);
  out.u32(packet.my_discriminator);
  out.u32(packet.your_discriminator);
  out.u32(on_the_wire(packet.desired_min_tx));
  out.u32(on_the_wire(packet.required_min_rx));
  out.u32(on_the_wire(packet.required_min_echo_rx));
  return out.data();
}

}  // namespace slash32::bfd
