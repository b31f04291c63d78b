// Settings below /proc/sys that a pod's host end needs. /proc/sys/net shows the calling thread's namespace.
#pragma once

#include <filesystem>
#include <string>

#include "common/result.h"

namespace slash32::pod {

/// The text without its line end.
Result<std::string> read_setting(const std::filesystem::path& path);
/// Writes `value` to a file of /proc/sys, unless it already holds it.
Status write_setting(const std::filesystem::path& path, const std::string& value);

/// /proc/sys/net/ipv6/conf/LINK/SETTING.
std::filesystem::path ipv6_setting(const std::string& link, const char* setting);
/// A host end's IPv6 settings, which must stand before it comes up: no router advertisements heeded, and IPv6 on where
/// the pod has an address of it. Error: CNI code 999 where this kernel has no IPv6 and the pod needs it.
Status prepare_host_ipv6(const std::string& link, bool has_v6);

}  // namespace slash32::pod
