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
  std::uint64_t generation = 0;  // a handler that was already queued when at() or cancel() came must not run
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

void LoopTimer::at(Instant when, std::function<void()> work) {
  const auto mine = ++impl_->generation;
  impl_->due = when;
  impl_->timer.expires_at(when);
  impl_->timer.async_wait([self = impl_, mine, work = std::move(work)](error_code error) {
    if (error || self->generation != mine) return;
    self->due.reset();
    work();
  });
}

void LoopTimer::after(Duration delay, std::function<void()> work) {
  at(std::chrono::steady_clock::now() + delay, std::move(work));
}

void LoopTimer::cancel() {
  ++impl_->generation;
  impl_->due.reset();
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
