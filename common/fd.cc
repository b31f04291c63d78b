#include "common/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/scope_guard.h"

namespace slash32 {

namespace {

/// Everything up to end of file or `limit` bytes.
Result<std::string> read_up_to(int fd, std::size_t limit) {
  std::string out;
  std::array<char, 16384> chunk;
  while (out.size() < limit) {
    const ssize_t got = ::read(fd, chunk.data(), std::min(chunk.size(), limit - out.size()));
    if (got == 0) break;
    if (got > 0)
      out.append(chunk.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      return sys_fail("read");
  }
  return out;
}

}  // namespace

Result<std::string> read_all(int fd) { return read_up_to(fd, std::string::npos); }

Result<std::optional<std::string>> read_file_if_there(const std::filesystem::path& path, std::size_t max_size) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};  // no waiting for a FIFO
  if (!fd && errno == ENOENT) return std::optional<std::string>{};
  if (!fd) return sys_fail("open " + path.string());
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return sys_fail("look at " + path.string());
  if (!S_ISREG(info.st_mode)) return fail(5, path.string() + " is not a regular file");
  // The size says nothing: it is 0 in /proc, and a file may grow.
  auto text = read_up_to(fd.get(), max_size + 1);
  if (!text) return fail(in(path.string(), std::move(text).error()));
  if (text->size() > max_size)
    return fail(5, path.string() + " is larger than the limit of " + std::to_string(max_size) + " bytes");
  return std::optional<std::string>{std::move(*text)};
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_size) {
  auto text = TRY(read_file_if_there(path, max_size));
  if (!text) return sys_fail("open " + path.string(), ENOENT);
  return std::move(*text);
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

Status make_directories(const std::filesystem::path& path, unsigned mode) {
  const auto make = [&] { return ::mkdir(path.c_str(), mode) == 0 ? 0 : errno; };
  int error = make();
  if (error == ENOENT && path.has_parent_path() && path.parent_path() != path) {
    TRY(make_directories(path.parent_path(), mode));
    error = make();
  }
  std::error_code unknown;
  if (error != 0 && std::filesystem::is_directory(path, unknown)) return ok();  // also one that stands there by now
  if (error == EEXIST) error = ENOTDIR;
  if (error != 0) return sys_fail("create " + path.string(), error);
  if (::chmod(path.c_str(), mode) != 0) return sys_fail("chmod " + path.string());
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
