#include "bgpd/fib/fib_sync.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "bgpd/fib/fib_writer.h"
#include "bgpd/fib/forward_drop.h"
#include "bgpd/fib/loss_thread.h"
#include "bgpd/fib/promptness.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kAFew = 16;            // deltas that who orders them may write himself
constexpr std::size_t kProblemsKept = 1000;  // nobody reads the log: more says no more

/// What was ordered since the worker looked last. Nothing is lost by waiting here: the last state of a prefix wins.
struct Orders {
  std::vector<std::vector<FibDelta>> deltas;
  std::optional<std::vector<Prefix>> aggregates;
  std::optional<std::vector<Prefix>> forward_drops;
  std::optional<FibSettings> settings;
  std::vector<IfIndex> heal;
  std::optional<std::uint64_t> revive;  // the last loss that is to end
  bool sweep = false;
  bool audit = false;
  bool remove_all = false;
  bool stop = false;

  bool any() const {
    return !deltas.empty() || aggregates || forward_drops || settings || !heal.empty() || revive || sweep || audit ||
           remove_all || stop;
  }
};

void ring(const UniqueFd& bell) {
  const std::uint64_t one = 1;
  while (::write(bell.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void hush(const UniqueFd& bell) {
  std::uint64_t count = 0;
  while (::read(bell.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

Result<UniqueFd> make_bell() {
  UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return sys_fail("make an eventfd");
  return fd;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

struct FibSync::Impl {
  std::mutex pen;  // who writes has it: over `writer` and `forward_drop`, taken before `mutex`
  std::unique_ptr<FibWriter> writer;
  std::optional<ForwardDrop> forward_drop;
  Promptness promptness;  // of who orders
  UniqueFd orders_bell;
  UniqueFd report_bell;
  mutable std::mutex mutex;  // over what follows
  std::condition_variable removed;
  Orders orders;
  bool removal_done = false;
  FibReport report;
  FibStatus status;
  bool working = false;
  std::optional<LossThread> losses;  // with next-hop objects only
  std::thread thread;

  ~Impl() {
    if (!thread.joinable()) return;
    order([](Orders& o) { o.stop = true; });
    thread.join();
  }

  template <class Change>
  void order(Change change) {
    {
      const std::lock_guard lock(mutex);
      change(orders);
    }
    ring(orders_bell);
  }

  void start() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);  // signals are the main thread's
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  /// Writes a few routes at once, where nothing waits to be written and the kernel is prompt: to wake the worker takes
  /// longer than the write. False: they are the worker's.
  bool write_now(std::vector<FibDelta>& deltas) {
    const auto began = std::chrono::steady_clock::now();
    if (deltas.size() > kAFew || !promptness.is_given(began)) return false;
    const std::unique_lock hand(pen, std::try_to_lock);
    if (!hand) return false;
    writer->read_events();  // a stranger may have come into a place
    if (!is_at_rest()) return false;
    writer->want(deltas);
    const bool more = writer->write_some();
    publish(false, more);
    promptness.note(began, std::chrono::steady_clock::now());
    if (more || writer->deadline()) ring(orders_bell);
    return true;
  }

  /// For who has the pen.
  bool is_at_rest() const {
    if (!writer->is_at_rest() || (losses && !losses->is_idle())) return false;
    const std::lock_guard lock(mutex);
    return !working && !orders.any();
  }

  void run() {
    for (;;) {
      std::unique_lock hand(pen);
      hush(orders_bell);
      Orders mine;
      {
        const std::lock_guard lock(mutex);
        mine = std::exchange(orders, {});
        working = true;
      }
      if (mine.stop) return;
      if (losses) losses->wait_until_idle();  // also for what a revive among the orders is about
      obey(mine);
      writer->read_events();
      writer->on_time(std::chrono::steady_clock::now());
      const bool more = writer->write_some();
      forward_drop->on_time(std::chrono::steady_clock::now());
      publish(mine.remove_all, more);
      const int patience = more ? 0 : milliseconds_to_wait();
      hand.unlock();
      if (!more) wait(patience);
    }
  }

  void obey(Orders& mine) {
    if (mine.settings) writer->reconfigure(*mine.settings);
    for (auto& deltas : mine.deltas) writer->want(deltas);
    if (mine.aggregates) writer->want_aggregates(*mine.aggregates);
    if (mine.sweep) writer->sweep();
    if (!mine.heal.empty()) writer->heal(mine.heal);
    if (mine.revive) writer->revive(*mine.revive);
    if (mine.audit) writer->audit();
    if (mine.forward_drops) forward_drop->want(*std::move(mine.forward_drops));
    if (!mine.remove_all) return;
    writer->remove_all();
    forward_drop->remove();
  }

  /// On the losses' thread.
  void lose(const FibNextHop& next_hop, std::uint64_t loss) {
    const auto lost = writer->lose(next_hop, loss);
    if (!lost) {
      const std::lock_guard lock(mutex);
      report.problems.push_back(lost.error().message);
      ring(report_bell);
    }
    order([&](Orders& o) { o.audit |= !lost; });  // the worker looks what became of the groups
  }

  void publish(bool removal, bool more) {
    bool news = writer->has_report();
    FibReport fresh = writer->take_report();
    const std::lock_guard lock(mutex);
    const auto& trouble = forward_drop->trouble();
    if (trouble != status.forward_drop_trouble && !trouble.empty()) {
      fresh.problems.push_back("originate.prefixes[].dropForwarded: " + trouble);
      news = true;
    }
    status = writer->status();
    status.forward_drop_trouble = trouble;
    working = more;
    append(report.aggregates_ready, fresh.aggregates_ready);
    append(report.aggregates_failed, fresh.aggregates_failed);
    if (report.problems.size() < kProblemsKept) append(report.problems, fresh.problems);
    if (news) ring(report_bell);
    if (!removal) return;
    removal_done = true;
    removed.notify_all();
  }

  /// Until the first deadline; -1: there is none.
  int milliseconds_to_wait() const {
    auto at = writer->deadline();
    if (const auto due = forward_drop->deadline(); due && (!at || *due < *at)) at = due;
    if (!at) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
  }

  void wait(int patience) const {
    std::array<pollfd, 2> fds{pollfd{.fd = orders_bell.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = writer->event_fd(), .events = POLLIN, .revents = 0}};
    (void)::poll(fds.data(), fds.size(), patience);  // whatever woke us, run() looks at everything
  }
};

FibSync::FibSync(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FibSync::~FibSync() = default;
FibSync::FibSync(FibSync&&) noexcept = default;
FibSync& FibSync::operator=(FibSync&&) noexcept = default;

Result<FibSync> FibSync::open(FibSettings settings) {
  auto impl = std::make_unique<Impl>();
  impl->orders_bell = TRY(make_bell());
  impl->report_bell = TRY(make_bell());
  impl->writer = TRY(FibWriter::open(settings));
  impl->forward_drop.emplace(settings.table);
  impl->status = impl->writer->status();
  if (settings.next_hop_objects)
    impl->losses.emplace([&it = *impl](const FibNextHop& hop, std::uint64_t loss) { it.lose(hop, loss); });
  impl->start();
  return FibSync(std::move(impl));
}

void FibSync::reconfigure(FibSettings settings) {
  impl_->order([&](Orders& o) { o.settings = settings; });
}

std::uint64_t FibSync::found_at_start(AddressFamily family) const { return impl_->writer->found_at_start(family); }

void FibSync::apply(std::vector<FibDelta> deltas) {
  if (deltas.empty() || impl_->write_now(deltas)) return;
  impl_->order([&](Orders& o) { o.deltas.push_back(std::move(deltas)); });
}

void FibSync::set_aggregates(std::vector<Prefix> aggregates) {
  impl_->order([&](Orders& o) { o.aggregates = std::move(aggregates); });
}

void FibSync::set_forward_drops(std::vector<Prefix> prefixes) {
  impl_->order([&](Orders& o) { o.forward_drops = std::move(prefixes); });
}

void FibSync::sweep() {
  impl_->order([](Orders& o) { o.sweep = true; });
}

void FibSync::heal(const std::vector<IfIndex>& links) {
  if (links.empty()) return;
  impl_->order([&](Orders& o) {
    for (const IfIndex link : links)
      if (std::ranges::find(o.heal, link) == o.heal.end()) o.heal.push_back(link);
  });
}

void FibSync::lose(const FibNextHop& next_hop) {
  if (impl_->losses) impl_->losses->order(next_hop);
}

void FibSync::revive() {
  if (!impl_->losses) return;
  impl_->order([last = impl_->losses->ordered()](Orders& o) { o.revive = last; });
}

void FibSync::audit() {
  impl_->order([](Orders& o) { o.audit = true; });
}

void FibSync::remove_all() {
  impl_->order([](Orders& o) { o.remove_all = true; });
  std::unique_lock lock(impl_->mutex);
  impl_->removed.wait(lock, [this] { return std::exchange(impl_->removal_done, false); });
}

int FibSync::fd() const { return impl_->report_bell.get(); }

FibReport FibSync::take_report() {
  const std::lock_guard lock(impl_->mutex);
  hush(impl_->report_bell);
  return std::exchange(impl_->report, {});
}

FibStatus FibSync::status() const {
  const std::lock_guard lock(impl_->mutex);
  FibStatus now = impl_->status;
  now.busy = impl_->working || impl_->orders.any() || (impl_->losses && !impl_->losses->is_idle());
  return now;
}

bool FibSync::installed(const Prefix& prefix) const { return impl_->writer->installed(prefix); }

}  // namespace slash32::bgp
