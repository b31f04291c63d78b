#include "bgpd/bfd/udp.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/sockaddr.h"

namespace slash32::bfd {
namespace {

constexpr int kClassSelector6 = 0xC0;  // RFC 4594 section 3.2: network control
constexpr int kSourcePorts = 65536 - kFirstSourcePort;

IpAddress from_v4(const in_addr& address) { return IpAddress::v4(ntohl(address.s_addr)); }
IpAddress from_v6(const in6_addr& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return IpAddress::v6(bytes);
}

Result<UniqueFd> udp_socket(AddressFamily family) {
  UniqueFd fd{::socket(family == AddressFamily::IPv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       IPPROTO_UDP)};
  if (!fd) return sys_fail("open a UDP socket");
  if (family == AddressFamily::IPv6) TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
  return fd;
}

template <class T>
T value_of(const cmsghdr* header) {
  T value{};
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

/// Destination, interface and hop limit, which the kernel sends along.
void read_control(msghdr& message, Datagram& out) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    const int level = header->cmsg_level, type = header->cmsg_type;
    if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT)) {
      out.hop_limit = static_cast<std::uint8_t>(value_of<int>(header));
    } else if (level == IPPROTO_IP && type == IP_PKTINFO) {
      const auto info = value_of<in_pktinfo>(header);
      out.destination = from_v4(info.ipi_addr);
      out.interface = IfIndex{info.ipi_ifindex};
    } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(header);
      out.destination = from_v6(info.ipi6_addr);
      out.interface = IfIndex{static_cast<int>(info.ipi6_ifindex)};
    }
  }
}

IpAddress source_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return from_v4(in.sin_addr);
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &storage, sizeof in);
  return from_v6(in.sin6_addr);
}

Status bind_source_port(int fd, const SenderOptions& options, IfIndex scope,
                        const std::function<std::uint32_t()>& random) {
  const IpAddress any = options.remote.is_v4() ? IpAddress{} : IpAddress::v6({});
  const IpAddress source = options.local.value_or(any);
  const auto first = static_cast<int>(random() % kSourcePorts);
  for (int i = 0; i < kSourcePorts; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirstSourcePort + (first + i) % kSourcePorts);
    const auto local = to_sockaddr(source, port, scope.value);
    if (::bind(fd, local.get(), local.size) == 0) return ok();
    if (errno != EADDRINUSE) return sys_fail("bind to " + source.to_string());
  }
  return fail(5, "no UDP port from 49152 to 65535 is free on " + source.to_string());
}

}  // namespace

Result<IfIndex> interface_index(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return sys_fail("interface " + name);
  return IfIndex{static_cast<int>(index)};
}

Result<UniqueFd> open_receiver(AddressFamily family, std::uint16_t port) {
  UniqueFd fd = TRY(udp_socket(family));
  if (family == AddressFamily::IPv4) {
    TRY(set_option(fd.get(), IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL"));
    TRY(set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO"));
  } else {
    TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"));
    TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
  }
  const auto local = to_sockaddr(family == AddressFamily::IPv4 ? IpAddress{} : IpAddress::v6({}), port);
  if (::bind(fd.get(), local.get(), local.size) != 0)
    return sys_fail("hear BFD on UDP port " + std::to_string(port) + " (" + std::string(to_string(family)) + ")");
  return fd;
}

Result<std::optional<Datagram>> receive(int fd, std::span<std::uint8_t> buffer) {
  sockaddr_storage from{};
  alignas(cmsghdr) std::array<char, 256> control{};
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
  if (size < 0) return sys_fail("receive a BFD packet");
  Datagram out{.source = source_of(from), .destination = {}, .size = static_cast<std::size_t>(size)};
  read_control(message, out);
  return out;
}

Result<UniqueFd> open_sender(const SenderOptions& options, const std::function<std::uint32_t()>& random) {
  UniqueFd fd = TRY(udp_socket(options.remote.family()));
  constexpr int kMostHops = kHopLimit;
  if (options.remote.is_v4()) {
    TRY(set_option(fd.get(), IPPROTO_IP, IP_TTL, kMostHops, "IP_TTL"));
    TRY(set_option(fd.get(), IPPROTO_IP, IP_TOS, kClassSelector6, "IP_TOS"));
  } else {
    TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, kMostHops, "IPV6_UNICAST_HOPS"));
    TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_TCLASS, kClassSelector6, "IPV6_TCLASS"));
  }
  // Nobody reads here: the least room for what a stranger may send to the source port.
  TRY(set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, 0, "SO_RCVBUF"));
  IfIndex scope{};
  if (!options.interface.empty()) {
    scope = TRY(interface_index(options.interface));
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(),
                     static_cast<socklen_t>(options.interface.size() + 1)) != 0)
      return sys_fail("bind to interface " + options.interface);
  }
  TRY(bind_source_port(fd.get(), options, scope, random));
  return fd;
}

Status send(int fd, const SenderOptions& options, IfIndex scope, std::span<const std::uint8_t> packet) {
  const auto to = to_sockaddr(options.remote, options.port, scope.value);
  if (::sendto(fd, packet.data(), packet.size(), MSG_NOSIGNAL, to.get(), to.size) < 0)
    return sys_fail("send a BFD packet to " + options.remote.to_string());
  return ok();
}

}  // namespace slash32::bfd
