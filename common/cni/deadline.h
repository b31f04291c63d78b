// Bounded time: one deadline a verb, handed down to whatever waits. SIGTERM counts as a deadline that is over, so that
// the same path undoes what a verb has made.
#pragma once

#include <chrono>
#include <string>

#include "common/result.h"

namespace slash32::cni {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// `budget` from now; it appears in the message.
  static Deadline in(std::chrono::milliseconds budget) { return Deadline{Clock::now() + budget, budget}; }

  /// What is left, never negative; zero as well once SIGTERM came. For poll(2) and friends.
  std::chrono::milliseconds remaining() const;
  bool over() const { return remaining().count() == 0; }
  /// An error once it is over: CNI code 11, "gave up after 30000 ms, waiting for WHAT" or "stopped by SIGTERM, …".
  /// WHAT is what the caller is about to wait for or waited for.
  Status check(const std::string& what) const;
  /// The error check() gives.
  Error error(const std::string& what) const;

 private:
  Deadline(Clock::time_point end, std::chrono::milliseconds budget) : end_(end), budget_(budget) {}
  Clock::time_point end_;
  std::chrono::milliseconds budget_;
};

/// SIGTERM, SIGINT and SIGHUP set a flag that every Deadline sees, and interrupt system calls (no SA_RESTART); SIGPIPE
/// is ignored, so that a runtime that went away shows as an error of the write. For main().
void install_stop_signals();
/// Whether one of them came. Async-signal-safe to set, cheap to ask.
bool stop_requested();

}  // namespace slash32::cni
