// {"name": "tor", "key": "password"}: how a resource names an entry of a Secret.
#pragma once

#include "agent/model/bgp.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::agent::model {

/// Errors name the place.
Result<SecretRef> secret_ref(const JsonField& field);

}  // namespace slash32::agent::model
