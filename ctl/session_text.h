// Timers, OPENs and capabilities of a session, for people. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace slash32::ctl {

/// `timers`, `open` and `capabilities` of a neighbour: what runs and for how long still, what is configured and agreed
/// on, then each side's OPEN with its capabilities, a line each. Empty where the document has none of them.
std::string session_text(const nlohmann::json& neighbor);

}  // namespace slash32::ctl
