#include "bgpd/transport/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace slash32::bgp {

namespace asio = boost::asio;
using boost::system::error_code;

// ---------------------------------------------------------------- Loop

struct Loop::Impl {
  asio::io_context context{1};                                              // one thread
  std::vector<std::uint8_t> scratch = std::vector<std::uint8_t>(16 << 10);  // octets of a connection in one turn
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;
void Loop::run() { impl_->context.run(); }
void Loop::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }
std::span<std::uint8_t> Loop::scratch() { return impl_->scratch; }
asio::io_context& Loop::context() { return impl_->context; }

// ---------------------------------------------------------------- LoopTimer

struct LoopTimer::Impl {
  explicit Impl(asio::io_context& context) : timer(context) {}
  asio::steady_timer timer;
  std::optional<Instant> due;
  std::function<void()> work;     // at `due`
  std::optional<Instant> waking;  // when the wait that is under way ends: at `due` or before
  std::uint64_t generation = 0;   // of that wait; the handler of an earlier one may be queued already and must not run

  static void wait(const std::shared_ptr<Impl>& self) {
    const auto mine = ++self->generation;
    self->waking = self->due;
    self->timer.expires_at(*self->due);
    self->timer.async_wait([self, mine](error_code error) {
      if (error || self->generation != mine) return;
      self->waking.reset();
      if (std::chrono::steady_clock::now() < *self->due) return wait(self);  // it was put off
      self->due.reset();
      const auto work = std::exchange(self->work, nullptr);
      work();
    });
  }
};

LoopTimer::LoopTimer(Loop& loop) : impl_(std::make_shared<Impl>(loop.context())) {}
LoopTimer::~LoopTimer() {
  if (impl_) cancel();
}
LoopTimer::LoopTimer(LoopTimer&&) noexcept = default;
LoopTimer& LoopTimer::operator=(LoopTimer&& other) noexcept {
  if (impl_) cancel();
  impl_ = std::move(other.impl_);
  return *this;
}

/// A session's timers are put off by every message: that costs nothing but an early look at the clock now and then.
void LoopTimer::at(Instant when, std::function<void()> work) {
  impl_->due = when;
  impl_->work = std::move(work);
  if (!impl_->waking || when < *impl_->waking) Impl::wait(impl_);
}

void LoopTimer::after(Duration delay, std::function<void()> work) {
  at(std::chrono::steady_clock::now() + delay, std::move(work));
}

void LoopTimer::cancel() {
  impl_->due.reset();
  impl_->work = nullptr;
  if (!impl_->waking) return;
  impl_->waking.reset();
  ++impl_->generation;
  impl_->timer.cancel();
}

std::optional<Instant> LoopTimer::due() const { return impl_->due; }

// ---------------------------------------------------------------- FdWatch

struct FdWatch::Impl {
  Impl(asio::io_context& context, int fd) : descriptor(context, fd) {}
  ~Impl() { descriptor.release(); }  // borrowed: never closed here
  asio::posix::stream_descriptor descriptor;
  std::function<void()> readable;
  bool stopped = false;

  static void wait(const std::shared_ptr<Impl>& self) {
    self->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [self](error_code error) {
      if (error || self->stopped) return;
      self->readable();
      if (!self->stopped) wait(self);
    });
  }
};

FdWatch::FdWatch(Loop& loop, int fd, std::function<void()> readable)
    : impl_(std::make_shared<Impl>(loop.context(), fd)) {
  impl_->readable = std::move(readable);
  Impl::wait(impl_);
}
FdWatch::~FdWatch() {
  if (!impl_) return;
  impl_->stopped = true;
  impl_->descriptor.release();  // also ends the wait, while the descriptor is still open
}
FdWatch::FdWatch(FdWatch&&) noexcept = default;
FdWatch& FdWatch::operator=(FdWatch&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

// ---------------------------------------------------------------- SignalWatch

struct SignalWatch::Impl {
  explicit Impl(asio::io_context& context) : set(context) {}
  asio::signal_set set;
  std::function<void(int)> work;
  bool stopped = false;

  static void wait(const std::shared_ptr<Impl>& self) {
    self->set.async_wait([self](error_code error, int number) {
      if (error || self->stopped) return;
      wait(self);
      self->work(number);
    });
  }
};

SignalWatch::SignalWatch(Loop& loop, const std::vector<int>& signals, std::function<void(int)> work)
    : impl_(std::make_shared<Impl>(loop.context())) {
  for (const int number : signals) {
    error_code ignored;  // only an invalid number fails
    impl_->set.add(number, ignored);
  }
  impl_->work = std::move(work);
  Impl::wait(impl_);
}
SignalWatch::~SignalWatch() {
  if (!impl_) return;
  impl_->stopped = true;
  error_code ignored;
  impl_->set.cancel(ignored);
}
SignalWatch::SignalWatch(SignalWatch&&) noexcept = default;
SignalWatch& SignalWatch::operator=(SignalWatch&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

}  // namespace slash32::bgp
