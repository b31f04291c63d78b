#include "common/cni/env.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "common/cni/error.h"
#include "common/fd.h"

namespace slash32::cni {
namespace {

/// Waits until `fd` can be read without blocking.
Status wait_readable(int fd, const Deadline& deadline) {
  for (;;) {
    TRY(deadline.check("the end of the configuration on standard input"));
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(deadline.remaining().count()));
    if (ready > 0) return ok();
    if (ready < 0 && errno != EINTR) return sys_fail("poll standard input");
  }
}

}  // namespace

Result<std::string> read_bounded(int fd, std::size_t max, const Deadline& deadline) {
  std::string out;
  std::array<char, 16384> chunk;
  for (;;) {
    TRY(wait_readable(fd, deadline));
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got == 0) return out;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return sys_fail("read standard input");
    out.append(chunk.data(), static_cast<std::size_t>(got));
    if (out.size() > max)
      return fail(kDecodingFailure,
                  "the configuration on standard input is longer than " + std::to_string(max) + " bytes");
  }
}

bool is_own_netns(const std::string& netns) {
  struct stat own{};
  struct stat other{};
  if (::stat("/proc/thread-self/ns/net", &own) != 0 || ::stat(netns.c_str(), &other) != 0) return false;
  return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Env real_env() {
  return Env{
      .getenv = [](const std::string& name) -> std::optional<std::string> {
        const char* value = ::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      .read_stdin = [](std::size_t max, const Deadline& deadline) { return read_bounded(STDIN_FILENO, max, deadline); },
      .write_stdout = [](std::string_view text) { return write_all(STDOUT_FILENO, text); },
      // Nobody is left to tell when standard error is gone.
      .write_stderr = [](std::string_view text) { (void)write_all(STDERR_FILENO, text); },
      .is_own_netns = is_own_netns};
}

}  // namespace slash32::cni
