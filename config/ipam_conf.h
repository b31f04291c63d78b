// The `ipam` section of a network configuration, as slash32-ipam reads it: ranges, where the store is, cool-down.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/cni/result.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "common/result.h"
#include "config/node_conf.h"

namespace slash32::config {

inline constexpr std::string_view kIpamType = "slash32-ipam";
inline constexpr std::string_view kDefaultDataDir = "/run/slash32/ipam";
/// When slash32-ipam is called by another plugin: it cannot see in the kernel who is dead, so a reboot alone tells.
inline constexpr std::string_view kDelegatedDataDir = "/var/lib/slash32/ipam";

/// Addresses from `first` to `last`, both included and inside `subnet`, without those in `exclude` and the gateway.
struct IpamRange {
  Prefix subnet;
  IpAddress first;
  IpAddress last;
  std::vector<Prefix> exclude;
  std::optional<IpAddress> gateway;
  bool contains(const IpAddress& address) const;
  bool operator==(const IpamRange&) const = default;
};

struct IpamConf {
  std::vector<IpamRange> ranges;  // in the order given; empty: the pod CIDRs of node_file
  std::filesystem::path data_dir{kDefaultDataDir};
  std::filesystem::path node_file{kDefaultNodeFile};
  std::chrono::seconds cool_down{30};    // 0 to 1200
  std::vector<cni::RouteConfig> routes;  // printed by the IPAM binary; the slash32 plugin makes its own
  bool operator==(const IpamConf&) const = default;
};

/// The whole of `subnet` but what cannot be an endpoint's: IPv4 network and broadcast address (not of a /31, RFC 3021,
/// or a /32), the IPv6 subnet-router anycast address (RFC 4291 section 2.6.1; not of a /127, RFC 6164, or a /128).
IpamRange whole_range(const Prefix& subnet);

/// Whether anything is left of a range without `exclude` and the gateway.
bool has_address(const IpamRange& range);

/// `field` is the `ipam` object. Errors carry the JSON path; unknown keys are errors. CNI code 7.
/// `default_data_dir` holds when there is no `dataDir`.
Result<IpamConf> read_ipam_conf(const JsonField& field, const std::filesystem::path& default_data_dir);
inline Result<IpamConf> read_ipam_conf(const JsonField& field) { return read_ipam_conf(field, kDefaultDataDir); }

/// The ranges given, or the whole of each pod CIDR of node_file. CNI code 11 when neither is there (yet).
Result<std::vector<IpamRange>> effective_ranges(const IpamConf& conf);

/// Capability `ipRanges` (CONVENTIONS.md) of a whole configuration: the runtime's ranges take the place of those that
/// `conf` (or its node_file) has of the same families. Same shape and checks as `ranges`; CNI code 7.
Status use_ip_ranges(const JsonField& root, IpamConf& conf);

/// What DEL and GC need, from a configuration that may be full of mistakes: whatever is readable, defaults for the
/// rest.
IpamConf read_ipam_conf_leniently(const JsonField& root, const std::filesystem::path& default_data_dir);
inline IpamConf read_ipam_conf_leniently(const JsonField& root) {
  return read_ipam_conf_leniently(root, kDefaultDataDir);
}

}  // namespace slash32::config
