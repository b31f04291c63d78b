// File descriptors that close themselves, and whole-file reads and writes.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/result.h"

namespace slash32 {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Files of ours are smaller by far.
inline constexpr std::size_t kMaxFileSize = std::size_t{4} << 20;

/// The whole of a regular file of at most `max_size` bytes; never waits. Error: names the path and the reason (errno
/// text).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_size = kMaxFileSize);
/// The same, or nothing when there is no such file.
Result<std::optional<std::string>> read_file_if_there(const std::filesystem::path& path,
                                                      std::size_t max_size = kMaxFileSize);
/// Everything up to end of file; EINTR is retried.
Result<std::string> read_all(int fd);
/// Writes all of `data`; EINTR and short writes are retried.
Status write_all(int fd, std::string_view data);
/// Makes the directory and what is missing above it, each with `mode` exactly, whatever the umask is. What is there
/// stays as it is. Error: names the directory that could not be made.
Status make_directories(const std::filesystem::path& path, unsigned mode = 0755);
/// Temporary file in the same directory (a suffix that no CNI runtime loads), fsync, rename over `path`, fsync of the
/// directory: readers see the old file or the new one, never half of it. `mode` as for open(2).
Status write_atomic(const std::filesystem::path& path, std::string_view data, unsigned mode = 0644);

}  // namespace slash32
