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

}  // namespace slash32::bgp
