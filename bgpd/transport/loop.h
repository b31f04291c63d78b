// The daemon's event loop: one thread, callbacks one after another. Asio stays behind it: other headers see no Asio
// type but the context's name, for those who open sockets on it. Everything here is called from the loop's own thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.h"

namespace boost::asio {
class io_context;
}

namespace slash32::bgp {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs callbacks until nothing is left that could call one: every timer, watch, listener and connection is gone.
  void run();
  /// Runs `work` in a later turn, behind everything that is ready now.
  void post(std::function<void()> work);
  Instant now() const { return std::chrono::steady_clock::now(); }

  /// Where a callback may put what it reads, all callbacks the same place: good until that callback returns.
  std::span<std::uint8_t> scratch();

  /// For transport and control, which open sockets on it.
  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One deadline. Setting it again replaces it; destroying it cancels it.
class LoopTimer {
 public:
  explicit LoopTimer(Loop& loop);
  ~LoopTimer();
  LoopTimer(LoopTimer&&) noexcept;
  LoopTimer& operator=(LoopTimer&&) noexcept;

  void at(Instant when, std::function<void()> work);
  void after(Duration delay, std::function<void()> work);
  void cancel();
  /// When it will go off; nothing: it is not set.
  std::optional<Instant> due() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Calls `readable` whenever the descriptor has something to read. The descriptor is borrowed and must outlive the
/// watch.
class FdWatch {
 public:
  FdWatch(Loop& loop, int fd, std::function<void()> readable);
  ~FdWatch();
  FdWatch(FdWatch&&) noexcept;
  FdWatch& operator=(FdWatch&&) noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Calls `work` with the number of each of these signals; the process's own default no longer applies.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, const std::vector<int>& signals, std::function<void(int)> work);
  ~SignalWatch();
  SignalWatch(SignalWatch&&) noexcept;
  SignalWatch& operator=(SignalWatch&&) noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
