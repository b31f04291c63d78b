// YAML read into JSON, so that one set of readers names places in both. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "common/result.h"

namespace slash32::agent::kube {

/// The first document of `text`. Plain `true`, `false`, `null`, `~` and nothing are what they say; every other scalar
/// is a text, also one that looks like a number (a token may). Error: line and column of a syntax error; a repeated
/// key, a key that is no scalar, more than 100,000 values (aliases can multiply a small file).
Result<nlohmann::json> parse_yaml(std::string_view text);

}  // namespace slash32::agent::kube
