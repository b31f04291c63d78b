// Kernel settings that the configuration asks for: `hostSysctl` on the pod's host end, `allowIpForwarding` in the pod's
// namespace.
#pragma once

#include <string>
#include <vector>

#include "common/netlink/links.h"
#include "common/netlink/socket.h"
#include "config/host_sysctl.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"

namespace slash32::plugin {

/// Those of the settings that go with the host end's own in one netlink message.
std::vector<netlink::Ipv4Setting> netlink_settings(const std::vector<config::HostSetting>& settings);
/// The others: there is /proc/sys alone. Error: names the file; this kernel may not have it.
Status write_host_settings(const std::string& link, const std::vector<config::HostSetting>& settings);
/// All of them, as they are now. In the node's namespace.
Status check_host_settings(const netlink::Ipv4Settings& now, const std::string& link,
                           const std::vector<config::HostSetting>& settings);

/// Turns forwarding of the whole namespace on or off for the families given; which of them that changed. Error: nothing
/// is changed.
Result<Families> set_pod_forwarding(PodNamespace& ns, Families families, bool on);
/// What was changed goes back; a failure is logged.
void undo_pod_forwarding(const PodNamespace& ns, Families changed, bool on);
/// An error where forwarding is off in one of the families.
Status check_pod_forwarding(PodNamespace& ns, Families families);

}  // namespace slash32::plugin
