// Removing a host end without waiting for all of it. The kernel takes a link's name and routes away at once, and then
// waits 15 ms and more for readers (RCU) before it answers; nobody has to wait for that but a child of ours.
#pragma once

#include <chrono>

#include "common/fd.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::plugin {

/// A link that is being removed, and with it its peer. A child process waits for all of it: it holds no descriptor of
/// ours and no lock, and nothing is lost when the caller is killed. Until finish() the caller has time for other work,
/// though not for what is judged by errno: it shares our memory, and on Linux before 5.9 a call of it fails.
class LinkRemoval {
 public:
  /// Starts. What cannot be started now (there can be no child) is done by finish(), whose wait is then the caller's.
  LinkRemoval(netlink::Socket& host, IfIndex link);

  /// On success neither end has a name any more, its routes, addresses and neighbour entries are gone, and a link of
  /// that name can be made again; the kernel may still be cleaning up. What is gone already is success. Error: the
  /// kernel's refusal, or code 11 after `patience`.
  Status finish(std::chrono::milliseconds patience);

 private:
  netlink::Socket* host_;
  IfIndex link_;
  UniqueFd socket_;  // any, in the link's namespace: to look with
  UniqueFd child_;   // readable when it ends; none: no child, or a kernel before 5.2
};

}  // namespace slash32::plugin
