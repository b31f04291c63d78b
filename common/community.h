// BGP communities as values: configuration matches and sets them, the speaker carries them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace slash32 {

/// RFC 1997: the upper 16 bits are an AS number, the lower 16 a value.
using Community = std::uint32_t;

/// RFC 8092.
struct LargeCommunity {
  std::uint32_t global = 0;
  std::uint32_t local1 = 0;
  std::uint32_t local2 = 0;
  auto operator<=>(const LargeCommunity&) const = default;
};

/// RFC 4360: type, subtype and six octets that they give a meaning.
using ExtendedCommunity = std::array<std::uint8_t, 8>;

}  // namespace slash32
