// `ipMasq`: what a network's pods send beyond the cluster carries the node's address. A table of our own for each such
// network stays on the node like the anti-spoofing one; which pods it means is told by the link group of their host
// ends. The kernel takes the group away together with the link: DEL has nothing to undo, a killed call leaves nothing,
// and a change of the configuration strands nothing. An ADD makes the table, the agent keeps that of its own network as
// node.json says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/cni/deadline.h"
#include "common/ip.h"
#include "common/netlink/nftables.h"
#include "common/result.h"

namespace slash32::node {

/// The link group of the host ends whose pods are masqueraded: 0x73 and 24 bits of a hash of the network's name.
std::uint32_t masquerade_group(const std::string& network);

enum class NodeFile : std::uint8_t { Absent, Read };

/// Table `slash32-masq-NETWORK`, a hash in the name's place where it is too long. In the order of its rules: what goes
/// to another pod of the node passes, what goes to an exempt destination passes, the rest of the group is masqueraded.
/// Its version says whether node.json had a say in it. Whatever the order of `exempt`, and however often it has one,
/// the table is the same.
netlink::Table masquerade_table(const std::string& network, std::vector<Prefix> exempt, NodeFile node_file);

/// Puts the network's table in place where it is not as it should be. While node.json is absent, a table that was made
/// with one and has all of `exempt` is as it should be: pods that are running go on as they are until node.json is
/// there again. Error: 999 when a table of that name is not ours.
Status prepare_masquerade(const std::string& network, const std::vector<Prefix>& exempt, NodeFile node_file,
                          const cni::Deadline& deadline);

/// Whether what masquerades the group stands. Exemptions are not compared: they may have changed since, and the next
/// ADD brings them up to date for every pod.
Status check_masquerade(const std::string& network, std::chrono::milliseconds patience);

}  // namespace slash32::node
