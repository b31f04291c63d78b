#include "bgpd/kernel_lock.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

#include "common/log.h"

namespace slash32::bgp {
namespace {

Result<UniqueFd> unix_socket() {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return sys_fail("open a unix socket");
  return fd;
}

/// Who listens there; nothing when they are gone.
std::optional<ucred> holder(const sockaddr_un& address, socklen_t size) {
  const auto probe = unix_socket();
  if (!probe || ::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return std::nullopt;
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(probe->get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return std::nullopt;
  return who;
}

}  // namespace

Result<UniqueFd> lock_kernel_table(TableId table) {
  const std::string what = "table " + std::to_string(table.value);
  const std::string name = "slash32-bgpd/" + what;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // unix(7): a leading 0 makes it abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  UniqueFd fd = TRY(unix_socket());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) {
    if (::listen(fd.get(), 1) != 0) return sys_fail("lock " + what);
    return fd;
  }
  if (errno != EADDRINUSE) return sys_fail("lock " + what);
  const auto who = holder(address, size);
  if (who && who->uid != ::geteuid()) {
    log::warn("another user holds our lock; going on without it", {{"uid", std::to_string(who->uid)}, {"lock", name}});
    return UniqueFd{};
  }
  return fail(5, "another slash32-bgpd" + (who ? " (pid " + std::to_string(who->pid) + ")" : std::string{}) +
                     " keeps the routes of " + what + " in this network namespace");
}

}  // namespace slash32::bgp
