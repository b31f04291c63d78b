// One octet string a prefix; what its bounds are is decided here and nowhere else.
#include "bgpd/wire/nlri.h"

#include <algorithm>
#include <array>

namespace slash32::bgp {

std::optional<Nlri> decode_nlri(ByteReader in, AddressFamily family, bool path_ids) {
  Nlri out;
  const std::uint8_t most = family == AddressFamily::IPv4 ? 32 : 128;
  while (!in.empty()) {
    if (path_ids) out.path_ids.push_back(in.u32());
    const std::uint8_t length = in.u8();
    if (length > most) return std::nullopt;
    const auto octets = in.bytes((std::size_t{length} + 7) / 8);
    if (in.failed()) return std::nullopt;
    std::array<std::uint8_t, 16> address{};
    std::ranges::copy(octets, address.begin());
    if (family == AddressFamily::IPv4)
      out.prefixes.emplace_back(IpAddress::v4(ByteReader{std::span{address}.first(4)}.u32()), length);
    else
      out.prefixes.emplace_back(IpAddress::v6(address), length);
  }
  return out;
}

std::size_t encoded_size(const Prefix& prefix) { return 1 + (std::size_t{prefix.length()} + 7) / 8; }

void encode_prefix(const Prefix& prefix, ByteWriter& out) {
  out.u8(prefix.length());
  out.bytes(prefix.address().bytes().first((std::size_t{prefix.length()} + 7) / 8));
}

void encode_nlri(std::span<const Prefix> prefixes, std::optional<PathId> path_id, ByteWriter& out) {
  constexpr std::size_t kMost = kPathIdSize + 17;
  std::array<std::uint8_t, 64 * kMost> octets{};  // a table is mostly these: written many at a time
  auto at = octets.begin();
  for (const Prefix& p : prefixes) {
    if (path_id)  // RFC 7911 section 3
      for (const unsigned shift : {24U, 16U, 8U, 0U}) *at++ = static_cast<std::uint8_t>(*path_id >> shift);
    *at++ = p.length();
    const auto address = p.address().bytes().first(encoded_size(p) - 1);
    at = std::copy(address.begin(), address.end(), at);
    if (octets.end() - at >= static_cast<std::ptrdiff_t>(kMost)) continue;
    out.bytes({octets.begin(), at});
    at = octets.begin();
  }
  out.bytes({octets.begin(), at});
}

}  // namespace slash32::bgp
