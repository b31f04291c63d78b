#include "bgpd/control/tcp_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

namespace slash32::control {
namespace {

constexpr int kBacklog = 16;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(address.v4_value());
    out.size = sizeof v4;
    return out;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::ranges::copy(address.bytes(), v6.sin6_addr.s6_addr);
  out.size = sizeof v6;
  return out;
}

}  // namespace

Result<UniqueFd> bind_tcp_socket(const IpAddress& address, std::uint16_t port) {
  const auto where =
      (address.is_v4() ? address.to_string() : "[" + address.to_string() + "]") + ":" + std::to_string(port);
  UniqueFd fd{::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return sys_fail("open a socket for " + where);
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return sys_fail("prepare " + where);
  if (!address.is_v4() && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
    return sys_fail("prepare " + where);
  const auto bound = socket_address(address, port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&bound.storage), bound.size) != 0)
    return sys_fail("bind " + where);
  if (::listen(fd.get(), kBacklog) != 0) return sys_fail("listen on " + where);
  return fd;
}

}  // namespace slash32::control
