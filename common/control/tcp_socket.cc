#include "common/control/tcp_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "common/sockaddr.h"

namespace slash32::control {
namespace {

constexpr int kBacklog = 16;

}  // namespace

Result<UniqueFd> bind_tcp_socket(const IpAddress& address, std::uint16_t port) {
  auto where = address.is_v4() ? address.to_string() : std::string("[").append(address.to_string()).append("]");
  where.append(":").append(std::to_string(port));
  UniqueFd fd{::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return sys_fail("open a socket for " + where);
  TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  if (!address.is_v4()) TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
  const auto bound = to_sockaddr(address, port);
  if (::bind(fd.get(), bound.get(), bound.size) != 0) return sys_fail("bind " + where);
  if (::listen(fd.get(), kBacklog) != 0) return sys_fail("listen on " + where);
  return fd;
}

}  // namespace slash32::control
