// TCP sockets as BGP wants them, on plain descriptors: options, MD5 keys (RFC 2385), GTSM (RFC 5082), source and
// interface. Decides nothing and knows no Asio.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bgpd/transport/tcp_keys.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp {

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 179;
  IfIndex link{};  // of a link-local IPv6 address, as the kernel tells it; else 0
  bool operator==(const Endpoint&) const = default;
};

/// "10.0.0.1:179", "[fd00::1]:179".
std::string to_string(const Endpoint& endpoint);

struct SocketOptions {
  std::optional<IpAddress> local_address;
  std::optional<std::string> interface;  // SO_BINDTODEVICE, and the zone of a link-local address
  std::uint8_t ttl = 64;                 // of what we send
  std::uint8_t min_ttl = 0;              // GTSM: what comes with less is dropped by the kernel; 0: off
  TcpKeys keys;                          // empty: none
  Milliseconds user_timeout{0};          // TCP_USER_TIMEOUT; 0: the kernel's own
  bool operator==(const SocketOptions&) const = default;
};

/// Options every BGP socket has, connected or not: TTL, GTSM, CS6, TCP_NODELAY, TCP_NOTSENT_LOWAT, TCP_USER_TIMEOUT.
/// Not the MD5 key, the source or the interface.
Status apply_options(int fd, AddressFamily family, const SocketOptions& options);
/// TCP_USER_TIMEOUT: how long what was sent may wait for an acknowledgement, or for room at the other end.
Status set_user_timeout(int fd, Milliseconds timeout);

/// A non-blocking socket that has begun to connect. Finished when it is writable: then ask socket_error().
Result<UniqueFd> begin_connect(const Endpoint& remote, const SocketOptions& options);
/// SO_ERROR, taken.
int socket_error(int fd);

/// A non-blocking socket bound to `local`, on which nobody can connect before start_listening(): first it gets its MD5
/// keys. IPv6 sockets are V6ONLY: an IPv4 MD5 key does not fit a dual-stack one. `beside_own`: the place may be taken
/// by a listener of ours that shares its port just now (share_port).
Result<UniqueFd> bind_listener(const Endpoint& local, bool beside_own = false);
Status start_listening(int fd, const Endpoint& local);
/// Lets a listener of ours that is about to go, and its successor, stand side by side (SO_REUSEPORT): 0.0.0.0 beside
/// 10.0.0.1. Others of this user are kept out as before unless they set SO_REUSEPORT themselves.
Status share_port(int fd, bool on);
/// Sets, replaces or (empty key) removes the key for segments from `peer`, on a listener or a connected socket.
Status set_md5_key(int fd, const Prefix& peer, const std::string& key);

Result<Endpoint> local_endpoint(int fd);
Result<Endpoint> remote_endpoint(int fd);
/// The link by which the caller of an accepted connection came.
Result<IfIndex> ingress_link(int fd, AddressFamily family);

}  // namespace slash32::bgp
