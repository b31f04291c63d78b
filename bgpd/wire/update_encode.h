// UPDATEs out of attributes that are encoded already and kept by somebody else, as the RIB does: nothing is copied
// before it stands in the message. For all else: update.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bgpd/wire/update.h"
#include "common/ip.h"
#include "common/result.h"

namespace slash32::bgp {

/// An AttributeBlock whose octets are kept somewhere else.
struct AttributeView {
  AddressFamily family = AddressFamily::IPv4;
  std::span<const std::uint8_t> bytes;
  std::span<const std::uint8_t> mp_next_hop;
};

/// As that of an AttributeBlock (update.h).
Result<std::size_t> encode_announcements(const AttributeView& block, std::span<const Prefix> prefixes,
                                         std::size_t max_size, std::vector<std::uint8_t>& out,
                                         std::optional<PathId> path_id);

}  // namespace slash32::bgp
