// A CNI plugin's world in memory: variables in a map, streams in strings.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/cni/env.h"
#include "common/cni/error.h"

namespace slash32::cni {

struct FakeWorld {
  std::map<std::string, std::string> variables;
  std::string in;
  std::string out;
  std::string err;
  std::string own_netns = "/proc/self/ns/net";
  bool stdin_hangs = false;
  bool stdout_is_gone = false;

  Env env() {
    return Env{.getenv = [this](const std::string& name) -> std::optional<std::string> {
                 const auto it = variables.find(name);
                 if (it == variables.end()) return std::nullopt;
                 return it->second;
               },
               .read_stdin = [this](std::size_t, const Deadline& deadline) -> Result<std::string> {
                 if (stdin_hangs) return fail(deadline.error("standard input"));
                 return in;
               },
               .write_stdout = [this](std::string_view text) -> Status {
                 if (stdout_is_gone) return fail(kIoFailure, "write: Broken pipe");
                 out += text;
                 return ok();
               },
               .write_stderr = [this](std::string_view text) { err += text; },
               .is_own_netns = [this](const std::string& netns) { return netns == own_netns; }};
  }
  /// What was printed, as one JSON document; null when nothing was.
  nlohmann::json document() const { return out.empty() ? nlohmann::json{} : nlohmann::json::parse(out); }
};

/// A world in which `command` is called as a runtime does.
inline FakeWorld world_of(const std::string& command, const nlohmann::json& config) {
  FakeWorld world;
  world.variables = {{"CNI_COMMAND", command}, {"CNI_CONTAINERID", "c0ffee"}, {"CNI_NETNS", "/run/netns/pod"},
                     {"CNI_IFNAME", "eth0"},   {"CNI_PATH", "/opt/cni/bin"},  {"CNI_ARGS", ""}};
  world.in = config.dump();
  return world;
}

}  // namespace slash32::cni
