// A plugin for the dispatcher's tests: what it is, how it is configured, and handlers that remember what was called.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/cni/skel.h"

namespace slash32::cni {

inline const Program kProgram{.about = "test 1: a plugin", .known_cni_args = usual_cni_args(), .budgets = {}};

inline nlohmann::json config_of(const std::string& version) {
  return {{"cniVersion", version}, {"name", "net"}, {"type", "test"}};
}

/// Handlers that succeed and remember what was called.
struct Recorder {
  std::vector<std::string> called;
  std::vector<Call> calls;
  Handlers handlers() {
    const auto note = [this](const char* verb) {
      return [this, verb](const Call& call) -> Status {
        called.emplace_back(verb);
        calls.push_back(call);
        return ok();
      };
    };
    return {.add = [this](const Call& call) -> Result<AddResult> {
              called.emplace_back("ADD");
              calls.push_back(call);
              return AddResult{
                  .interfaces = {}, .ips = {{IpAddress::v4(0x0a000007), 32, {}, {}}}, .routes = {}, .dns = {}};
            },
            .del = note("DEL"),
            .check = note("CHECK"),
            .status = note("STATUS"),
            .gc = note("GC")};
  }
};

}  // namespace slash32::cni
