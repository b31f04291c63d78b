// IP addresses and prefixes of both families as values: parsing, formatting, containment. No sockets.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32 {

enum class AddressFamily : std::uint8_t { IPv4 = 4, IPv6 = 6 };

/// "IPv4" or "IPv6".
std::string_view to_string(AddressFamily family);

/// An IPv4 or IPv6 address. IPv4 uses the first four bytes, the rest is zero; network byte order. Ordered by family,
/// then numerically.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress v4(std::uint32_t host_order) {
    IpAddress a;
    a.bytes_[0] = static_cast<std::uint8_t>(host_order >> 24);
    a.bytes_[1] = static_cast<std::uint8_t>(host_order >> 16);
    a.bytes_[2] = static_cast<std::uint8_t>(host_order >> 8);
    a.bytes_[3] = static_cast<std::uint8_t>(host_order);
    return a;
  }
  static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& network_order) {
    IpAddress a;
    a.family_ = AddressFamily::IPv6;
    a.bytes_ = network_order;
    return a;
  }
  /// From 4 or 16 bytes in network order; any other length is an error.
  static Result<IpAddress> from_bytes(std::span<const std::uint8_t> network_order);
  /// Dotted quad or RFC 4291 text, no zone, no surrounding space.
  static Result<IpAddress> parse(std::string_view text);

  constexpr AddressFamily family() const { return family_; }
  constexpr bool is_v4() const { return family_ == AddressFamily::IPv4; }
  constexpr bool is_v6() const { return family_ == AddressFamily::IPv6; }
  constexpr std::uint8_t bits() const { return is_v4() ? 32 : 128; }
  /// 4 or 16 bytes, network order.
  constexpr std::span<const std::uint8_t> bytes() const { return {bytes_.data(), is_v4() ? 4U : 16U}; }
  /// IPv4 only: the address as a number in host order.
  constexpr std::uint32_t v4_value() const {
    return std::uint32_t{bytes_[0]} << 24 | std::uint32_t{bytes_[1]} << 16 | std::uint32_t{bytes_[2]} << 8 | bytes_[3];
  }
  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_multicast() const;
  bool is_link_local() const;  // 169.254/16, fe80::/10
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  AddressFamily family_ = AddressFamily::IPv4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address and a length; bits beyond the length are always zero.
class Prefix {
 public:
  constexpr Prefix() = default;  // 0.0.0.0/0
  /// Masks the address; `length` must be at most address.bits().
  Prefix(const IpAddress& address, std::uint8_t length);
  /// The /32 or /128 of an address.
  static Prefix host(const IpAddress& address) { return {address, address.bits()}; }
  /// "10.0.0.0/8". Refuses a missing length and host bits set, unless `mask_host_bits`.
  static Result<Prefix> parse(std::string_view text, bool mask_host_bits = false);

  const IpAddress& address() const { return address_; }
  std::uint8_t length() const { return length_; }
  AddressFamily family() const { return address_.family(); }
  bool is_host() const { return length_ == address_.bits(); }
  bool is_default() const { return length_ == 0; }
  bool contains(const IpAddress& address) const;
  /// True for itself and for every more specific prefix.
  bool contains(const Prefix& other) const;
  bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }
  IpAddress last_address() const;
  std::string to_string() const;

  auto operator<=>(const Prefix&) const = default;

 private:
  IpAddress address_;
  std::uint8_t length_ = 0;
};

/// The address `offset` after `address`, or nothing when it would leave the family's space.
std::optional<IpAddress> advance(const IpAddress& address, std::uint64_t offset);

}  // namespace slash32

template <>
struct std::hash<slash32::IpAddress> {
  std::size_t operator()(const slash32::IpAddress& a) const noexcept;
};
template <>
struct std::hash<slash32::Prefix> {
  std::size_t operator()(const slash32::Prefix& p) const noexcept;
};
