// From configuration to what the parts want: one neighbour's session, its sockets, its place in the RIB. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bgpd/bfd/transport.h"
#include "bgpd/fib/fib_sync.h"
#include "bgpd/peer/peer.h"
#include "bgpd/rib/rib.h"
#include "bgpd/transport/socket.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// Whether the neighbour is in another AS, by configuration.
bool is_external(const config::BgpdConf& conf, const config::NeighborConf& neighbor);

/// Whether it must be on a subnet of ours: eBGP over one hop, and not told otherwise.
bool is_checked(const config::BgpdConf& conf, const config::NeighborConf& neighbor);

PeerSettings peer_settings(const config::BgpdConf& conf, const config::NeighborConf& neighbor, RouterId id);
/// `keys`: the content of passwordFile or of the files of tcpAo, or none.
SocketOptions socket_options(const config::BgpdConf& conf, const config::NeighborConf& neighbor, const TcpKeys& keys);
/// Whether connections are to be signed.
inline bool has_keys(const config::NeighborConf& neighbor) {
  return neighbor.password_file || !neighbor.tcp_ao.empty();
}

/// What BFD is asked for by one neighbour.
struct BfdOrder {
  bfd::Target target;
  bfd::Settings settings;
  bool operator==(const BfdOrder&) const = default;
};
/// Nothing where the neighbour has no `bfd`, is disabled or not found yet. `session_end`: our end of the BGP session,
/// for neighbours that are only known by it; nothing: `localAddress`, or the route's.
std::optional<BfdOrder> bfd_order(const config::BgpdConf& conf, const config::NeighborConf& neighbor,
                                  const std::optional<IpAddress>& session_end);

/// Our addresses on a session: its own end, and what stands beside it.
struct LocalAddresses {
  std::optional<IpAddress> v4, v6;
  std::optional<IpAddress> link_local{};  // only where the neighbour is on that link (RFC 2545 section 3)
  IfIndex link{};                         // the one we share with the neighbour; 0: none
  bool operator==(const LocalAddresses&) const = default;
};
/// maxPrefixes.in, or the default for that type of peer; nothing: no limit.
std::optional<std::uint32_t> prefix_limit(const config::NeighborConf& neighbor, bool external);
/// At least `percent` of the limit (maxPrefixes.warn).
constexpr bool is_near_limit(std::uint64_t prefixes, std::uint32_t limit, std::uint8_t percent) {
  return prefixes * 100 >= std::uint64_t{limit} * percent;
}
RibPeer rib_peer(const config::BgpdConf& conf, const config::NeighborConf& neighbor, const Session& session,
                 const IpAddress& remote, const LocalAddresses& local);

RibSettings rib_settings(const config::BgpdConf& conf, RouterId id, bool draining);
/// Some neighbour's next hops may be resolved through the kernel's routes.
bool wants_recursion(const config::BgpdConf& conf);
FibSettings fib_settings(const config::KernelConf& kernel);

/// The keys for which going from one to the other needs a new session ("reset" in config/README.md), those of the top
/// level with a slash; none: the session goes on (reset_keys.cc). `old_id`, `new_id`: the router IDs in use.
std::vector<std::string> reset_keys(const config::BgpdConf& old_conf, RouterId old_id,
                                    const config::NeighborConf& old_neighbor, const config::BgpdConf& new_conf,
                                    RouterId new_id, const config::NeighborConf& new_neighbor);
/// Whether there are any, with one router ID.
bool needs_reset(const config::BgpdConf& old_conf, const config::NeighborConf& old_neighbor,
                 const config::BgpdConf& new_conf, const config::NeighborConf& new_neighbor, RouterId id);

/// The router ID of a node without a configured one and without a global IPv4 address: a hash of its identity, so that
/// it is the same after every restart. Never 0 (RFC 6286 section 2.1).
RouterId router_id_from(const std::string& node_identity);

}  // namespace slash32::bgp
