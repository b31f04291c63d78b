// Every neighbour is read by config's reader before it is put into bgpd.json: one that cannot be is left out with its
// complaint, and does not take the others with it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/plan/neighbors.h"

namespace slash32::agent::plan {

/// Empty, or what config's reader says of this neighbour, with places as in the resource's spec.
std::string complaint_about(const nlohmann::ordered_json& neighbor, const nlohmann::ordered_json& groups, Asn local_as);

/// The same of a node's address alone. An annotation's is checked where it is read, an InternalIP by nobody: one that
/// bgpd's reader refuses would take the whole document with it. Only special addresses are asked for, so many nodes
/// cost nothing more.
std::string complaint_about_node(const nlohmann::ordered_json& neighbor, const nlohmann::ordered_json& groups,
                                 Asn local_as);

/// A name of at most 64 characters: the same for the same, another for another (as far as 64 bits tell).
std::string neighbor_name(const std::string& name);

/// The path of a password file; distinct for distinct entries.
std::string secret_path(const model::SecretRef& ref, const PlanOptions& options);

}  // namespace slash32::agent::plan
