// `hostSysctl` of the plugin's section: kernel settings of the pod's host end, named as sysctl(8) names them with
// IFNAME in the place of the link: "net.ipv4.conf.IFNAME.rp_filter". A closed list: nothing that holds for the whole
// node, and nothing that the wiring lives on.
#pragma once

#include <string>
#include <vector>

#include "common/json_field.h"
#include "common/result.h"

namespace slash32::config {

/// One setting, with its value.
struct HostSetting {
  std::string family;  // "ipv4" or "ipv6"
  std::string group;   // "conf" or "neigh"
  std::string name;    // "rp_filter"
  int devconf = 0;     // of net.ipv4.conf: IPV4_DEVCONF_* of linux/ip.h, which netlink can set; else 0
  int value = 0;

  /// Below /proc/sys.
  std::string path(const std::string& link) const { return "net/" + family + "/" + group + "/" + link + "/" + name; }
  bool operator==(const HostSetting&) const = default;
};

/// An object of names and integers (or texts of integers). CNI code 7; what is refused says why.
Result<std::vector<HostSetting>> read_host_sysctl(const JsonField& field);

}  // namespace slash32::config
