// Which keys of a neighbour need a new session ("reset" in config/README.md), by name. One row a key.
#include <algorithm>
#include <array>
#include <string_view>

#include "bgpd/settings.h"

namespace slash32::bgp {
namespace {

/// All that a session is made of.
struct Made {
  const config::NeighborConf& conf;
  PeerSettings peer;
  SocketOptions socket;
};
struct Row {
  std::string_view key;
  bool (*differs)(const Made&, const Made&);
};

template <auto Member>
bool in_conf(const Made& was, const Made& is) {
  return was.conf.*Member != is.conf.*Member;
}
template <auto Member>
bool in_peer(const Made& was, const Made& is) {
  return was.peer.*Member != is.peer.*Member;
}
template <auto Member>
bool in_socket(const Made& was, const Made& is) {
  return was.socket.*Member != is.socket.*Member;
}

/// Whether a connection can go from these keys of TCP-AO to those: it signs or it does not from its first segment on,
/// and gives up no key that it signs with before it has another, of other identifiers (RFC 5925 sections 3.1 and 7.5).
bool can_rotate(const std::vector<config::TcpAoKeyConf>& was, const std::vector<config::TcpAoKeyConf>& is) {
  return was.empty() == is.empty() && std::ranges::none_of(is, [&](const auto& now) {
           return std::ranges::any_of(was, [&](const auto& before) {
             return before != now && (before.send_id == now.send_id || before.receive_id == now.receive_id);
           });
         });
}

constexpr std::array kRows{
    Row{"address", in_conf<&config::NeighborConf::address>},
    Row{"port", in_conf<&config::NeighborConf::port>},
    Row{"enabled", in_conf<&config::NeighborConf::enabled>},
    Row{"passwordFile", in_conf<&config::NeighborConf::password_file>},
    Row{"tcpAo", [](const Made& was, const Made& is) { return !can_rotate(was.conf.tcp_ao, is.conf.tcp_ao); }},
    Row{"localAs", in_conf<&config::NeighborConf::local_as>},
    Row{"/localAs",  // where the neighbour does not have its own
        [](const Made& was, const Made& is) {
          return was.conf.local_as == is.conf.local_as && was.peer.local_as != is.peer.local_as;
        }},
    Row{"/routerId", in_peer<&PeerSettings::local_id>},
    Row{"remoteAs",
        [](const Made& was, const Made& is) {
          return was.conf.remote_as != is.conf.remote_as &&
                 (was.peer.remote_as != is.peer.remote_as || was.peer.external != is.peer.external);
        }},
    Row{"passive", in_peer<&PeerSettings::passive>},
    Row{"holdTime", in_peer<&PeerSettings::hold_time>},
    Row{"keepaliveTime", in_peer<&PeerSettings::keepalive_time>},
    Row{"connectRetryTime", in_peer<&PeerSettings::connect_retry_time>},
    Row{"delayOpen", in_peer<&PeerSettings::delay_open>},
    Row{"families", in_peer<&PeerSettings::families>},
    Row{"gracefulRestart.enabled", in_peer<&PeerSettings::graceful_restart>},
    Row{"gracefulRestart.restartTime", in_peer<&PeerSettings::restart_time>},
    Row{"gracefulRestart.notification", in_peer<&PeerSettings::graceful_notification>},
    Row{"gracefulRestart.staleTime", in_peer<&PeerSettings::stale_time>},
    Row{"gracefulRestart.longLived", in_peer<&PeerSettings::long_lived>},
    Row{"gracefulRestart.longLived.maxStaleTime", in_peer<&PeerSettings::long_lived_most>},
    Row{"role", in_peer<&PeerSettings::role>},
    Row{"enforceFirstAs",
        [](const Made& was, const Made& is) {  // `role` says so itself
          return was.conf.role == is.conf.role && was.peer.enforce_first_as != is.peer.enforce_first_as;
        }},
    Row{"roleStrict", in_peer<&PeerSettings::role_strict>},
    Row{"addPath.receive", in_peer<&PeerSettings::add_path_receive>},
    Row{"addPath.send", in_peer<&PeerSettings::add_path_send>},
    Row{"allowAsSet", in_peer<&PeerSettings::allow_as_set>},
    Row{"enhancedRouteRefresh", in_peer<&PeerSettings::enhanced_refresh>},
    Row{"extendedMessages", in_peer<&PeerSettings::extended_messages>},
    Row{"extendedNextHop", in_peer<&PeerSettings::extended_next_hop>},
    Row{"localAddress", in_socket<&SocketOptions::local_address>},
    Row{"bindInterface", in_socket<&SocketOptions::interface>},
    Row{"multihop", in_conf<&config::NeighborConf::multihop>},
    Row{"ttlSecurity", in_conf<&config::NeighborConf::ttl_security>},
};

}  // namespace

std::vector<std::string> reset_keys(const config::BgpdConf& old_conf, RouterId old_id,
                                    const config::NeighborConf& old_neighbor, const config::BgpdConf& new_conf,
                                    RouterId new_id, const config::NeighborConf& new_neighbor) {
  const Made was{old_neighbor, peer_settings(old_conf, old_neighbor, old_id),
                 socket_options(old_conf, old_neighbor, {})};
  const Made is{new_neighbor, peer_settings(new_conf, new_neighbor, new_id),
                socket_options(new_conf, new_neighbor, {})};
  const bool same_session = was.peer == is.peer && was.socket == is.socket && was.conf.address == is.conf.address &&
                            was.conf.port == is.conf.port && was.conf.enabled == is.conf.enabled &&
                            was.conf.password_file == is.conf.password_file &&
                            can_rotate(was.conf.tcp_ao, is.conf.tcp_ao);
  std::vector<std::string> out;
  if (same_session) return out;  // as `multihop: 1` where that is what eBGP has anyway
  for (const auto& row : kRows)
    if (row.differs(was, is)) out.emplace_back(row.key);
  if (out.empty()) out.emplace_back("settings");  // what no row names must not go unseen
  return out;
}

bool needs_reset(const config::BgpdConf& old_conf, const config::NeighborConf& old_neighbor,
                 const config::BgpdConf& new_conf, const config::NeighborConf& new_neighbor, RouterId id) {
  return !reset_keys(old_conf, id, old_neighbor, new_conf, id, new_neighbor).empty();
}

}  // namespace slash32::bgp
