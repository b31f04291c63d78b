// IP forwarding of the node, which pods need: turned on once, and recorded in found.json first, with everything else
// that the kernel changes by it. The plugin's first ADD does it, or the installer before.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/cni/deadline.h"
#include "common/ip.h"
#include "common/netlink/socket.h"
#include "common/node/found.h"
#include "common/result.h"

namespace slash32::node {

inline constexpr std::string_view kForward4 = "/proc/sys/net/ipv4/ip_forward";
inline constexpr std::string_view kForward6 = "/proc/sys/net/ipv6/conf/all/forwarding";

/// One or both address families.
struct Families {
  bool v4 = false;
  bool v6 = false;
};

/// In which of the families the socket's namespace forwards at all; true for one that is not asked for. A kernel
/// without IPv6 says no to that half.
Result<Families> read_forwarding(netlink::Socket& socket, Families families);

/// Turns forwarding on in these families of the calling thread's namespace. Each setting is recorded in `state_dir`
/// before it is changed; so is what the kernel changes along with it where turning it off again would not bring that
/// back. Error: nothing of the setting that failed was changed.
Status enable_forwarding(netlink::Socket& host, const std::filesystem::path& state_dir, Families families,
                         const cni::Deadline& deadline);

/// A setting as it was found.
struct Setting {
  std::string path;
  std::string value;
};
/// In the order in which they must be written: what changes others comes before them. Error: one that is no setting
/// below /proc/sys/net, as a file somebody edited may have.
Result<std::vector<Setting>> in_order_of_restoring(const Settings& found);

}  // namespace slash32::node
