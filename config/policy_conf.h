// policies{} of bgpd.json: named lists of terms.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json_field.h"
#include "config/bgpd_conf.h"

namespace slash32::config {

/// Reads one policy (an array of terms). Errors carry the path.
Result<Policy> read_policy(const JsonField& field);
/// Reads policies{}; each bad policy adds an error and is left out.
std::map<std::string, Policy> read_policies(const JsonField& field, std::vector<Error>& errors);

nlohmann::ordered_json print_policy(const Policy& policy);

}  // namespace slash32::config
