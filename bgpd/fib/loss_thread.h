// Carries out what cannot wait, the loss of next hops, on a thread of its own: one after the other, in the order in
// which they came. The kernel has one lock for all who write routes, and whoever asks waits for it: neither the daemon,
// which orders losses, nor one loss behind a million routes may do so. Hence the two sides: order() returns at once,
// and who writes routes asks wait_until_idle() before each batch, so that a loss stands behind one batch at most.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "bgpd/fib/delta.h"

namespace slash32::bgp {

class LossThread {
 public:
  /// What is lost, and the number of the loss: 1, 2, 3, …
  using CarryOut = std::function<void(const FibNextHop&, std::uint64_t)>;

  /// `carry_out` is called on the new thread, which has no signals, and never twice at a time.
  explicit LossThread(CarryOut carry_out);
  ~LossThread();  // when all that was ordered is carried out
  LossThread(const LossThread&) = delete;
  LossThread& operator=(const LossThread&) = delete;

  void order(const FibNextHop& next_hop);
  /// How many were ordered: the number of the last.
  std::uint64_t ordered() const;
  bool is_idle() const;
  /// Returns when all that were ordered are carried out.
  void wait_until_idle() const;

 private:
  void run();
  bool idle() const { return waiting_.empty() && !carrying_; }

  CarryOut carry_out_;
  mutable std::mutex mutex_;  // over what follows
  mutable std::condition_variable changed_;
  std::deque<FibNextHop> waiting_;
  std::uint64_t ordered_ = 0;
  bool carrying_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace slash32::bgp
