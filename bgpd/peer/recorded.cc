#include "bgpd/peer/recorded.h"

#include <algorithm>

#include "bgpd/wire/header.h"
#include "bgpd/wire/update.h"
#include "common/bytes.h"

namespace slash32::bgp {

bool has_path_ids(const Update& update, const std::vector<AddressFamily>& families) {
  const auto any = [&](const std::vector<Prefix>& prefixes) {
    return std::ranges::any_of(families, [&](AddressFamily family) {
      return std::ranges::any_of(prefixes, [&](const Prefix& prefix) { return prefix.family() == family; });
    });
  };
  return any(update.withdrawn) ||
         std::ranges::any_of(update.announced, [&](const Update::Reach& reach) { return any(reach.prefixes); });
}

std::vector<act::MessageRecorded> recorded_as_sent(const Session& session, std::span<const std::uint8_t> messages) {
  constexpr std::size_t kMarker = 16;  // RFC 4271 section 4.1: the length stands behind it
  const DecodeContext as_the_peer_reads{.four_octet_as = session.four_octet_as,
                                        .external = session.external,
                                        .families = session.families,
                                        .extended_next_hop = session.extended_next_hop,
                                        .first_as = {},
                                        .add_path = session.add_path_out,
                                        .allow_as_set = true};
  std::vector<act::MessageRecorded> out;
  while (messages.size() >= kHeaderSize) {
    const std::size_t size = ByteReader{messages.subspan(kMarker)}.u16();
    if (size < kHeaderSize || size > messages.size()) return out;
    const auto one = messages.first(size);
    messages = messages.subspan(size);
    bool add_path = !session.add_path_out.empty();
    if (add_path)
      if (const auto update = decode_update(one.subspan(kHeaderSize), as_the_peer_reads))
        add_path = has_path_ids(*update, session.add_path_out);
    out.push_back({{one.begin(), one.end()}, session.four_octet_as, add_path, true});
  }
  return out;
}

}  // namespace slash32::bgp
