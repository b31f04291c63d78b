// Where a pod's addresses come from: our own IPAM in process when `ipam.type` is slash32-ipam, any other plugin by
// execution. The verbs see no difference.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/cni/result.h"
#include "common/cni/skel.h"
#include "common/netlink/socket.h"
#include "config/net_conf.h"
#include "ipam/ipam.h"
#include "plugin/node.h"

namespace slash32::plugin {

/// What an ADD got: addresses, IPv4 first and at most one of each family, and a foreign plugin's DNS settings.
struct Granted {
  std::vector<IpAddress> addresses;
  cni::Dns dns;
};

class AddressSource {
 public:
  /// Strict, for ADD, CHECK and STATUS: our own IPAM's section must be right (CNI code 7). All arguments outlive it.
  static Result<AddressSource> open(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host);
  /// For DEL and GC: whatever is readable of the section.
  static AddressSource open_leniently(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host);

  /// A foreign plugin whose ADD failed, or whose answer is unusable, gets its DEL at once (CNI section 4).
  Result<Granted> acquire(const ipam::Key& key);
  /// Takes at most `patience`, whatever the call's deadline and SIGTERM say: it also undoes. Our own store gives the
  /// key's addresses back in any case: the configuration may have named our IPAM when the pod was made. A foreign
  /// plugin that is not there, or not for this version, is success, logged.
  Status release(const ipam::Key& key, std::chrono::milliseconds patience);
  Status check(const ipam::Key& key, const std::vector<IpAddress>& addresses);
  /// What is not in `valid` is released. A foreign plugin that knows no GC or is not there is
  /// success, logged.
  Status collect(const std::vector<ipam::Key>& valid);
  /// Error: CNI code 50 (or a foreign plugin's 51). A foreign plugin that knows no STATUS is success, logged.
  Status status();
  /// What every pod of our own IPAM's ranges has; nothing where another plugin decides.
  Result<std::optional<Families>> families() const;

 private:
  AddressSource(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host, config::IpamConf ipam)
      : call_(&call), conf_(&conf), host_(&host), ipam_conf_(std::move(ipam)) {}
  bool is_own() const { return conf_->ipam_type == config::kIpamType; }
  ipam::Ipam own(std::chrono::milliseconds lock_wait) const;
  std::vector<ipam::Ipam> own_stores(std::chrono::milliseconds lock_wait) const;
  bool foreign_is_there(cni::Command command) const;
  Result<Granted> acquire_foreign();
  Result<std::string> execute(cni::Command command) const;
  Status execute_if_known(cni::Command command) const;

  const cni::Call* call_;
  const config::NetConf* conf_;
  netlink::Socket* host_;
  config::IpamConf ipam_conf_;
};

}  // namespace slash32::plugin
