// The BFD Control packet (RFC 5880 section 4.1): its fields as values, and the checks of section 6.8.6 that need
// nothing but the packet. Authentication is not spoken: a packet that carries it is refused.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32::bfd {

using Microseconds = std::chrono::duration<std::int64_t, std::micro>;  // on the wire: 32 bits, at most 4,294 s

inline constexpr std::size_t kPacketSize = 24;  // the mandatory section, all that we send

/// RFC 5880 section 4.1, Sta.
enum class State : std::uint8_t { AdminDown = 0, Down = 1, Init = 2, Up = 3 };

/// RFC 5880 section 4.1, Diag. Numbers up to 31 that have no name here are kept as they came.
enum class Diagnostic : std::uint8_t {
  None = 0,
  ControlDetectionTimeExpired = 1,
  EchoFunctionFailed = 2,
  NeighborSignaledSessionDown = 3,
  ForwardingPlaneReset = 4,
  PathDown = 5,
  ConcatenatedPathDown = 6,
  AdministrativelyDown = 7,
  ReverseConcatenatedPathDown = 8,
};

/// "AdminDown", "Down", "Init", "Up".
std::string_view to_string(State state);
/// "no diagnostic", "control detection time expired", …; "diagnostic 17" has no name and is "unknown diagnostic".
std::string_view to_string(Diagnostic diagnostic);

struct Packet {
  Diagnostic diagnostic = Diagnostic::None;
  State state = State::Down;
  bool poll = false;
  bool final = false;
  bool control_plane_independent = false;
  bool demand = false;
  std::uint8_t detect_multiplier = 0;
  std::uint32_t my_discriminator = 0;
  std::uint32_t your_discriminator = 0;
  Microseconds desired_min_tx{0};
  Microseconds required_min_rx{0};
  Microseconds required_min_echo_rx{0};
  bool operator==(const Packet&) const = default;
};

/// Why a packet is discarded, in the order of RFC 5880 section 6.8.6.
enum class Reject : std::uint8_t {
  Truncated,  // shorter than the mandatory section
  Version,
  Length,
  DetectMultiplier,
  Multipoint,
  MyDiscriminator,
  YourDiscriminator,  // zero in a state that has heard from us
  Authentication,     // none is configured
  UnknownSession,     // from here on: nobody asked for it, or not on this path
  HopLimit,           // RFC 5881 section 5
};
inline constexpr std::size_t kRejects = 10;

struct Rejection {
  Reject reason = Reject::Truncated;
  std::uint32_t found = 0;  // the field's value; for Truncated the octets that came
  bool operator==(const Rejection&) const = default;
};

/// "Version is 2, expected 1": names the field.
std::string to_string(const Rejection& rejection);

/// Reads a UDP payload; octets behind the packet's own Length are ignored, as RFC 5880 section 6.8.6 allows. Checks in
/// the RFC's order; what needs the sessions (is Your Discriminator known) is the engine's, and comes afterwards.
Result<Packet, Rejection> decode(std::span<const std::uint8_t> payload);

/// The packet as it is sent: version 1, no authentication, no Multipoint. Intervals beyond 32 bits are cut to the most
/// that can be said.
std::array<std::uint8_t, kPacketSize> encode(const Packet& packet);

}  // namespace slash32::bfd
