// The store's lock: flock(2) on a file of our own beside the data. LMDB's lock is not used: it knows processes by their
// ID and lets two writers in when they come from two PID namespaces. The kernel drops a flock with its holder, however
// that dies.
#pragma once

#include <chrono>
#include <filesystem>
#include <utility>

#include "common/fd.h"
#include "common/result.h"

namespace slash32::ipam {

class StoreLock {
 public:
  enum class Mode { Shared, Exclusive };

  /// Waits at most `wait` (CNI code 11: who else is working took too long). The lock file is made when it is missing;
  /// the directory must exist. Held until destruction.
  static Result<StoreLock> take(const std::filesystem::path& file, Mode mode, std::chrono::milliseconds wait);

 private:
  explicit StoreLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace slash32::ipam
