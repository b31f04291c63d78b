// IP sockets' addresses and options, for every folder that opens sockets: they may not include one another.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "common/ip.h"
#include "common/result.h"

namespace slash32 {

/// What bind(2), connect(2) and sendto(2) take.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// `scope` is the index of the link on which a link-local IPv6 address stands; it says nothing of others.
SocketAddress to_sockaddr(const IpAddress& address, std::uint16_t port, std::uint32_t scope = 0);

/// setsockopt(2). Error: the system's, saying `what` was to be set.
template <class T>
Status set_option(int fd, int level, int name, const T& value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) return sys_fail(std::string("set ") + what);
  return ok();
}

}  // namespace slash32
