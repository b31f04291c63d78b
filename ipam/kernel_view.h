// What the IPAM asks the kernel, answered over the caller's netlink socket (the plugin's, slash32ctl's): who holds an
// address, who is alive.
#pragma once

#include "common/netlink/socket.h"
#include "ipam/ipam.h"

namespace slash32::ipam {

/// `host` must outlive the view. A look-up that fails counts as "in use" and "alive": an address is never given out on
/// a guess; the failure is logged.
KernelView kernel_view(netlink::Socket& host);

}  // namespace slash32::ipam
