// Sets of prefixes.
#pragma once

#include <vector>

#include "common/ip.h"

namespace slash32::agent::plan {

/// The fewest prefixes with exactly the same addresses, sorted.
std::vector<Prefix> joined(std::vector<Prefix> prefixes);

/// For each family the longest single prefix around all of it, sorted.
std::vector<Prefix> covers(const std::vector<Prefix>& prefixes);

/// Whether one of `ranges` has all of `prefix`.
bool within(const Prefix& prefix, const std::vector<Prefix>& ranges);

}  // namespace slash32::agent::plan
