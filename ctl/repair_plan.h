// What a pod's host end lacks of what the plugin made there. Pure: the kernel's state in, gaps out, in the order in
// which they can be closed. What is right does not appear; what is another's in the place is a conflict, and stays.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/netlink/types.h"
#include "common/result.h"
#include "ctl/node_view.h"

namespace slash32::ctl {

/// The host end as the kernel has it, beside what NodeView says.
struct EndState {
  std::vector<std::string> wrong_settings;  // by name
  std::vector<IpAddress> addresses;         // IPv6, of the link itself
  std::vector<netlink::Neighbor> neighbors;
  std::map<IpAddress, std::string> holders;  // of the names of the alias's addresses; none: nobody has it
};

/// What the alias does not say.
struct EndWish {
  netlink::MacAddress pod_mac;  // of the pod's interface
  IpAddress gateway6;
  bool any_gateway6 = false;  // `gateway6` is a default: another link-local address that stands is as good
};

enum class Piece : unsigned char { Settings, Mac, Gateway, Neighbor, Name, Route, Conflict };

struct Gap {
  Piece piece = Piece::Conflict;
  std::optional<IpAddress> address{};
  std::string what{};    // "route 10.244.1.7/32"
  std::string detail{};  // of a conflict: who is in the way
};

std::vector<Gap> find_gaps(const HostEnd& end, const EndState& state, const EndWish& wish, const NodeView& node);

/// The host ends that `pod` means: a host link's name, an address, a container ID or the beginning of one; empty: all.
/// Error: none, or more than one pod.
Result<std::vector<HostEnd>> select_ends(const NodeView& node, const std::string& pod);

}  // namespace slash32::ctl
