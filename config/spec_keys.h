// Keys of a network configuration that the CNI specification and runtimes define (CNI 1.1.0 section 1, CONVENTIONS.md),
// as a human writes them: stricter than common/cni/result.h, which reads what other plugins print.
#pragma once

#include <string>
#include <vector>

#include "common/cni/result.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::config {

/// The name of a plugin's file: no path, no spaces.
Result<std::string> plugin_name(const JsonField& field);

/// The types of type, cniVersions, capabilities, args, runtimeConfig, disableCheck, disableGC, deviceID and pciBusID.
/// `root` is an object. Errors carry the path. CNI code 7.
Status check_spec_keys(const JsonField& root);

/// `dns`: no other keys than the specification's, nameservers are addresses, no text has spaces or control characters.
Result<cni::Dns> read_dns_conf(const JsonField& field);

/// `ipam.routes`: destinations without host bits, no unknown keys, no destination twice (with one priority and table).
Result<std::vector<cni::RouteConfig>> read_routes_conf(const JsonField& field);

}  // namespace slash32::config
