#include "plugin/delegate.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/cni/deadline.h"
#include "common/fd.h"
#include "common/json_field.h"
#include "common/scope_guard.h"

namespace slash32::plugin {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{1} << 20;
constexpr int kInvalidConfig = 7;
constexpr int kTryAgainLater = 11;

using Clock = std::chrono::steady_clock;

/// What a delegate may still take after we were told to stop. Killed in the middle it can lose an address for good:
/// host-local writes the owner into its lease after making it.
constexpr std::chrono::milliseconds kLastWords{1'000};

/// Keeps the stop signals off but while ppoll(2) waits: one that comes just before must not be overlooked.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&held, signal);
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_{};
};

/// The configuration as a file that ends: no pipe that could fill while the other side fills its own.
Result<UniqueFd> config_file(const std::string& config) {
  UniqueFd fd{::memfd_create("cni-config", MFD_CLOEXEC)};
  if (!fd) return sys_fail("make a memory file for the IPAM plugin's input");
  TRY(write_all(fd.get(), config));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return sys_fail("rewind the IPAM plugin's input");
  return fd;
}

std::vector<std::string> environment(cni::Command command) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("CNI_COMMAND=")) out.emplace_back(*entry);
  out.push_back("CNI_COMMAND=" + std::string(cni::to_string(command)));
  return out;
}

struct Child {
  pid_t pid = -1;
  UniqueFd handle;  // pidfd: readable when it has ended
  UniqueFd output;
};

/// Starts it in a process group of its own, with default signals.
Result<Child> start(const std::filesystem::path& program, const std::string& config, cni::Command command) {
  const auto input = TRY(config_file(config));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return sys_fail("make a pipe for the IPAM plugin's output");
  UniqueFd read_end{ends[0]};
  const UniqueFd write_end{ends[1]};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ScopeGuard destroy{[&] {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }};
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);  // ignored by us, and exec keeps that
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  auto texts = environment(command);
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  std::string name = program.string();
  std::array<char*, 2> arguments = {name.data(), nullptr};
  Child child;
  const int error = ::posix_spawn(&child.pid, name.c_str(), &actions, &attributes, arguments.data(), pointers.data());
  if (error != 0) return sys_fail("run " + name, error);
  child.handle.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  child.output = std::move(read_end);
  return child;
}

/// What is in the pipe already. Its end may never come: a grandchild can hold it.
bool drain(int fd, std::string& output) {
  std::array<char, 4096> chunk{};
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  while (output.size() <= kMaxOutput && ::poll(&ready, 1, 0) == 1) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got <= 0) break;
    output.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return output.size() <= kMaxOutput;
}

/// Everything it prints until it ends. False: out of time, also after having been told to stop, or too much.
bool collect(const Child& child, Clock::time_point end, bool heed_stop, std::string& output) {
  std::array<pollfd, 2> fds = {{{.fd = child.output.get(), .events = POLLIN, .revents = 0},
                                {.fd = child.handle.get(), .events = POLLIN, .revents = 0}}};
  std::array<char, 4096> chunk{};
  const SignalsHeld held;
  for (bool stopping = false;;) {
    if (heed_stop && !stopping && cni::stop_requested()) {
      stopping = true;
      end = std::min(end, Clock::now() + kLastWords);
    }
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    const timespec wait{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    if (::ppoll(fds.data(), fds.size(), &wait, &held.before()) < 0) {
      if (errno != EINTR) return false;
      continue;
    }
    if (fds[0].revents != 0) {
      const ssize_t got = ::read(child.output.get(), chunk.data(), chunk.size());
      if (got > 0) output.append(chunk.data(), static_cast<std::size_t>(got));
      if (got == 0) fds[0].fd = -1;
      if (output.size() > kMaxOutput) return false;
      continue;  // what it printed before its end comes first
    }
    if (fds[1].revents != 0) return drain(child.output.get(), output);  // printed between poll()'s two looks
  }
}

/// A plugin's own error, from its standard output (CNI section 5 "Error"), or how it ended.
Error error_of(const std::string& name, int status, const std::string& output) {
  const auto document = parse_json(output);
  if (document && document->is_object() && document->contains("msg")) {
    const JsonField root(*document);
    Error error;
    error.code = root.optional("code", json::integer<int>(1, 1 << 30), 999).value_or(999);
    error.message = name + ": " + root.optional("msg", json::text, std::string{}).value_or("");
    error.details = root.optional("details", json::text, std::string{}).value_or("");
    return error;
  }
  const auto how = WIFSIGNALED(status) ? "was killed by signal " + std::to_string(WTERMSIG(status))
                                       : "exited with status " + std::to_string(WEXITSTATUS(status));
  return Error{999, name + " " + how + " without an error that can be read", output.substr(0, 200)};
}

}  // namespace

Result<std::filesystem::path> find_plugin(const std::string& type, const std::vector<std::filesystem::path>& path) {
  std::string looked;
  for (const auto& directory : path) {
    std::error_code ec;
    if (std::filesystem::is_regular_file(directory / type, ec)) return directory / type;
    looked += (looked.empty() ? "" : ":") + directory.string();
  }
  return fail(kInvalidConfig, "/ipam/type: no plugin \"" + type + "\" in CNI_PATH (" + looked + ")");
}

Result<std::string> run_delegate(const Delegate& delegate, cni::Command command, Patience patience) {
  const auto end = Clock::now() + patience.time;
  const auto program = TRY(find_plugin(delegate.type, delegate.path));
  const std::string name = delegate.type + " " + std::string(cni::to_string(command));
  if (patience.heed_stop && cni::stop_requested()) return fail(kTryAgainLater, "stopped by a signal, before " + name);
  const auto child = TRY(start(program, delegate.config, command));
  std::string output;
  const bool finished = child.handle && collect(child, end, patience.heed_stop, output);
  if (!finished) ::kill(-child.pid, SIGKILL);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) continue;
  if (!finished && output.size() > kMaxOutput) return fail(999, name + " printed more than a result can be");
  if (!finished && patience.heed_stop && cni::stop_requested())
    return fail(kTryAgainLater, "stopped by a signal, waiting for " + name);
  if (!finished)
    return fail(kTryAgainLater, "gave up after " + std::to_string(patience.time.count()) + " ms, waiting for " + name);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fail(error_of(name, status, output));
  return output;
}

}  // namespace slash32::plugin
