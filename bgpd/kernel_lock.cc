#include "bgpd/kernel_lock.h"

#include <poll.h>
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

// Of 10 ms each: a daemon listens right after its bind(), and takes in who asked within seconds.
constexpr int kTries = 20;
constexpr int kPause = 10;

Result<UniqueFd> unix_socket() {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return sys_fail("open a unix socket");
  return fd;
}

/// Who listens there; nothing when they are gone, do not listen, or let nobody in.
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
  std::optional<ucred> who;
  for (int i = 0; i < kTries && !who; ++i) {
    if (i > 0) ::poll(nullptr, 0, kPause);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) {
      if (::listen(fd.get(), SOMAXCONN) != 0) return sys_fail("lock " + what);
      return fd;
    }
    if (errno != EADDRINUSE) return sys_fail("lock " + what);
    who = holder(address, size);
  }
  if (who && who->uid == ::geteuid())
    return fail(5, "another slash32-bgpd (pid " + std::to_string(who->pid) + ") keeps the routes of " + what +
                       " in this network namespace");
  log::warn("somebody else holds our lock; going on without it",
            {{"uid", who ? std::to_string(who->uid) : "unknown: lets nobody in"}, {"lock", name}});
  return UniqueFd{};
}

void let_askers_go(const UniqueFd& lock) {
  while (lock)
    if (const UniqueFd asker{::accept4(lock.get(), nullptr, nullptr, SOCK_CLOEXEC)}; !asker) return;
}

}  // namespace slash32::bgp
