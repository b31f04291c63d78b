#include "bgpd/fib/loss_thread.h"

#include <csignal>
#include <utility>

namespace slash32::bgp {

LossThread::LossThread(CarryOut carry_out) : carry_out_(std::move(carry_out)) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);  // signals are the main thread's
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LossThread::~LossThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LossThread::order(const FibNextHop& next_hop) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(next_hop);
    ++ordered_;
  }
  changed_.notify_all();
}

std::uint64_t LossThread::ordered() const {
  const std::lock_guard lock(mutex_);
  return ordered_;
}

bool LossThread::is_idle() const {
  const std::lock_guard lock(mutex_);
  return idle();
}

void LossThread::wait_until_idle() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return idle(); });
}

void LossThread::run() {
  std::unique_lock lock(mutex_);
  for (std::uint64_t number = 1;; ++number) {
    changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const FibNextHop next_hop = waiting_.front();
    waiting_.pop_front();
    carrying_ = true;
    lock.unlock();
    carry_out_(next_hop, number);
    lock.lock();
    carrying_ = false;
    changed_.notify_all();
  }
}

}  // namespace slash32::bgp
