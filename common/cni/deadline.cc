#include "common/cni/deadline.h"

#include <csignal>

#include <algorithm>
#include <atomic>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

extern "C" void on_stop_signal(int) { g_stop.store(true, std::memory_order_relaxed); }

}  // namespace

std::chrono::milliseconds Deadline::remaining() const {
  if (stop_requested()) return std::chrono::milliseconds{0};
  // Rounded up: a wait of what remains must not end just before the deadline does.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
  return std::max(left, std::chrono::milliseconds{0});
}

Error Deadline::error(const std::string& what) const {
  if (stop_requested()) return Error{kTryAgainLater, "stopped by a signal, waiting for " + what, {}};
  return Error{kTryAgainLater, "gave up after " + std::to_string(budget_.count()) + " ms, waiting for " + what, {}};
}

Status Deadline::check(const std::string& what) const {
  if (over()) return fail(error(what));
  return ok();
}

void install_stop_signals() {
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

bool stop_requested() { return g_stop.load(std::memory_order_relaxed); }

}  // namespace slash32::cni
