// What carries a pod's key into the kernel. It stands in common/pod, since slash32ctl reads it there as well; here it
// is called as what belongs to this folder.
#pragma once

#include "common/pod/names.h"

namespace slash32::plugin {

using pod::alias_is_of;
using pod::alias_is_of_network;
using pod::format_alias;
using pod::host_ifname;
using pod::is_host_ifname;
using pod::kHostMac;
using pod::kHostPrefix;
using pod::parse_alias;
using pod::pod_mac;

}  // namespace slash32::plugin
