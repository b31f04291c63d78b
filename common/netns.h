// Network namespaces: open one, compare two, go into one and come back.
#pragma once

#include <filesystem>

#include "common/fd.h"
#include "common/result.h"

namespace slash32 {

/// Opens /run/netns/x, /proc/PID/ns/net or the like. Error: names the path; CNI code 8 when it is no network namespace.
Result<UniqueFd> open_netns(const std::filesystem::path& path);
/// The calling thread's own.
Result<UniqueFd> open_own_netns();
/// Whether both descriptors mean the same namespace.
Result<bool> is_same_netns(int a, int b);

/// setns(2) acts on the calling thread. Hold the guard only while opening a netlink socket (which stays bound to that
/// namespace) or writing below /proc/sys/net (which shows the caller's namespace).
class [[nodiscard]] NetnsGuard {
 public:
  /// Enters `target`; going out of scope leads back to `home`. Both descriptors must outlive the guard.
  static Result<NetnsGuard> enter(int target, int home);
  NetnsGuard(NetnsGuard&& other) noexcept : home_(std::exchange(other.home_, -1)) {}
  NetnsGuard& operator=(NetnsGuard&&) = delete;
  NetnsGuard(const NetnsGuard&) = delete;
  NetnsGuard& operator=(const NetnsGuard&) = delete;
  ~NetnsGuard();

 private:
  explicit NetnsGuard(int home) : home_(home) {}
  int home_;
};

}  // namespace slash32
