// The capability codecs (RFC 5492 section 4; RFC 4760, 2918, 6793, 4724, 7313, 8654, 8950, 9494), one row of a table
// each.
#pragma once

#include "bgpd/wire/message.h"
#include "common/bytes.h"
#include "common/result.h"

namespace slash32::bgp {

/// Reads one Capabilities parameter into `out`, which other parameters may have filled already (RFC 5492 section 4
/// allows several). Unknown and repeated capabilities are fine; a known one of a wrong length is not (error 2/0, the
/// capability as data).
Result<void, Notification> decode_capabilities(ByteReader in, Capabilities& out);

/// Appends the capabilities as TLVs, without the parameter around them.
void encode_capabilities(const Capabilities& capabilities, ByteWriter& out);

}  // namespace slash32::bgp
