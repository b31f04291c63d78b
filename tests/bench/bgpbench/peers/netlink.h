// Raw netlink messages about routes (rtnetlink(7)): a floor must not have a library's cost in it.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/fd.h"
#include "tests/bench/bgpbench/peers/common.h"
#include "tests/bench/bgpbench/peers/workload.h"

namespace bench {

using Bytes = std::vector<std::uint8_t>;

/// Of the caller's network namespace, with large buffers.
slash32::UniqueFd route_socket();
/// Tells `fd` of every change of routes of a family.
void subscribe(int fd, bool ipv6);

/// A message is made of a header, a body and attributes, each filled up to four octets.
void append(Bytes& out, const void* data, std::size_t size);
void attribute(Bytes& out, std::uint16_t type, const void* data, std::size_t size);

/// A route of table main to one address, by a gateway or, without one, on the link itself.
struct HostRoute {
  bool there = true;  // put there, or taken away
  Address address;
  std::uint8_t protocol = 0;
  std::uint32_t metric = 0;
  std::uint32_t link = 0;
  Address gateway;
};

/// Sends the order; take_acknowledgement() has what the kernel says of it.
void order(int fd, const HostRoute& route);
/// Ends the program where the kernel refused.
void take_acknowledgement(int fd);

/// What a subscriber hears: a route to one address of table main came or went.
struct RouteEvent {
  bool there = false;
  Address address;
  std::uint8_t protocol = 0;
};
std::optional<RouteEvent> read_event(const nlmsghdr* message);

/// Calls `each` with what one datagram of a subscriber holds; false: nothing came within the socket's time.
template <class Each>
bool hear(int fd, Bytes& buffer, Each each) {
  const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (got < 0 && errno != EINTR) die("hear of routes", errno);
  auto left = got > 0 ? static_cast<std::size_t>(got) : 0;
  for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
    if (const auto event = read_event(m)) each(*event);
  return true;
}

}  // namespace bench
