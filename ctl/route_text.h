// One prefix for people: its paths, and whom it was sent to. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace slash32::ctl {

/// The paths of one prefix, and of each neighbour whether it was told, or why not.
std::string render_route(const nlohmann::json& document);

}  // namespace slash32::ctl
