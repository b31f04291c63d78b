// Where things of slash32 live on a node: the design's table, below another root where the node's is mounted elsewhere
// (as in a container) or where one machine plays many nodes.
#pragma once

#include <filesystem>
#include <string_view>

namespace slash32::ctl {

inline constexpr std::string_view kPluginFile = "slash32";
inline constexpr std::string_view kIpamFile = "slash32-ipam";
inline constexpr std::string_view kConflistFile = "10-slash32.conflist";
inline constexpr std::string_view kProtocolNamesFile = "slash32.conf";
/// Of the image, where the plugin and the IPAM wait to be installed.
inline constexpr std::string_view kSourceDir = "/opt/slash32/cni";

struct NodePaths {
  std::filesystem::path bin_dir{"/opt/cni/bin"};
  std::filesystem::path conf_dir{"/etc/cni/net.d"};
  std::filesystem::path rt_protos_dir{"/etc/iproute2/rt_protos.d"};
  std::filesystem::path state_dir{"/var/lib/slash32"};
  std::filesystem::path run_dir{"/run/slash32"};
  std::filesystem::path log_dir{"/var/log/slash32"};
};

/// For rt_protos.d: what ip(8) calls the routes of ours. manifests/rt_protos.d has the same.
inline constexpr std::string_view kProtocolNames =
    "# Names of slash32's routes, for ip(8).\n"
    "132 slash32-pod\n"
    "133 slash32-aggregate\n"
    "134 slash32-bgp\n";

}  // namespace slash32::ctl
