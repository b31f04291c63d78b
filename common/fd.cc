#include "common/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "common/scope_guard.h"

namespace slash32 {

Result<std::string> read_all(int fd) {
  std::string out;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got == 0) return out;
    if (got > 0)
      out.append(chunk.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      return sys_fail("read");
  }
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return sys_fail("open " + path.string());
  auto text = read_all(fd.get());
  if (!text) return fail(in(path.string(), std::move(text).error()));
  return text;
}

Status write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put >= 0)
      data.remove_prefix(static_cast<std::size_t>(put));
    else if (errno != EINTR)
      return sys_fail("write");
  }
  return ok();
}

Status write_atomic(const std::filesystem::path& path, std::string_view data, unsigned mode) {
  const std::string temporary = path.string() + ".tmp." + std::to_string(::getpid());
  const UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
  if (!fd) return sys_fail("create " + temporary);
  ScopeGuard remove{[&] { ::unlink(temporary.c_str()); }};
  if (auto put = write_all(fd.get(), data); !put) return fail(in(temporary, std::move(put).error()));
  if (::fchmod(fd.get(), mode) != 0) return sys_fail("chmod " + temporary);
  if (::fsync(fd.get()) != 0) return sys_fail("fsync " + temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return sys_fail("rename " + temporary + " to " + path.string());
  remove.dismiss();
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const UniqueFd directory{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || ::fsync(directory.get()) != 0) return sys_fail("fsync " + parent.string());
  return ok();
}

}  // namespace slash32
