// node.json: what this node is, as the agent or the admin wrote it. Read by the plugin and the IPAM, never written
// here.
//   {"nodeName": "n1", "podCidrs": ["10.244.1.0/24", "fd00:10:244:1::/64"], "mtu": 1500, "masquerade": false,
//    "masqueradeExempt": ["10.244.0.0/16"]}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::config {

/// Where node.json stands unless a key or SLASH32_NODE_FILE says otherwise.
inline constexpr std::string_view kDefaultNodeFile = "/run/slash32/node.json";

struct NodeConf {
  std::string node_name;
  std::vector<Prefix> pod_cidrs;          // every range pods of this node get addresses from; both families may occur
  std::optional<Mtu> mtu;                 // of pod interfaces
  bool masquerade = false;                // what pods send outside the pod ranges leaves with the node's address
  std::vector<Prefix> masquerade_exempt;  // beside the pod ranges, what pods reach under their own address
  std::vector<std::string> unknown_keys;  // a newer agent's; passed over
};

/// Parses the text of node.json. Errors name the place (CNI code 7, or 6 when it is not JSON).
Result<NodeConf> parse_node_conf(std::string_view text);

/// Reads and parses the file; nothing when it does not exist. Errors name the file and the place; unknown keys are
/// logged.
Result<std::optional<NodeConf>> read_node_conf(const std::filesystem::path& path);

}  // namespace slash32::config
