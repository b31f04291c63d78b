// The settings a neighbour and a group share: read into a NeighborConf, key by key, over what is already there.
#pragma once

#include "common/json_field.h"
#include "config/neighbor_conf.h"

namespace slash32::config {

/// Takes every setting that `field` has; the others stay as they are. Keys are not checked for being known here.
Status apply_settings(const JsonField& field, const NeighborContext& context, NeighborConf& out);

/// The name of a network interface as the kernel takes it.
Result<std::string> read_interface_name(const JsonField& field);

}  // namespace slash32::config
