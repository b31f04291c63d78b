// The CNI_* variables: which verb needs which, and what they may look like (CNI spec 1.1.0 section 2 "Parameters").
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/cni/env.h"
#include "common/result.h"

namespace slash32::cni {

enum class Command : std::uint8_t { Add, Del, Check, Status, Gc, Version };

/// "ADD", "DEL", …
std::string_view to_string(Command command);
std::optional<Command> parse_command(std::string_view text);

/// Validated. What a verb does not use is empty.
struct Args {
  Command command = Command::Version;
  std::string container_id;                  // CNI_CONTAINERID
  std::string netns;                         // CNI_NETNS; for DEL often empty
  std::string ifname;                        // CNI_IFNAME
  std::vector<std::filesystem::path> path;   // CNI_PATH, split
  std::map<std::string, std::string> extra;  // CNI_ARGS: known keys only
};

/// Every fault found, in the order of the variables; empty means `args` is good.
struct CheckedArgs {
  Args args;
  std::vector<std::string> faults;
};

/// Reads and checks the variables `command` needs. `known` are the CNI_ARGS keys the plugin understands, beside
/// IgnoreUnknown; faults of CNI_ARGS matter to ADD and CHECK only, so that DEL is never held up by them.
CheckedArgs read_args(Command command, const Env& env, std::span<const std::string_view> known);

/// "K=V;K=V". An unknown key is an error unless IgnoreUnknown is 1 or true. CNI code 4.
Result<std::map<std::string, std::string>> parse_cni_args(std::string_view text,
                                                          std::span<const std::string_view> known);

/// ^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$ : container IDs and network names.
bool is_valid_name(std::string_view text);
/// At most 15 bytes, not "." or "..", no '/', ':' or white space.
bool is_valid_ifname(std::string_view text);

}  // namespace slash32::cni
