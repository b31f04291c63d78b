// The ICMPv6 socket of one link: router advertisements and solicitations, and nothing else. Only reads and writes
// packets: it changes no setting of the kernel, which goes on as if it were not there.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp::ndp {

struct Datagram {
  std::vector<std::uint8_t> message;
  IpAddress source;
  int hop_limit = 0;  // 0: the kernel did not say
};

/// A non-blocking raw socket on this interface alone, a member of ff02::2 there. Error: why not (no such interface, no
/// IPv6 on it, no CAP_NET_RAW).
Result<UniqueFd> open_socket(const std::string& interface, IfIndex link);
/// What came; nothing: no more for now. What is longer than a packet of an Ethernet is cut off, and thus refused.
Result<std::optional<Datagram>> receive(int fd);
/// To every node of the link.
Status send_advertisement(int fd, IfIndex link, std::span<const std::uint8_t> message);
/// To every router of the link.
Status send_solicitation(int fd, IfIndex link, std::span<const std::uint8_t> message);

}  // namespace slash32::bgp::ndp
