#include "plugin/node.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/node/anti_spoofing.h"
#include "common/pod/node_address.h"
#include "config/ipam_conf.h"
#include "config/node_conf.h"

namespace slash32::plugin {
namespace {

constexpr Mtu kEthernetMtu{1500};
constexpr Mtu kMinMtu6{1280};  // RFC 8200 section 5

// ---- the uplink

/// The MTU of the links that lead outside: the smallest, so that either family fits.
Result<Mtu> uplink_mtu(netlink::Socket& host, const std::vector<std::optional<netlink::Route>>& paths) {
  std::optional<Mtu> smallest;
  for (const auto& path : paths) {
    if (!path || path->next_hops.empty()) continue;
    const auto link = TRY(netlink::find_link(host, path->next_hops.front().link));
    if (link && link->mtu.value != 0 && (!smallest || link->mtu < *smallest)) smallest = link->mtu;
  }
  return smallest.value_or(kEthernetMtu);
}

/// The kernel takes a preferred source only where it is local, and would just say "Invalid argument".
Status check_is_local(netlink::Socket& host, const char* key, const std::optional<IpAddress>& address) {
  if (!address) return ok();
  const auto route = TRY(netlink::find_route(host, netlink::look_up_route(*address)));
  if (route && route->type == netlink::RouteType::Local) return ok();
  return fail(cni::kInvalidConfig,
              std::string("/hostSource/") + key + ": " + address->to_string() + " is not an address of this node");
}

}  // namespace

Status complete_from_node_file(config::NetConf& conf) {
  auto node = config::read_node_conf(conf.node_file);
  // Without its exemptions the next masquerading table would break the connections of pods that are running.
  if (!node && (!conf.mtu || conf.masquerade.value_or(true))) {
    node.error().code = cni::kInvalidConfig;
    return fail(std::move(node).error());
  }
  if (!node) log::warn("node.json cannot be read; not needed here", {{"error", node.error().message}});
  if (!node || !*node) return ok();
  const config::NodeConf& said = **node;
  conf.has_node_file = true;
  if (!conf.mtu) conf.mtu = said.mtu;
  if (!conf.masquerade) conf.masquerade = said.masquerade;
  for (const auto* ranges : {&said.masquerade_exempt, &said.pod_cidrs})
    conf.masquerade_exempt.insert(conf.masquerade_exempt.end(), ranges->begin(), ranges->end());
  return ok();
}

Result<std::vector<Prefix>> exempt_destinations(const cni::Call& call, const config::NetConf& conf) {
  auto out = conf.masquerade_exempt;
  if (conf.ipam_type == config::kIpamType)
    for (const auto& range : TRY(config::read_ipam_conf(call.root().child("ipam"), conf.data_dir)).ranges)
      out.push_back(range.subnet);
  return out;
}

Families families_of(const std::vector<IpAddress>& addresses) {
  Families out;
  for (const auto& address : addresses) (address.is_v4() ? out.v4 : out.v6) = true;
  return out;
}

Status prepare_node(netlink::Socket& host, const config::NetConf& conf, Families families,
                    const cni::Deadline& deadline) {
  TRY(node::enable_forwarding(host, conf.state_dir, families, deadline));
  return conf.anti_spoofing ? node::prepare_anti_spoofing(deadline) : ok();
}

Status check_node(netlink::Socket& host, const config::NetConf& conf, Families families,
                  std::chrono::milliseconds patience) {
  const auto forwarding = TRY(read_forwarding(host, families));
  if (!forwarding.v4) return fail(999, std::string(node::kForward4) + " is 0: nothing is forwarded to or from pods");
  if (!forwarding.v6) return fail(999, std::string(node::kForward6) + " is 0: nothing is forwarded to or from pods");
  return conf.anti_spoofing ? node::check_anti_spoofing(patience) : ok();
}

Status check_mtu(Mtu mtu, Families families) {
  if (!families.v6 || mtu >= kMinMtu6) return ok();
  return fail(cni::kInvalidConfig, "/mtu: " + std::to_string(mtu.value) +
                                       " (of the configuration, node.json or the uplink) is less than the 1280 "
                                       "octets that IPv6 needs of every link");
}

Result<Uplink> find_uplink(netlink::Socket& host, const config::NetConf& conf, Families families) {
  Uplink uplink;
  const auto& source = conf.host_source;
  if (families.v4) TRY(check_is_local(host, "v4", source.v4));
  if (families.v6) TRY(check_is_local(host, "v6", source.v6));
  const auto& mtu = conf.mtu;
  const bool ask4 = families.v4 && !(mtu && source.v4);
  const bool ask6 = families.v6 && !(mtu && source.v6);
  std::optional<netlink::Route> path4;
  std::optional<netlink::Route> path6;
  if (ask4) path4 = TRY(pod::path_outside(host, AddressFamily::IPv4));
  if (ask6) path6 = TRY(pod::path_outside(host, AddressFamily::IPv6));
  if (ask4 && !source.v4) uplink.address.v4 = TRY(pod::node_address(host, AddressFamily::IPv4, path4));
  if (ask6 && !source.v6) uplink.address.v6 = TRY(pod::node_address(host, AddressFamily::IPv6, path6));
  uplink.mtu = mtu ? *mtu : TRY(uplink_mtu(host, {path4, path6}));
  TRY(check_mtu(uplink.mtu, families));
  return uplink;
}

}  // namespace slash32::plugin
