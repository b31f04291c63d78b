// The parts of `slash32ctl cleanup`: each takes away what is ours of one kind, tells it as steps, and finds nothing to
// do the second time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ctl/commands.h"
#include "ctl/networks.h"
#include "ctl/steps.h"

namespace slash32::ctl {

/// The directories where addresses are kept: the usual two, and those that networks configured here name.
std::vector<std::filesystem::path> stores_of(const CleanupQuery& query, const std::vector<Network>& networks);

/// A line for each pod of ours that lives, or whose addresses a store says are taken: only the store of the node's own
/// network namespace and this boot knows. Error: a store or the kernel cannot be read.
Result<std::vector<std::string>> living_pods(const std::vector<std::filesystem::path>& stores);

/// Whether the text configures our plugin.
bool is_conflist_of_ours(const std::string& text);
void remove_conflist(const CleanupQuery& query, Steps& steps);
/// The plugin, the IPAM, the names of our routes.
void remove_programs(const CleanupQuery& query, Steps& steps);
void remove_stores(const CleanupQuery& query, const std::vector<std::filesystem::path>& stores, Steps& steps);

/// Protocols 133 and 134, and 132 where no pod's link is behind it; the next-hop objects of 134.
void remove_routes(Steps& steps);
void remove_tables(Steps& steps);
/// What found.json says, and the record itself when all of it stands again.
void restore_settings(const CleanupQuery& query, Steps& steps);

}  // namespace slash32::ctl
