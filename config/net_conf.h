// The network configuration as the slash32 plugin reads it: the plugin's own section of a conflist, with what the
// runtime added. Keys of ours:
//   mtu         octets of the pod's interface; else node.json's; else that of the default route's link; else 1500
//   gateway     {"v4": "169.254.1.1", "v6": "fe80::1"}: what pods see as their router
//   hostSource  {"v4": ADDRESS, "v6": ADDRESS}: the source of what the node itself sends to its pods; else the node's
//   antiSpoofing true: a pod cannot send from another's address
//   defaultRoute true or false: whether the pod's default routes lead here; else where the pod has none yet
//   routes      [{"dst": PREFIX, "gw": ADDRESS, "mtu", "advmss", "priority", "table", "scope"}]: further routes in the
//   pod ipMasq      true or false: what pods send beyond the cluster carries the node's address; else as node.json says
//   masqueradeExempt [PREFIX]: destinations that see the pod's own address all the same, beside node.json's
//   hostSysctl  {"net.ipv4.conf.IFNAME.rp_filter": 2}: settings of the pod's host end; host_sysctl.h
//   allowIpForwarding true or false: whether the pod's namespace forwards; else as it was made
//   log         {"level": "info", "file": "/var/log/slash32/cni.log", "maxSize": 10485760}; "file": "" for none
//   stateDir    where found.json stands        nodeFile  where node.json stands
// Environment, where a key is absent: SLASH32_LOG_FILE, SLASH32_STATE_DIR, SLASH32_NODE_FILE, SLASH32_DATA_DIR.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/cni/result.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "common/log.h"
#include "common/result.h"
#include "common/strong.h"
#include "config/host_sysctl.h"
#include "config/ipam_conf.h"

namespace slash32::config {

struct LogConf {
  log::Level level = log::Level::Info;
  std::filesystem::path file{"/var/log/slash32/cni.log"};  // empty: none
  std::uint64_t max_size = 10U << 20;                      // octets; then the file becomes FILE.1
};

/// One setting for each family.
struct PerFamily {
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
};

struct NetConf {
  std::optional<Mtu> mtu;
  IpAddress gateway4;  // 169.254.1.1
  IpAddress gateway6;  // fe80::1
  PerFamily host_source;
  bool anti_spoofing = true;
  std::optional<bool> default_route;  // nothing: in each family where the pod has none yet
  std::vector<cni::RouteConfig> routes;
  std::optional<bool> masquerade;  // nothing: as node.json says
  std::vector<Prefix> masquerade_exempt;
  bool has_node_file = false;  // never read here: whether node.json's part is in
  std::vector<HostSetting> host_sysctl;
  std::optional<bool> allow_ip_forwarding;  // nothing: as the namespace was made
  LogConf log;
  std::filesystem::path state_dir{"/var/lib/slash32"};
  std::filesystem::path node_file{kDefaultNodeFile};
  std::filesystem::path data_dir{kDefaultDataDir};  // the IPAM's, where `ipam.dataDir` is absent
  std::string ipam_type;
  cni::Dns dns;

  NetConf();
  const IpAddress& gateway(AddressFamily family) const { return family == AddressFamily::IPv4 ? gateway4 : gateway6; }
};

using GetEnv = std::function<std::optional<std::string>(const std::string&)>;

/// Strict, for ADD, CHECK and STATUS: unknown keys and bad values are errors with their JSON path. CNI code 7.
/// `root` is what stdin held.
Result<NetConf> read_net_conf(const JsonField& root, const GetEnv& getenv);

/// For DEL and GC, which a typo must not hold up: whatever is readable, defaults for the rest, and what is wrong as
/// sentences in `complaints`.
NetConf read_net_conf_leniently(const JsonField& root, const GetEnv& getenv, std::vector<std::string>& complaints);

/// Only the `log` section, leniently: logging starts before anything else is checked.
LogConf read_log_conf(const JsonField& root, const GetEnv& getenv);

}  // namespace slash32::config
