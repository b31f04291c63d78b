// What this node's kernel has of pods, read at once: links, the host ends among them, host routes. No daemon is asked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/types.h"
#include "common/pod/names.h"
#include "common/result.h"

namespace slash32::ctl {

/// A link whose alias says that we made it for a pod.
struct HostEnd {
  netlink::Link link;
  pod::Alias alias;
};

struct NodeView {
  std::vector<netlink::Link> links;
  std::vector<HostEnd> ends;                // in order of the links' indices
  std::vector<netlink::Route> host_routes;  // of the main table, to single addresses, whosesoever

  const netlink::Link* link_named(const std::string& name) const;
  const netlink::Link* link_of(IfIndex index) const;
  /// The pod's route through `link` as the plugin makes it, whatever its source.
  bool has_pod_route(IfIndex link, const IpAddress& address) const;
};

/// In the calling thread's network namespace. Error: the kernel's.
Result<NodeView> look_at_node();

/// "container c0ffee, interface eth0, network k8s".
std::string name_of(const pod::Key& key);
/// "protocol 132, metric 64, dev s32…": whose a route is.
std::string describe(const netlink::Route& route, const NodeView& node);

}  // namespace slash32::ctl
