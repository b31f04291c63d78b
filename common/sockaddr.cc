#include "common/sockaddr.h"

#include <netinet/in.h>

#include <cstring>

namespace slash32 {

SocketAddress to_sockaddr(const IpAddress& address, std::uint16_t port, std::uint32_t scope) {
  SocketAddress out;
  const auto bytes = address.bytes();
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
    return out;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_scope_id = address.is_link_local() ? scope : 0;
  std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
  std::memcpy(&out.storage, &in, sizeof in);
  out.size = sizeof in;
  return out;
}

}  // namespace slash32
