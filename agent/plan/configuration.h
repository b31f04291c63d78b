// The settings of the whole cluster.
#pragma once

#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// The BGPConfiguration named "default", or its defaults where there is none.
const model::BgpConfiguration& configuration_of(const World& world);

}  // namespace slash32::agent::plan
