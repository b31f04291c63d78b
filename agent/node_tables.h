// The nftables tables that a network of ours has on its node, kept as an ADD would make them now: a node that joins is
// exempt from masquerading before the next pod is added, and pods outlive somebody's `nft flush ruleset`.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32::agent {

/// Makes the tables what this node.json says, where they are not; asks the kernel only, where they are. Where
/// masquerading is off, its table stays as it is, for pods that were added while it was on. Error: what the kernel says
/// (CAP_NET_ADMIN is needed), or a table of such a name that is not ours.
Status keep_node_tables(const std::string& network, std::string_view node_json);

}  // namespace slash32::agent
