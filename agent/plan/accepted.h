// What the holder of the lease says in the status of BGPConfiguration, BGPFilters and BGPAdvertisements: whether each
// is accepted, and what of it comes to nothing. That of BGPPeers and IPPools: status.h. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// By kind and name.
using Accepted = std::map<std::pair<model::Kind, std::string>, Condition>;

/// Every Node must be known where there are advertisements.
Accepted accepted_resources(const World& world);

/// Whether there is a resource of ours that has a status to be written, one that cannot be read included.
bool has_resources(const World& world);

}  // namespace slash32::agent::plan
