// The last errors of a session, for people. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace slash32::ctl {

/// `errors` of a neighbour: one or more lines for each of the last NOTIFICATIONs and the last malformed UPDATE.
std::string errors_text(const nlohmann::json& errors);

}  // namespace slash32::ctl
