#include "tests/bench/bgpbench/peers/netlink.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tests/bench/bgpbench/peers/common.h"

namespace bench {

slash32::UniqueFd route_socket() {
  slash32::UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!fd) die("netlink socket", errno);
  const int large = 4 * 1024 * 1024;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  return fd;
}

void subscribe(int fd, bool ipv6) {
  const sockaddr_nl any{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  // Without a port of its own it would be told nothing: the kernel leaves out port 0.
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) die("bind netlink socket", errno);
  const int group = ipv6 ? RTNLGRP_IPV6_ROUTE : RTNLGRP_IPV4_ROUTE;
  if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) die("group", errno);
}

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
  out.resize((out.size() + 3) / 4 * 4);
}

void attribute(Bytes& out, std::uint16_t type, const void* data, std::size_t size) {
  const rtattr head{.rta_len = static_cast<unsigned short>(RTA_LENGTH(size)), .rta_type = type};
  append(out, &head, sizeof head);
  append(out, data, size);
}

void order(int fd, const HostRoute& route) {
  Bytes out;
  const auto flags = NLM_F_REQUEST | NLM_F_ACK | (route.there ? NLM_F_CREATE | NLM_F_EXCL : 0);
  nlmsghdr head{.nlmsg_len = 0,
                .nlmsg_type = static_cast<std::uint16_t>(route.there ? RTM_NEWROUTE : RTM_DELROUTE),
                .nlmsg_flags = static_cast<std::uint16_t>(flags),
                .nlmsg_seq = 1,
                .nlmsg_pid = 0};
  append(out, &head, sizeof head);
  rtmsg body{};
  body.rtm_family = route.address.size() == 4 ? AF_INET : AF_INET6;
  body.rtm_dst_len = static_cast<std::uint8_t>(route.address.size() * 8);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = route.protocol;
  body.rtm_scope = route.gateway.empty() && body.rtm_family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  append(out, &body, sizeof body);
  attribute(out, RTA_DST, route.address.data(), route.address.size());
  attribute(out, RTA_PRIORITY, &route.metric, sizeof route.metric);
  attribute(out, RTA_OIF, &route.link, sizeof route.link);
  if (!route.gateway.empty()) attribute(out, RTA_GATEWAY, route.gateway.data(), route.gateway.size());
  head.nlmsg_len = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &head, sizeof head);
  if (::send(fd, out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) die("send a route", errno);
}

void take_acknowledgement(int fd) {
  std::array<std::uint8_t, 8192> answer{};
  const auto got = ::recv(fd, answer.data(), answer.size(), 0);
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) die("no acknowledgement", got < 0 ? errno : 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer.data());
  const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
  if (error != 0) die("the kernel refused a route", -error);
}

std::optional<RouteEvent> read_event(const nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) return std::nullopt;
  auto* body = static_cast<const rtmsg*>(NLMSG_DATA(message));
  const unsigned size = body->rtm_family == AF_INET ? 4 : 16;
  if (body->rtm_table != RT_TABLE_MAIN || body->rtm_dst_len != size * 8) return std::nullopt;
  auto left = static_cast<int>(RTM_PAYLOAD(message));
  for (const rtattr* a = RTM_RTA(body); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type != RTA_DST || RTA_PAYLOAD(a) != size) continue;
    const auto* data = static_cast<const std::uint8_t*>(RTA_DATA(a));
    return RouteEvent{.there = message->nlmsg_type == RTM_NEWROUTE,
                      .address = Address(data, data + size),
                      .protocol = body->rtm_protocol};
  }
  return std::nullopt;
}

}  // namespace bench
