// found.json: node-wide settings as they were before slash32 changed them.
//   {"settings": {"/proc/sys/net/ipv4/ip_forward": "0"}}
// An entry is written before its setting is changed, and never again: what is found later is our own work.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/cni/deadline.h"
#include "common/fd.h"
#include "common/result.h"

namespace slash32::node {

using Settings = std::map<std::string, std::string>;  // path below /proc/sys, whole; value as found

/// Waits for the advisory lock on a directory, at most until the deadline (CNI code 11). Closing the descriptor lets
/// go.
Result<UniqueFd> lock_directory(const std::filesystem::path& directory, const cni::Deadline& deadline);

/// Adds what is not recorded yet; entries that are stay as they are. Two processes at once: one waits for the other (an
/// advisory lock on the directory), at most until the deadline (CNI code 11). Makes the directory.
Status record_found(const std::filesystem::path& state_dir, const Settings& settings, const cni::Deadline& deadline);

/// What is recorded; nothing when there is no file. Error: it is damaged.
Result<Settings> read_found(const std::filesystem::path& state_dir);

/// Removes the record, once every setting is as it was. Success when there is none.
Status forget_found(const std::filesystem::path& state_dir, const cni::Deadline& deadline);

}  // namespace slash32::node
