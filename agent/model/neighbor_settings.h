// The part of a resource that is bgpd's own: settings of neighbours and of the kernel, taken as they are and checked by
// config's readers, which know what they mean.
#pragma once

#include <nlohmann/json.hpp>

#include "common/json_field.h"
#include "common/result.h"

namespace slash32::agent::model {

/// Of `spec`, the keys that a neighbour of bgpd.json has, but those that the plan writes itself (name, address,
/// filters, password, …). Keys bgpd does not know are left out, as a newer resource may have them. `bfd.enabled: false`
/// becomes `bfd: false`. Errors name the place in the resource.
Result<nlohmann::json> neighbor_settings(const JsonField& spec);

/// The same for `kernel`.
nlohmann::json kernel_settings(const JsonField& kernel);

/// `over` laid over `under`, key by key; objects within them as well, one level down.
nlohmann::json merged(const nlohmann::json& under, const nlohmann::json& over);

}  // namespace slash32::agent::model
