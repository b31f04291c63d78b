#include "bgpd/ndp/socket.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bgpd/ndp/packet.h"
#include "common/sockaddr.h"

namespace slash32::bgp::ndp {
namespace {

constexpr std::size_t kMaxPacket = 1500;

/// ff02::1 and ff02::2 (RFC 4291 section 2.7.1).
constexpr IpAddress group(std::uint8_t last) {
  std::array<std::uint8_t, 16> octets{};
  octets[0] = 0xff;
  octets[1] = 0x02;
  octets[15] = last;
  return IpAddress::v6(octets);
}
constexpr IpAddress kAllNodes = group(1), kAllRouters = group(2);

Status hear_only_routers(int fd) {
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
  return set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter, "ICMP6_FILTER");
}

Status join_routers(int fd, IfIndex link) {
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, kAllRouters.bytes().data(), sizeof request.ipv6mr_multiaddr);
  request.ipv6mr_interface = static_cast<unsigned>(link.value);
  return set_option(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request, "IPV6_JOIN_GROUP of ff02::2");
}

Status send(int fd, const IpAddress& group, IfIndex link, std::span<const std::uint8_t> message) {
  auto to = to_sockaddr(group, 0);
  reinterpret_cast<sockaddr_in6*>(&to.storage)->sin6_scope_id = static_cast<std::uint32_t>(link.value);
  if (::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, to.get(), to.size) < 0)
    return sys_fail("send to " + group.to_string());
  return ok();
}

int hop_limit_of(msghdr& message) {
  int out = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT)
      std::memcpy(&out, CMSG_DATA(header), sizeof out);
  return out;
}

}  // namespace

Result<UniqueFd> open_socket(const std::string& interface, IfIndex link) {
  UniqueFd fd{::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
  if (!fd) return sys_fail("open an ICMPv6 socket");
  TRY(hear_only_routers(fd.get()));  // before anything can arrive
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size() + 1)) != 0)
    return sys_fail("bind to interface " + interface);
  TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"));
  TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int{kHopLimit}, "IPV6_MULTICAST_HOPS"));
  TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP"));
  TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, link.value, "IPV6_MULTICAST_IF"));
  TRY(join_routers(fd.get(), link));
  return fd;
}

Result<std::optional<Datagram>> receive(int fd) {
  std::array<std::uint8_t, kMaxPacket> buffer{};
  alignas(cmsghdr) std::array<char, 128> control{};
  sockaddr_in6 from{};
  iovec piece{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(fd, &message, 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (size < 0) return sys_fail("receive a router advertisement");
  Datagram out;
  out.message.assign(buffer.begin(), buffer.begin() + size);
  out.source = TRY(IpAddress::from_bytes({from.sin6_addr.s6_addr, 16}));
  out.hop_limit = hop_limit_of(message);
  return out;
}

Status send_advertisement(int fd, IfIndex link, std::span<const std::uint8_t> message) {
  return send(fd, kAllNodes, link, message);
}

Status send_solicitation(int fd, IfIndex link, std::span<const std::uint8_t> message) {
  return send(fd, kAllRouters, link, message);
}

}  // namespace slash32::bgp::ndp
