// UDP sockets as BFD wants them (RFC 5881 sections 4 and 5, RFC 5883 section 5), on plain descriptors: ports, TTL, CS6,
// source and interface. Decides nothing and knows no Asio.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "common/fd.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bfd {

inline constexpr std::uint16_t kSingleHopPort = 3784;  // RFC 5881 section 4
inline constexpr std::uint16_t kMultihopPort = 4784;   // RFC 5883 section 5
inline constexpr std::uint16_t kFirstSourcePort = 49152;
inline constexpr std::uint8_t kHopLimit = 255;  // RFC 5881 section 5: sent, and asked of what comes over one hop

/// A non-blocking socket that hears one family on one of BFD's ports, on every address. IPv6 sockets are V6ONLY.
Result<UniqueFd> open_receiver(AddressFamily family, std::uint16_t port);

/// A datagram as it came.
struct Datagram {
  IpAddress source;
  IpAddress destination;
  IfIndex interface{};
  std::uint8_t hop_limit = 0;
  std::size_t size = 0;  // of what was written to the buffer; the rest of a longer one is lost
};
/// The next datagram that waits, or nothing. An error of the socket itself is an Error; one of a datagram never is.
Result<std::optional<Datagram>> receive(int fd, std::span<std::uint8_t> buffer);

/// Where one session's packets come from and go to.
struct SenderOptions {
  IpAddress remote;
  std::optional<IpAddress> local;  // nothing: the route's
  std::string interface;           // empty: the route's
  std::uint16_t port = kSingleHopPort;
};
/// A socket for one session: a source port of its own from 49152 to 65535 (RFC 5881 section 4), tried from a random one
/// on until one is free. TTL and Hop Limit 255, CS6. Not connected: the route is asked at each packet.
Result<UniqueFd> open_sender(const SenderOptions& options, const std::function<std::uint32_t()>& random);
/// Sends a packet to `options.remote`; `scope` is the interface's index where the address is link-local.
Status send(int fd, const SenderOptions& options, IfIndex scope, std::span<const std::uint8_t> packet);

/// The index of an interface in this network namespace. Error: names it.
Result<IfIndex> interface_index(const std::string& name);

}  // namespace slash32::bfd
