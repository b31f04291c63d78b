// AS_PATH patterns: config/README.md says what they mean. Takes time in proportion to path times pattern, whatever
// either of them is: no backtracking.
#pragma once

#include "bgpd/wire/attributes.h"
#include "config/policy_types.h"

namespace slash32::bgp {

/// Whether the whole path fits. Each AS of a sequence is one AS of the pattern; an AS_SET is one, and any of its
/// members may fit (RFC 4271 section 9.1.2.2 a); confederation segments are not seen (RFC 5065 section 5.3).
bool matches(const config::AsPathPattern& pattern, const AsPath& path);

}  // namespace slash32::bgp
