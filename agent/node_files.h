// What the agent writes on the node: each file whole or not at all, and only when it differs from what stands there.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/node_facts.h"
#include "agent/options.h"
#include "common/ip.h"
#include "common/result.h"

namespace slash32::agent {

/// Writes `text` unless the file holds just that; makes the directory. True: written.
Result<bool> write_if_changed(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);

/// The password files of a plan: those that are wanted are written (0600, in a directory of 0700), and `sweep` removes
/// the others of the directory.
Result<bool> write_secrets(const std::map<std::string, std::string>& wanted);
Status sweep_secrets(const std::filesystem::path& directory, const std::map<std::string, std::string>& wanted);

/// Where node.json's copy stands, that survives boots.
std::filesystem::path copy_of_node_file(const Options& options);
/// Puts the copy where node.json is missing, for a node that comes up without its API server. True: it was put.
Result<bool> restore_node_file(const Options& options);

/// The plugin and the IPAM are where the runtime looks for them. Error: names the one that is not.
Status plugins_in_place(const Options& options);

/// The network configuration that runtimes take in place of ours, since its name sorts before; nothing: ours is the
/// first. Error: the directory is there and cannot be read.
Result<std::optional<std::filesystem::path>> network_before(const std::filesystem::path& conflist);

/// Ranges this node's pods had addresses from, whether it still has them or not; kept in a file. None where the file
/// is missing. Error: it is there and cannot be read; a former range may hold pods, and is not to be forgotten.
Result<std::vector<Prefix>> read_ranges(const Options& options);
Status write_ranges(const Options& options, const std::vector<Prefix>& ranges);

/// What an earlier life in this boot knew of the kernel, in a file beside node.json. None where it is missing. Error:
/// it cannot be read; the kernel will tell again.
Result<NodeFacts> read_facts(const Options& options);
Status write_facts(const Options& options, const NodeFacts& facts);

}  // namespace slash32::agent
