#include "plugin/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <system_error>

#include "common/fd.h"
#include "common/log.h"

namespace slash32::plugin {
namespace {

constexpr unsigned kMode = 0640;

UniqueFd open_log(const std::filesystem::path& file) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  UniqueFd fd{::open(file.c_str(), flags, kMode)};
  if (fd) return fd;
  (void)make_directories(file.parent_path());  // where that fails the file cannot be opened either
  fd.reset(::open(file.c_str(), flags, kMode));
  return fd;
}

/// The open file, or a new one in its place when it has grown too big. Two processes may both rename; the loser's
/// rename moves the winner's young file, and nothing but some old lines is lost.
UniqueFd open_rotated(const config::LogConf& conf) {
  UniqueFd fd = open_log(conf.file);
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return fd;
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) < conf.max_size) return fd;
  std::error_code ec;
  std::filesystem::rename(conf.file, conf.file.string() + ".1", ec);
  return open_log(conf.file);
}

}  // namespace

void log_to_file(const config::LogConf& conf) {
  log::set_level(conf.level);
  if (conf.file.empty()) {
    log::set_sink([](log::Level, const std::string&) {});
    return;
  }
  const auto fd = std::make_shared<UniqueFd>();
  const auto tried = std::make_shared<bool>(false);
  log::set_sink([conf, fd, tried](log::Level, const std::string& line) {
    if (!*tried) *fd = open_rotated(conf);
    *tried = true;
    // One write a line keeps the lines of several processes apart. A full disk must not fail the verb.
    if (*fd) (void)write_all(fd->get(), line + "\n");
  });
}

}  // namespace slash32::plugin
