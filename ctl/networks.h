// The network configurations of this node that name our plugin, as the container runtime has them. Read leniently: what
// is wrong in one is for the plugin's STATUS to say; here it is a note.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "common/pod/names.h"
#include "common/result.h"
#include "config/net_conf.h"

namespace slash32::ctl {

inline constexpr std::string_view kDefaultConfDir = "/etc/cni/net.d";

struct Network {
  std::string name;
  config::NetConf conf;
  bool own_ipam = false;           // its addresses are slash32-ipam's
  std::filesystem::path data_dir;  // of that
};

/// Every network of `directory` (*.conflist, *.conf, *.json) with a plugin of type slash32, in order of the files'
/// names, but for the file named `except`. No such directory: none. A file that cannot be read is a line on `notes`.
std::vector<Network> read_networks(const std::filesystem::path& directory, std::ostream& notes,
                                   const std::filesystem::path& except = {});
/// The one that an alias was written for; null when it is not configured here any more.
const Network* network_of(const std::vector<Network>& networks, const pod::Alias& alias);

}  // namespace slash32::ctl
