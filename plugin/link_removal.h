// Removing a host end without waiting for all of it. The kernel takes a link's name and routes away at once, and then
// waits 15 ms and more for readers (RCU) before it answers; nobody has to wait for that but a child of ours.
#pragma once

#include <chrono>

#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::plugin {

/// Removes the link with this index, and with it its peer. On success neither has a name any more, its routes,
/// addresses and neighbour entries are gone, and a link of that name can be made again; the kernel may still be
/// cleaning up. A child process waits for that: it holds no descriptor of ours and no lock, and nothing is lost when
/// the caller is killed. Where there can be no child, the wait is the caller's. What is gone already is success.
/// Error: the kernel's refusal, or code 11 after `patience`.
Status remove_link_early(netlink::Socket& host, IfIndex link, std::chrono::milliseconds patience);

}  // namespace slash32::plugin
