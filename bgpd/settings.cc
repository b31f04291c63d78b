#include "bgpd/settings.h"

#include <algorithm>

#include "bgpd/rib/path.h"
#include "bgpd/wire/iana.h"
#include "common/sha256.h"

namespace slash32::bgp {
namespace {

constexpr std::uint32_t kDefaultMaxPrefixes = 10000;  // on eBGP, where nothing is configured
constexpr std::uint8_t kInternalTtl = 64;
constexpr std::uint8_t kMaxTtl = 255;

/// RFC 7947 section 2.2.2.1: a route server leaves AS_PATH alone.
bool enforces_first_as(const config::NeighborConf& neighbor) {
  return neighbor.enforce_first_as.value_or(neighbor.role != BgpRole::RsClient);
}

/// eBGP over one hop, and not told otherwise.
bool is_one_hop_away(const config::BgpdConf& conf, const config::NeighborConf& neighbor) {
  const auto hops = neighbor.ttl_security.value_or(neighbor.multihop.value_or(1));
  return neighbor.connected_check && hops == 1 && is_external(conf, neighbor);
}

}  // namespace

bool is_external(const config::BgpdConf& conf, const config::NeighborConf& neighbor) {
  return config::is_external(conf.local_as, neighbor);
}

bool is_checked(const config::BgpdConf& conf, const config::NeighborConf& neighbor) {
  return is_one_hop_away(conf, neighbor) && !neighbor.interface;  // an unnumbered one was heard on its link
}

PeerSettings peer_settings(const config::BgpdConf& conf, const config::NeighborConf& neighbor, RouterId id) {
  PeerSettings out;
  out.local_as = neighbor.local_as.value_or(conf.local_as);
  out.local_id = id;
  if (neighbor.remote_as.kind == config::RemoteAsKind::Number) out.remote_as = neighbor.remote_as.asn;
  out.external = is_external(conf, neighbor);
  out.passive = neighbor.passive;
  out.hold_time = neighbor.hold_time;
  out.keepalive_time = neighbor.keepalive_time;
  out.connect_retry_time = neighbor.connect_retry_time;
  out.delay_open = neighbor.delay_open;
  out.families = neighbor.families;
  out.graceful_restart = neighbor.graceful_restart.enabled;
  out.restart_time = neighbor.graceful_restart.restart_time;
  out.graceful_notification = neighbor.graceful_restart.notification;
  out.stale_time = neighbor.graceful_restart.stale_time;
  if (const auto& long_lived = neighbor.graceful_restart.long_lived) {
    out.long_lived = {long_lived->stale_time4, long_lived->stale_time6};
    out.long_lived_most = long_lived->max_stale_time;
  }
  out.role = neighbor.role;
  out.role_strict = neighbor.role_strict;
  out.enforce_first_as = enforces_first_as(neighbor);
  out.add_path_receive = neighbor.add_path.receive;
  out.add_path_send = neighbor.add_path.send > 0;
  out.allow_as_set = neighbor.allow_as_set;
  out.enhanced_refresh = neighbor.enhanced_refresh;
  out.extended_messages = neighbor.extended_messages;
  out.extended_next_hop = neighbor.extended_next_hop.value_or(neighbor.address.is_v6());
  return out;
}

SocketOptions socket_options(const config::BgpdConf& conf, const config::NeighborConf& neighbor, const TcpKeys& keys) {
  SocketOptions out;
  out.local_address = neighbor.local_address;
  out.interface = neighbor.bind_interface;
  out.ttl = neighbor.multihop.value_or(is_external(conf, neighbor) ? 1 : kInternalTtl);
  if (neighbor.ttl_security) {  // RFC 5082 section 3: sent with 255, so `hops` away no less than this is left
    out.ttl = kMaxTtl;
    out.min_ttl = static_cast<std::uint8_t>(kMaxTtl + 1 - *neighbor.ttl_security);
  }
  out.keys = keys;
  out.user_timeout = neighbor.hold_time;
  return out;
}

std::optional<BfdOrder> bfd_order(const config::BgpdConf& conf, const config::NeighborConf& neighbor,
                                  const std::optional<IpAddress>& session_end) {
  if (!neighbor.bfd || !neighbor.enabled || neighbor.address.is_unspecified()) return std::nullopt;
  const auto& bfd = *neighbor.bfd;
  const auto hops = neighbor.ttl_security.value_or(socket_options(conf, neighbor, {}).ttl);
  BfdOrder out;
  out.target.remote = neighbor.address;
  out.target.local = neighbor.local_address ? neighbor.local_address : session_end;
  out.target.interface = neighbor.bind_interface.value_or("");
  out.target.multihop = bfd.multihop.value_or(hops > 1 && !neighbor.address.is_link_local());
  out.settings.desired_min_tx = bfd.min_tx;
  out.settings.required_min_rx = bfd.min_rx;
  out.settings.detect_multiplier = bfd.multiplier;
  return out;
}

std::optional<std::uint32_t> prefix_limit(const config::NeighborConf& neighbor, bool external) {
  if (neighbor.max_prefixes.in || !external) return neighbor.max_prefixes.in;
  return kDefaultMaxPrefixes;
}

RibPeer rib_peer(const config::BgpdConf& conf, const config::NeighborConf& neighbor, const Session& session,
                 const IpAddress& remote, const LocalAddresses& local) {
  RibPeer out;
  out.name = neighbor.name;
  out.external = session.external;
  out.local_as = neighbor.local_as.value_or(conf.local_as);
  out.remote_as = session.remote.asn;
  out.remote_id = session.remote.id;
  out.address = remote;
  out.families = session.families;
  out.four_octet_as = session.four_octet_as;
  out.enhanced_refresh = session.enhanced_refresh;
  out.long_lived_offered = session.long_lived_offered;
  out.long_lived_understood = session.long_lived_understood;
  const auto& long_lived = neighbor.graceful_restart.long_lived;
  out.long_lived_partial = long_lived && long_lived->partial_deployment;
  out.extended_next_hop = session.extended_next_hop;
  if (session.extended_messages) out.max_message_size = kMaxExtendedMessageSize;
  out.local_v4 = local.v4;
  out.local_v6 = local.v6;
  out.local_link_local = local.link_local;
  out.link = local.link;
  if (!is_one_hop_away(conf, neighbor)) out.resolution = neighbor.next_hop_resolution;  // RFC 4271 section 6.3
  out.route_reflector_client = neighbor.route_reflector_client;
  for (const auto family : session.add_path_out) out.add_path.at(index_of(family)) = neighbor.add_path.send;
  out.role = neighbor.role;
  out.enforce_first_as = enforces_first_as(neighbor);
  out.allow_own_as = neighbor.allow_own_as;
  out.next_hop = neighbor.next_hop;
  out.allow = neighbor.allow;
  out.import_policies = neighbor.import_policies;
  out.export_policies = neighbor.export_policies;
  out.max_prefixes_in = prefix_limit(neighbor, session.external);
  out.max_prefixes_out = neighbor.max_prefixes.out;
  out.graceful_shutdown = neighbor.graceful_shutdown;
  out.draining = neighbor.drain;
  out.allow_as_set = neighbor.allow_as_set;
  return out;
}

RibSettings rib_settings(const config::BgpdConf& conf, RouterId id, bool draining) {
  return {.local_as = conf.local_as,
          .router_id = id,
          .cluster_id = conf.cluster_id.value_or(id),  // RFC 4456 section 7
          .install = conf.kernel.install,
          .multipath = conf.kernel.multipath,
          .multipath_relax = conf.kernel.multipath_relax,
          .backups = conf.kernel.next_hop_objects,
          .policies = conf.policies,
          .draining = draining};
}

FibSettings fib_settings(const config::KernelConf& kernel) {
  FibSettings out;
  out.install = kernel.install;
  out.table = kernel.table;
  out.metric = kernel.metric;
  out.max_routes = kernel.max_routes;
  out.pref_src4 = kernel.pref_src4;
  out.pref_src6 = kernel.pref_src6;
  out.next_hop_objects = kernel.next_hop_objects;
  return out;
}

bool wants_recursion(const config::BgpdConf& conf) {
  const auto wants = [](const config::NeighborConf& one) {
    return one.next_hop_resolution != NextHopResolution::OnLink;
  };
  return std::ranges::any_of(conf.neighbors, wants) ||
         std::ranges::any_of(conf.dynamic_neighbors, wants, &config::DynamicNeighborConf::settings);
}

RouterId router_id_from(const std::string& node_identity) {
  const auto digest = sha256(node_identity);
  const auto value = std::uint32_t{digest[0]} << 24 | std::uint32_t{digest[1]} << 16 | std::uint32_t{digest[2]} << 8 |
                     std::uint32_t{digest[3]};
  return RouterId{value == 0 ? 1 : value};
}

}  // namespace slash32::bgp
