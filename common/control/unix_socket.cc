#include "common/control/unix_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "common/scope_guard.h"

namespace slash32::control {
namespace {

constexpr int kBacklog = 16;
constexpr mode_t kAtFirst = 0600;  // until the group is the right one

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(7, "the control socket's path \"" + path + "\" is empty or too long (unix(7))");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> unix_socket() {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return sys_fail("open a unix socket");
  return fd;
}

Result<gid_t> group_id(const std::string& name) {
  if (name.empty()) return ::getegid();
  if (name.size() <= 9 && name.find_first_not_of("0123456789") == std::string::npos)
    return static_cast<gid_t>(std::stoul(name));
  group found{};
  group* result = nullptr;
  std::vector<char> room(std::size_t{1} << 16);
  const int error = ::getgrnam_r(name.c_str(), &found, room.data(), room.size(), &result);
  if (error != 0) return sys_fail("look for the group " + name, error);
  if (result == nullptr) return fail(7, "there is no group \"" + name + "\"");
  return found.gr_gid;
}

Status give_access(const std::string& path, gid_t group, mode_t mode) {
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0) return sys_fail("change the group of " + path);
  if (::chmod(path.c_str(), mode) != 0) return sys_fail("change the mode of " + path);
  return ok();
}

/// Removes a socket whose owner is dead. Anything else that stands there is an error.
Status clear_place(const std::string& path, const sockaddr_un& address, const std::string& program) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? ok() : Status(sys_fail("look at " + path));
  if (!S_ISSOCK(found.st_mode)) return fail(5, path + " exists and is not a socket");
  const UniqueFd probe = TRY(unix_socket());
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN)
    return fail(5, path + ": another " + program + " answers there");
  if (errno != ECONNREFUSED) return sys_fail("try " + path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return sys_fail("remove the dead socket " + path);
  return ok();
}

}  // namespace

Status find_group(const SocketAccess& access) {
  TRY(group_id(access.group));
  return ok();
}

Status set_socket_access(const std::string& path, const SocketAccess& access) {
  return give_access(path, TRY(group_id(access.group)), access.mode);
}

Result<BoundSocket> bind_unix_socket(const std::string& path, const std::string& program, const SocketAccess& access) {
  const gid_t group = TRY(group_id(access.group));
  const auto address = TRY(address_of(path));
  TRY(make_directories(std::filesystem::path(path).parent_path()));
  TRY(clear_place(path, address, program));
  UniqueFd fd = TRY(unix_socket());
  const mode_t before = ::umask(static_cast<mode_t>(~kAtFirst & 0777));  // never open wider, not even for a moment
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_error = errno;
  ::umask(before);
  if (bound != 0) return sys_fail("bind " + path, bind_error);
  ScopeGuard remove{[&] { (void)::unlink(path.c_str()); }};
  TRY(give_access(path, group, access.mode));
  if (::listen(fd.get(), kBacklog) != 0) return sys_fail("listen on " + path);
  struct stat made{};
  if (::lstat(path.c_str(), &made) != 0) return sys_fail("look at " + path);
  remove.dismiss();
  return BoundSocket{std::move(fd), path, made.st_dev, made.st_ino};
}

bool unix_socket_is_ours(const BoundSocket& socket) {
  struct stat found{};
  return ::lstat(socket.path.c_str(), &found) == 0 && found.st_dev == socket.device && found.st_ino == socket.inode;
}

void remove_unix_socket(const BoundSocket& socket) {
  if (unix_socket_is_ours(socket)) (void)::unlink(socket.path.c_str());
}

}  // namespace slash32::control
