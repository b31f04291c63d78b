// NLRI as they stand in messages (RFC 4271 section 4.3; RFC 4760 section 5; RFC 7911 section 3): a length in bits, then
// as few octets as hold it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "bgpd/wire/attributes.h"
#include "common/bytes.h"
#include "common/ip.h"

namespace slash32::bgp {

/// Every prefix up to the reader's end. Nothing when a length passes the family's or the octets end too early
/// (RFC 7606 section 5.3). Bits beyond the length are masked.
/// With `path_ids`, each is behind its path identifier.
struct Nlri {
  std::vector<Prefix> prefixes;
  std::vector<PathId> path_ids;  // as many, or none
};
std::optional<Nlri> decode_nlri(ByteReader in, AddressFamily family, bool path_ids);

inline constexpr std::size_t kPathIdSize = 4;

/// How many octets encode_prefix() writes.
std::size_t encoded_size(const Prefix& prefix);
void encode_prefix(const Prefix& prefix, ByteWriter& out);
/// Each of `prefixes` behind `path_id`, where there is one.
void encode_nlri(std::span<const Prefix> prefixes, std::optional<PathId> path_id, ByteWriter& out);

}  // namespace slash32::bgp
