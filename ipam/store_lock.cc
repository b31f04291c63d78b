#include "ipam/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>

#include "common/cni/deadline.h"
#include "common/cni/error.h"
#include "ipam/store_fault.h"

namespace slash32::ipam {
namespace {

extern "C" void on_alarm(int) {}  // only there to interrupt flock(2)

/// Interrupts this thread's system calls once `wait` is over, and again every few milliseconds: an interruption that
/// comes just before the call begins is lost.
class Alarm {
 public:
  static Result<std::unique_ptr<Alarm>> after(std::chrono::milliseconds wait) {
    auto alarm = std::unique_ptr<Alarm>(new Alarm);
    struct sigaction action{};
    action.sa_handler = on_alarm;  // no SA_RESTART
    sigemptyset(&action.sa_mask);
    if (::sigaction(SIGALRM, &action, &alarm->before_) != 0) return sys_fail("catch SIGALRM");
    sigset_t unblock;
    sigemptyset(&unblock);
    sigaddset(&unblock, SIGALRM);
    ::pthread_sigmask(SIG_UNBLOCK, &unblock, &alarm->mask_before_);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGALRM;
    event._sigev_un._tid = ::gettid();
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return sys_fail("create a timer");
    alarm->timer_ = timer;
    constexpr long kAgain = 10'000'000;  // ns
    const itimerspec when{.it_interval = {.tv_sec = 0, .tv_nsec = kAgain},
                          .it_value = {.tv_sec = wait.count() / 1000, .tv_nsec = wait.count() % 1000 * 1'000'000 + 1}};
    if (::timer_settime(timer, 0, &when, nullptr) != 0) return sys_fail("set a timer");
    return alarm;
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    if (timer_) ::timer_delete(*timer_);
    ::sigaction(SIGALRM, &before_, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

 private:
  Alarm() { ::pthread_sigmask(SIG_BLOCK, nullptr, &mask_before_); }
  std::optional<timer_t> timer_;
  struct sigaction before_{};
  sigset_t mask_before_{};
};

Status lock_within(int fd, int operation, std::chrono::milliseconds wait, const std::filesystem::path& file) {
  if (::flock(fd, operation | LOCK_NB) == 0) return ok();  // nearly always
  if (errno != EWOULDBLOCK && errno != EINTR) return sys_fail("lock " + file.string());
  const auto end = std::chrono::steady_clock::now() + wait;
  const auto alarm = TRY(Alarm::after(wait));
  for (;;) {
    if (::flock(fd, operation) == 0) return ok();
    if (errno != EINTR) return sys_fail("lock " + file.string());
    if (cni::stop_requested())
      return fail(cni::kTryAgainLater, "stopped by a signal, waiting for the lock " + file.string());
    if (std::chrono::steady_clock::now() >= end)
      return fail(cni::kTryAgainLater, "gave up after " + std::to_string(wait.count()) + " ms, waiting for the lock " +
                                           file.string() + ": another process works on the addresses");
  }
}

/// Whether `path` still names the file behind `fd`: somebody may have cleared the directory meanwhile.
bool is_still(int fd, const std::filesystem::path& path) {
  struct stat open_file{};
  struct stat named{};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 && open_file.st_dev == named.st_dev &&
         open_file.st_ino == named.st_ino;
}

}  // namespace

Result<StoreLock> StoreLock::take(const std::filesystem::path& file, Mode mode, std::chrono::milliseconds wait) {
  constexpr int kTries = 16;  // each lost only when the file was removed between open and lock
  for (int i = 0; i < kTries; ++i) {
    UniqueFd fd{::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    const bool read_only = !fd && errno == EROFS;
    if (read_only) fd.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && errno == ENOENT && read_only) errno = EROFS;  // there is none, and none can be made
    if (!fd) return disk_fail("open the lock " + file.string());
    TRY(lock_within(fd.get(), mode == Mode::Exclusive ? LOCK_EX : LOCK_SH, wait, file));
    if (is_still(fd.get(), file)) return StoreLock{std::move(fd)};
  }
  return fail(cni::kTryAgainLater, "the lock " + file.string() + " is being removed again and again");
}

}  // namespace slash32::ipam
