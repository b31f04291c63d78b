// `routes` of the plugin's section: routes in the pod beside its default route, in the shape of a result's (CNI 1.1.0
// section 5 "Add Success"), held to what the kernel would otherwise change in silence or refuse without naming a place.
#pragma once

#include <vector>

#include "common/cni/result.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::config {

/// `gw` absent: the pod's gateway, or on link with `scope` 253 (link). CNI code 7.
Result<std::vector<cni::RouteConfig>> read_pod_routes(const JsonField& field);

/// Whether the route takes the place of the pod's default route: a default in the main table.
bool is_pod_default(const cni::RouteConfig& route);

}  // namespace slash32::config
