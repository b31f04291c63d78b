// The anti-spoofing rule, in a table of our own that is the same for every network and stays on the node. An ADD makes
// it, the agent keeps it.
#pragma once

#include <chrono>

#include "common/cni/deadline.h"
#include "common/netlink/nftables.h"
#include "common/result.h"

namespace slash32::node {

/// Table `slash32`: what comes from a host end with a source that is not routed back there is dropped, in both
/// families. IPv6 has no rp_filter, and `all` can loosen IPv4's.
netlink::Table anti_spoofing_table();

/// Puts it in place where it is not as it should be. Error: 999 when a table of that name is not ours.
Status prepare_anti_spoofing(const cni::Deadline& deadline);

/// An error where it is not as it should be.
Status check_anti_spoofing(std::chrono::milliseconds patience);

}  // namespace slash32::node
