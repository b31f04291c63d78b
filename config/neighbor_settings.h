// The settings a neighbour and a group share: read into a NeighborConf, key by key, over what is already there.
#pragma once

#include "common/json_field.h"
#include "config/neighbor_conf.h"

namespace slash32::config {

/// Takes every setting that `field` has; the others stay as they are. Keys are not checked for being known here.
Status apply_settings(const JsonField& field, const NeighborContext& context, NeighborConf& out);

}  // namespace slash32::config
