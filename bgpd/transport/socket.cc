#include "bgpd/transport/socket.h"

#include <linux/tcp.h>  // tcp_md5sig and every TCP_ option; netinet/tcp.h defines the same names
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/sockaddr.h"

namespace slash32::bgp {
namespace {

constexpr int kClassSelector6 = 0xC0;        // RFC 4594 section 3.2: network control
constexpr int kNotSentLowWater = 128 << 10;  // unsent octets in the kernel: what is queued there cannot be overtaken
constexpr int kBacklog = 4096;   // callers at once, after a restart: all of them; the kernel allows net.core.somaxconn
constexpr int kListenTtl = 255;  // a SYN-ACK is sent before we know for whom: 255 satisfies a GTSM peer (RFC 5082)

Result<Endpoint> from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return fail(5, "not an IP socket");
  sockaddr_in6 in{};
  std::memcpy(&in, &storage, sizeof in);
  const auto address = TRY(IpAddress::from_bytes({in.sin6_addr.s6_addr, 16}));
  return Endpoint{address, ntohs(in.sin6_port),
                  IfIndex{address.is_link_local() ? static_cast<int>(in.sin6_scope_id) : 0}};
}

Result<UniqueFd> tcp_socket(AddressFamily family) {
  UniqueFd fd{::socket(family == AddressFamily::IPv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       IPPROTO_TCP)};
  if (!fd) return sys_fail("open a TCP socket");
  return fd;
}

Status bind_source(int fd, const SocketOptions& options, unsigned scope) {
  if (options.interface && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface->c_str(),
                                        static_cast<socklen_t>(options.interface->size() + 1)) != 0)
    return sys_fail("bind to interface " + *options.interface);
  if (!options.local_address) return ok();
  const auto local = to_sockaddr(*options.local_address, 0, scope);
  if (::bind(fd, local.get(), local.size) != 0) return sys_fail("bind to " + options.local_address->to_string());
  return ok();
}

Result<unsigned> scope_of(const std::optional<std::string>& interface) {
  if (!interface) return 0U;
  const unsigned index = ::if_nametoindex(interface->c_str());
  if (index == 0) return sys_fail("interface " + *interface);
  return index;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  const auto address = endpoint.address.to_string();
  return (endpoint.address.is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

Status apply_options(int fd, AddressFamily family, const SocketOptions& options) {
  const int ttl = options.ttl, min_ttl = options.min_ttl;
  TRY(set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  TRY(set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentLowWater, "TCP_NOTSENT_LOWAT"));
  TRY(set_user_timeout(fd, options.user_timeout));
  if (family == AddressFamily::IPv4) {
    TRY(set_option(fd, IPPROTO_IP, IP_TOS, kClassSelector6, "IP_TOS"));
    TRY(set_option(fd, IPPROTO_IP, IP_TTL, ttl, "IP_TTL"));
    return set_option(fd, IPPROTO_IP, IP_MINTTL, min_ttl, "IP_MINTTL");  // RFC 5082 section 3
  }
  TRY(set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, kClassSelector6, "IPV6_TCLASS"));
  TRY(set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS"));
  return set_option(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, min_ttl, "IPV6_MINHOPCOUNT");
}

Status set_user_timeout(int fd, Milliseconds timeout) {
  return set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<unsigned>(timeout.count()), "TCP_USER_TIMEOUT");
}

Result<UniqueFd> begin_connect(const Endpoint& remote, const SocketOptions& options) {
  UniqueFd fd = TRY(tcp_socket(remote.address.family()));
  const unsigned scope = TRY(scope_of(options.interface));
  TRY(apply_options(fd.get(), remote.address.family(), options));
  TRY(bind_source(fd.get(), options, scope));
  TcpKeys none;
  if (!options.keys.empty()) TRY(change_tcp_keys(fd.get(), Prefix::host(remote.address), none, options.keys));
  const auto address = to_sockaddr(remote.address, remote.port, scope);
  if (::connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS)
    return sys_fail("connect to " + to_string(remote));
  return fd;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Result<UniqueFd> bind_listener(const Endpoint& local, bool beside_own) {
  const auto family = local.address.family();
  UniqueFd fd = TRY(tcp_socket(family));
  TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  if (family == AddressFamily::IPv6) TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
  TRY(apply_options(fd.get(), family, {.local_address = {}, .interface = {}, .ttl = kListenTtl, .keys = {}}));
  if (beside_own) TRY(share_port(fd.get(), true));
  const auto address = to_sockaddr(local.address, local.port);
  if (::bind(fd.get(), address.get(), address.size) != 0) return sys_fail("listen on " + to_string(local));
  return fd;
}

Status start_listening(int fd, const Endpoint& local) {
  if (::listen(fd, kBacklog) != 0) return sys_fail("listen on " + to_string(local));
  return ok();
}

Status share_port(int fd, bool on) { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, int{on}, "SO_REUSEPORT"); }

Status set_md5_key(int fd, const Prefix& peer, const std::string& key) {
  tcp_md5sig request{};
  if (key.size() > sizeof request.tcpm_key)
    return fail(7, "a TCP-MD5 key has at most " + std::to_string(sizeof request.tcpm_key) + " octets");
  const auto address = to_sockaddr(peer.address(), 0);
  std::memcpy(&request.tcpm_addr, &address.storage, std::min(sizeof request.tcpm_addr, sizeof address.storage));
  request.tcpm_keylen = static_cast<std::uint16_t>(key.size());
  std::ranges::copy(key, request.tcpm_key);
  int option = TCP_MD5SIG;
  if (!peer.is_host()) {
    option = TCP_MD5SIG_EXT;
    request.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    request.tcpm_prefixlen = peer.length();
  }
  if (::setsockopt(fd, IPPROTO_TCP, option, &request, sizeof request) == 0) return ok();
  if (key.empty() && errno == ENOENT) return ok();  // already gone
  const int error = errno;
  const auto hint = error == ENOMEM ? " (raise net.core.optmem_max: keys on one socket share it)" : "";
  return sys_fail("set the TCP-MD5 key for " + peer.to_string() + hint, error);
}

Result<Endpoint> local_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return sys_fail("getsockname");
  return from_sockaddr(storage);
}

/// Linux notes the link of the handshake's last segment on the new socket, and tells it on a stream by these options
/// only (ip(7) has them for datagrams). They come as control messages.
Result<IfIndex> ingress_link(int fd, AddressFamily family) {
  const bool v4 = family == AddressFamily::IPv4;
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6, on = 1;
  if (::setsockopt(fd, level, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof on) != 0) return sys_fail("PKTINFO");
  alignas(cmsghdr) std::array<std::uint8_t, 512> buffer{};
  socklen_t size = buffer.size();
  if (::getsockopt(fd, level, v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS, buffer.data(), &size) != 0)
    return sys_fail("PKTOPTIONS");
  msghdr message{};
  message.msg_control = buffer.data();
  message.msg_controllen = size;
  for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != level || one->cmsg_type != (v4 ? IP_PKTINFO : IPV6_PKTINFO)) continue;
    if (v4) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(one), sizeof info);
      return IfIndex{info.ipi_ifindex};
    }
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(one), sizeof info);
    return IfIndex{static_cast<int>(info.ipi6_ifindex)};
  }
  return fail(5, "the kernel does not say by which link the connection came");
}

Result<Endpoint> remote_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return sys_fail("getpeername");
  return from_sockaddr(storage);
}

}  // namespace slash32::bgp
