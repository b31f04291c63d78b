#include "common/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace slash32 {
namespace {

std::uint8_t mask_byte(std::uint8_t length, std::size_t index) {
  const int left = static_cast<int>(length) - static_cast<int>(index * 8);
  if (left >= 8) return 0xff;
  if (left <= 0) return 0;
  return static_cast<std::uint8_t>(0xff << (8 - left));
}

std::uint32_t mask_v4(std::uint8_t length) { return length >= 32 ? ~0U : ~(~0U >> length); }

IpAddress with_bytes(AddressFamily family, const std::array<std::uint8_t, 16>& bytes) {
  if (family == AddressFamily::IPv6) return IpAddress::v6(bytes);
  return IpAddress::v4(std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
                       bytes[3]);
}

std::array<std::uint8_t, 16> bytes_of(const IpAddress& address) {
  std::array<std::uint8_t, 16> out{};
  std::ranges::copy(address.bytes(), out.begin());
  return out;
}

std::uint64_t mix(std::uint64_t h) {  // the finalizer of SplitMix64
  h ^= h >> 30;
  h *= 0xbf58476d1ce4e5b9ULL;
  h ^= h >> 27;
  h *= 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

}  // namespace

std::string_view to_string(AddressFamily family) { return family == AddressFamily::IPv4 ? "IPv4" : "IPv6"; }

Result<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> network_order) {
  std::array<std::uint8_t, 16> bytes{};
  if (network_order.size() != 4 && network_order.size() != 16)
    return fail(6, "an address has 4 or 16 bytes, not " + std::to_string(network_order.size()));
  std::ranges::copy(network_order, bytes.begin());
  return with_bytes(network_order.size() == 4 ? AddressFamily::IPv4 : AddressFamily::IPv6, bytes);
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string copy(text);  // inet_pton wants a terminator
  if (copy.size() == text.size() && copy.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) return with_bytes(AddressFamily::IPv4, bytes);
    if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return with_bytes(AddressFamily::IPv6, bytes);
  }
  return fail(7, "\"" + copy + "\" is not an IP address");
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string IpAddress::to_string() const {
  if (is_v4()) {  // inet_ntop() goes by sprintf()
    std::array<char, INET_ADDRSTRLEN> text{};
    char* end = text.data();
    for (std::size_t i = 0; i < 4; ++i) {
      if (i != 0) *end++ = '.';
      end = std::to_chars(end, text.data() + text.size(), bytes_[i]).ptr;
    }
    return {text.data(), end};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

// A table of routes makes many of these: no loop where one operation does.
Prefix::Prefix(const IpAddress& address, std::uint8_t length)
    : address_(address), length_(std::min(length, address.bits())) {
  if (address.is_v4()) {
    address_ = IpAddress::v4(address.v4_value() & mask_v4(length_));
    return;
  }
  const std::size_t whole = length_ / 8;
  auto bytes = bytes_of(address);
  if (whole >= bytes.size()) return;
  bytes[whole] &= mask_byte(length_, whole);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(whole) + 1, bytes.end(), std::uint8_t{0});
  address_ = IpAddress::v6(bytes);
}

Result<Prefix> Prefix::parse(std::string_view text, bool mask_host_bits) {
  const auto slash = text.find('/');
  const std::string quoted = "\"" + std::string(text) + "\"";
  if (slash == std::string_view::npos) return fail(7, quoted + " is not a prefix: no \"/length\"");
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return fail(7, quoted + " is not a prefix: " + address.error().message);
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool padded = digits.size() > 1 && digits.front() == '0';
  if (ec != std::errc{} || padded || end != digits.data() + digits.size() || length > address->bits())
    return fail(7, quoted + " is not a prefix: the length must be 0 to " + std::to_string(address->bits()));
  const Prefix prefix(*address, static_cast<std::uint8_t>(length));
  if (!mask_host_bits && prefix.address() != *address)
    return fail(7, quoted + " has bits set beyond its length; did you mean " + prefix.to_string() + "?");
  return prefix;
}

bool Prefix::contains(const IpAddress& address) const {
  if (address.family() != family()) return false;
  if (address.is_v4()) return ((address.v4_value() ^ address_.v4_value()) & mask_v4(length_)) == 0;
  const std::size_t whole = length_ / 8;
  const auto theirs = address.bytes();
  const auto ours = address_.bytes();
  if (std::memcmp(theirs.data(), ours.data(), whole) != 0) return false;
  return length_ % 8 == 0 || ((theirs[whole] ^ ours[whole]) & mask_byte(length_, whole)) == 0;
}

bool Prefix::contains(const Prefix& other) const { return other.length_ >= length_ && contains(other.address_); }

IpAddress Prefix::last_address() const {
  auto bytes = bytes_of(address_);
  for (std::size_t i = 0; i < address_.bytes().size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(bytes[i] | static_cast<std::uint8_t>(~mask_byte(length_, i)));
  return with_bytes(family(), bytes);
}

std::string Prefix::to_string() const { return address_.to_string() + "/" + std::to_string(length_); }

std::optional<IpAddress> advance(const IpAddress& address, std::uint64_t offset) {
  auto bytes = bytes_of(address);
  std::uint64_t carry = 0;
  for (std::size_t i = address.bytes().size(); i-- > 0;) {
    const std::uint64_t sum = std::uint64_t{bytes[i]} + (offset & 0xff) + carry;
    bytes[i] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8;
    offset >>= 8;
  }
  if (carry != 0 || offset != 0) return std::nullopt;
  return with_bytes(address.family(), bytes);
}

}  // namespace slash32

std::size_t std::hash<slash32::IpAddress>::operator()(const slash32::IpAddress& a) const noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  if (a.is_v4()) return slash32::mix(a.v4_value());
  std::memcpy(&high, a.bytes().data(), 8);
  std::memcpy(&low, a.bytes().data() + 8, 8);
  return slash32::mix(high ^ slash32::mix(low + 0x9e3779b97f4a7c15ULL));
}

std::size_t std::hash<slash32::Prefix>::operator()(const slash32::Prefix& p) const noexcept {
  return slash32::mix(std::hash<slash32::IpAddress>{}(p.address()) + p.length());
}
