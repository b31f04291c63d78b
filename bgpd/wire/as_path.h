// AS_PATH and AS4_PATH as they stand in messages (RFC 4271 section 4.3, RFC 6793), and how the two become one.
#pragma once

#include <optional>

#include "bgpd/wire/attributes.h"
#include "common/bytes.h"

namespace slash32::bgp {

/// Reads segments up to the reader's end. Nothing when RFC 7606 section 7.2 calls the path malformed: an unknown
/// segment type, a segment without ASes, one that runs over the end, or (RFC 7607) AS 0. Confederation segments are
/// read; whether they may be there is the caller's to say.
std::optional<AsPath> decode_as_path(ByteReader in, bool four_octet);

/// RFC 5065.
bool has_confederation(const AsPath& path);
bool has_as_set(const AsPath& path);
/// Without its confederation segments (RFC 6793 section 6 for AS4_PATH).
AsPath without_confederation(AsPath path);

/// AS numbers that do not fit two octets become AS_TRANS. Segments of more than 255 ASes are split.
void encode_as_path(const AsPath& path, bool four_octet, ByteWriter& out);
/// Some AS of it needs four octets.
bool needs_four_octets(const AsPath& path);

/// RFC 6793 section 4.2.3: the path with its AS_TRANS undone: as much of the head of `as_path` as makes up its length,
/// then `as4_path`. A longer `as4_path` is ignored.
AsPath merge_as4_path(const AsPath& as_path, const AsPath& as4_path);

}  // namespace slash32::bgp
