// Any bytes as an ICMPv6 message from a link: two octets say from where and with which hop limit, the rest is the
// message.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgpd/ndp/packet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slash32;
  using namespace slash32::bgp;
  if (size < 2) return 0;
  const IpAddress sources[] = {IpAddress::v6({}), IpAddress::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}),
                               IpAddress::v6({0x20, 0x01, 0x0d, 0xb8})};
  const ndp::Packet packet{.message = {data + 2, size - 2}, .source = sources[data[0] % 3], .hop_limit = data[1]};
  const auto kind = ndp::decode(packet);
  if (!kind) {
    if (kind.error().message.empty()) std::abort();
    return 0;
  }
  // RFC 4861 section 6.1: what is taken came from this link, whole, and an advertisement from a router's own address.
  if (packet.hop_limit != ndp::kHopLimit || packet.message[0] != static_cast<std::uint8_t>(*kind)) std::abort();
  if (packet.message[1] != 0 || packet.message.size() < 8) std::abort();
  if (*kind == ndp::Kind::Advertisement && (packet.message.size() < 16 || !packet.source.is_link_local())) std::abort();
  // Nothing of it depends on what lies behind: cut off anywhere, it is an error or the same kind.
  for (std::size_t length = 0; length < packet.message.size(); ++length) {
    const auto cut = ndp::decode({packet.message.first(length), packet.source, packet.hop_limit});
    if (cut && *cut != *kind) std::abort();
  }
  return 0;
}
