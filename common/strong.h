// Numbers that must not be mixed up: an AS number is not an interface index.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace slash32 {

/// A number with a name. Explicit to build, comparable with its own kind only.
template <class Tag, class T>
struct Strong {
  T value{};
  constexpr Strong() = default;
  constexpr explicit Strong(T v) : value(v) {}
  auto operator<=>(const Strong&) const = default;
};

using Asn = Strong<struct AsnTag, std::uint32_t>;            // RFC 6793: four octets
using RouterId = Strong<struct RouterIdTag, std::uint32_t>;  // BGP Identifier (RFC 6286), host byte order
using IfIndex = Strong<struct IfIndexTag, int>;              // 0: none
using Mtu = Strong<struct MtuTag, std::uint32_t>;            // octets
using TableId = Strong<struct TableIdTag, std::uint32_t>;    // routing table; 254 is main

}  // namespace slash32

template <class Tag, class T>
struct std::hash<slash32::Strong<Tag, T>> {
  std::size_t operator()(const slash32::Strong<Tag, T>& v) const noexcept { return std::hash<T>{}(v.value); }
};
