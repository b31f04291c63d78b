// The world of a CNI plugin: environment and standard streams as one struct, so that a test needs no process.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/cni/deadline.h"
#include "common/result.h"

namespace slash32::cni {

struct Env {
  /// Nothing when the variable is not set.
  std::function<std::optional<std::string>(const std::string& name)> getenv;
  /// Everything up to end of file, at most `max` bytes. CNI code 5: read error; 6: more than `max`; 11: the deadline.
  std::function<Result<std::string>(std::size_t max, const Deadline&)> read_stdin;
  std::function<Status(std::string_view)> write_stdout;
  std::function<void(std::string_view)> write_stderr;
  /// Whether this path is the namespace we run in. A path that cannot be looked at is not.
  std::function<bool(const std::string& netns)> is_own_netns;
};

/// The process's own.
Env real_env();

/// Reads `fd` to its end within a size and a time: what real_env() does with standard input.
Result<std::string> read_bounded(int fd, std::size_t max, const Deadline& deadline);

/// Same device and inode as /proc/thread-self/ns/net.
bool is_own_netns(const std::string& netns);

}  // namespace slash32::cni
