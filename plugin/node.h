// What the node itself needs, once: forwarding, the anti-spoofing rule, and answers about its uplink. Node-wide
// settings are recorded as found in found.json before the first change, so that an uninstall can put them back.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/cni/deadline.h"
#include "common/cni/skel.h"
#include "common/netlink/socket.h"
#include "common/node/forwarding.h"
#include "common/pod/settings.h"
#include "config/net_conf.h"

namespace slash32::plugin {

using node::Families;
using node::read_forwarding;

/// Which families the pod has.
Families families_of(const std::vector<IpAddress>& addresses);

/// Forwarding on for the families, the anti-spoofing table in place. Costs two look-ups when all is well.
/// Error: nothing of the setting that failed was changed; those before it stay (they are the node's, not the pod's).
Status prepare_node(netlink::Socket& host, const config::NetConf& conf, Families families,
                    const cni::Deadline& deadline);
/// An error that names what prepare_node() would have to change.
Status check_node(netlink::Socket& host, const config::NetConf& conf, Families families,
                  std::chrono::milliseconds patience);

using pod::read_setting;
using pod::write_setting;

/// Facts about the node that a pod's wiring takes over.
struct Uplink {
  Mtu mtu;                    // of the pod's interface
  config::PerFamily address;  // of the node itself, where one is known and no hostSource configured
};
/// Takes over from node.json what the configuration leaves open (`mtu`, `ipMasq`), and its pod ranges and exemptions as
/// destinations that see pods' own addresses. A node.json that is there and cannot be read is an error (CNI code 7)
/// where its MTU is needed or pods are, or may be, masqueraded; else a logged warning, and nothing of it counts.
Status complete_from_node_file(config::NetConf& conf);
/// Destinations that see pods' own addresses: those of the configuration and of node.json (see
/// complete_from_node_file()), and the subnets of our own IPAM's section. The same for every pod of the network,
/// whatever the runtime adds for one.
Result<std::vector<Prefix>> exempt_destinations(const cni::Call& call, const config::NetConf& conf);
/// CNI code 7: too small for IPv6.
Status check_mtu(Mtu mtu, Families families);
/// From the configuration, else the default route. CNI code 7: a hostSource that is no address of the node, an MTU too
/// small for IPv6.
Result<Uplink> find_uplink(netlink::Socket& host, const config::NetConf& conf, Families families);

}  // namespace slash32::plugin
