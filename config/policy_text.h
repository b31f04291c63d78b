// Communities and AS_PATH patterns as people write them: readers with their complaints, and printers whose text reads
// back as the same value. The forms are documented in config/README.md.
#pragma once

#include <string>

#include "common/json_field.h"
#include "config/policy_types.h"

namespace slash32::config {

/// "65000:*", "*:100-199", or a well-known name.
Result<CommunityPattern> community_pattern(const JsonField& field);
/// "65000:*:5".
Result<LargeCommunityPattern> large_community_pattern(const JsonField& field);
/// "rt:65000:100", "ro:10.0.0.1:5", "rt:4200000000:5" (RFC 4360, RFC 5668), or eight octets as "0x…".
Result<ExtendedCommunity> extended_community(const JsonField& field);
/// The same with "*" and ranges for the numbers.
Result<ExtendedCommunityPattern> extended_community_pattern(const JsonField& field);
/// "65000 ? 65010-65020+ *", see config/README.md.
Result<AsPathPattern> as_path_pattern(const JsonField& field);

std::string print_community_pattern(const CommunityPattern& pattern);
std::string print_large_community_pattern(const LargeCommunityPattern& pattern);
std::string print_extended_community(const ExtendedCommunity& community);
std::string print_extended_community_pattern(const ExtendedCommunityPattern& pattern);
std::string print_as_path_pattern(const AsPathPattern& pattern);

}  // namespace slash32::config
