// The thread owns the file, the loop's thread the door; between them one buffer and a lock that is never held while the
// disk is asked for anything.
#include "bgpd/mrt_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "bgpd/mrt/file_name.h"
#include "common/fd.h"
#include "common/result.h"
#include "common/scope_guard.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kLastWord{1};  // for what is queued when it ends
constexpr mode_t kMode = 0640;

/// Beginning of a file, or its continuation. Error: why it cannot be written.
Result<UniqueFd> open_file(const std::string& path) {
  // Not blocking: a pipe without a reader would hold up the thread for good.
  UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, kMode)};
  if (!fd) return sys_fail("open " + path);
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return sys_fail("look at " + path);
  if (!S_ISREG(found.st_mode)) return fail(5, path + " is not a regular file");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return sys_fail("another process writes to " + path);
  return fd;
}

bool is_still(int fd, const std::string& path) {
  struct stat ours{}, there{};
  return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

/// All of it or nothing: half a record would make the rest of the file unreadable.
Status append_whole(int fd, const std::string& path, std::string_view bytes) {
  struct stat before{};
  if (::fstat(fd, &before) != 0) return sys_fail("look at " + path);
  auto done = write_all(fd, bytes);
  if (done) return done;
  if (::ftruncate(fd, before.st_size) != 0)
    return fail(5, path + ": " + done.error().message + "; what was written of a record cannot be taken back");
  return fail(in(path, std::move(done).error()));
}

/// One before it is lost. Error: why it could not be renamed; then it stays as it is.
Status set_aside(const std::string& path) {
  if (::rename(path.c_str(), (path + ".1").c_str()) != 0) return sys_fail("rename " + path + " to " + path + ".1");
  return ok();
}

/// Whether `more` octets would be too many for the file.
Result<bool> would_pass(int fd, const std::string& path, std::uint64_t limit, std::size_t more) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return sys_fail("look at " + path);
  return limit > 0 && found.st_size > 0 && static_cast<std::uint64_t>(found.st_size) + more > limit;
}

}  // namespace

struct MrtFile::Shared {
  explicit Shared(Settings given) : settings(std::move(given)) {}

  const Settings settings;
  mutable std::mutex lock;  // of what follows
  std::condition_variable changed;
  std::vector<std::uint8_t> waiting;
  std::uint64_t waiting_records = 0;
  Status status;
  bool ends = false, ended = false;
  std::chrono::steady_clock::time_point try_again{};  // while ended: no thread could be had

  // ------------------------------------------------------------ the thread's own
  UniqueFd fd;
  std::string path;

  void run() {
    std::unique_lock held(lock);
    while (true) {
      const auto bytes = std::exchange(waiting, {});
      const auto records = std::exchange(waiting_records, 0);
      held.unlock();
      const auto had = fd.get();
      const auto good = write(bytes);
      held.lock();
      const bool tried =
          !bytes.empty() || fd.get() != had;  // an open file that nothing is for says nothing of its disk
      if (!good)
        status.trouble = good.error().message;
      else if (tried)
        status.trouble.clear();
      (good ? status.written : status.dropped) += records;
      if (ends && waiting.empty()) break;
      changed.wait_for(held, settings.retry, [this] { return ends || !waiting.empty(); });
    }
    fd.reset();  // and its lock: another one may be waiting for the file
    ended = true;
    changed.notify_all();
  }

  slash32::Status write(const std::vector<std::uint8_t>& bytes) {
    const auto now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
    const auto wanted = mrt::file_name(settings.pattern, mrt::period_of(now, settings.rotate));
    // Without a period the name is that of the beginning.
    const bool keeps_name = fd && (settings.rotate.count() == 0 || wanted == path);
    if (!keeps_name || !is_still(fd.get(), path)) {
      fd.reset();
      path = wanted;
      fd = TRY(open_file(path));
    }
    if (bytes.empty()) return ok();
    if (TRY(would_pass(fd.get(), path, settings.rotate_bytes, bytes.size()))) {
      TRY(set_aside(path));
      fd.reset();
      fd = TRY(open_file(path));
    }
    return append_whole(fd.get(), path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

MrtFile::MrtFile(Settings settings) : shared_(std::make_shared<Shared>(std::move(settings))) {
  const std::scoped_lock held(shared_->lock);
  begin();
}

/// The thread, which waits for the lock that is held here. Where there is none nothing is queued for it.
void MrtFile::begin() {
  sigset_t all, before;  // signals are the main thread's
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const ScopeGuard restore{[&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }};
  try {
    std::thread([shared = shared_] { shared->run(); }).detach();  // a disk that hangs must not hold up our end
    shared_->ended = false;
  } catch (const std::system_error& error) {
    shared_->status.trouble = std::string("no thread to write with: ") + error.what();
    shared_->ended = true;
    shared_->try_again = std::chrono::steady_clock::now() + shared_->settings.retry;
  }
}

MrtFile::~MrtFile() {
  std::unique_lock held(shared_->lock);
  shared_->ends = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(held, kLastWord, [this] { return shared_->ended; });
}

void MrtFile::put(const std::vector<std::uint8_t>& record) {
  const std::scoped_lock held(shared_->lock);
  if (shared_->ended && std::chrono::steady_clock::now() >= shared_->try_again) begin();
  if (shared_->ended || shared_->waiting.size() + record.size() > shared_->settings.most_queued) {
    ++shared_->status.dropped;
    return;
  }
  shared_->waiting.insert(shared_->waiting.end(), record.begin(), record.end());
  ++shared_->waiting_records;
  shared_->changed.notify_one();
}

MrtFile::Status MrtFile::status() const {
  const std::scoped_lock held(shared_->lock);
  auto out = shared_->status;
  out.queued = shared_->waiting.size();
  return out;
}

}  // namespace slash32::bgp
