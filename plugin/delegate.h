// Running another IPAM plugin (CNI spec 1.1.0 section 4 "Plugin Delegation"): found in CNI_PATH, the configuration on
// its stdin byte for byte, our environment with CNI_COMMAND as needed, its stderr ours.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/cni/args.h"
#include "common/result.h"

namespace slash32::plugin {

struct Delegate {
  std::string type;                         // ipam.type
  std::vector<std::filesystem::path> path;  // CNI_PATH
  std::string config;                       // as it came in
};

/// The first regular file of that name in CNI_PATH. CNI code 7.
Result<std::filesystem::path> find_plugin(const std::string& type, const std::vector<std::filesystem::path>& path);

struct Patience {
  std::chrono::milliseconds time;
  bool heed_stop = true;  // SIGTERM ends the wait, a second later; not when we are undoing
};

/// Its standard output. Error: what it printed as its error (its code), or how it ended; a plugin that takes longer
/// than it may is killed with all it started (CNI code 11).
Result<std::string> run_delegate(const Delegate& delegate, cni::Command command, Patience patience);

}  // namespace slash32::plugin
