// bgpd's configuration as values. Keys and defaults: config/README.md. Reading and checking: bgpd_conf.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bgp_role.h"
#include "common/clock.h"
#include "common/community.h"
#include "common/ip.h"
#include "common/next_hop_resolution.h"
#include "common/result.h"
#include "common/strong.h"
#include "common/tcp_ao_algorithm.h"
#include "config/policy_types.h"

namespace slash32::config {

// ---------------------------------------------------------------- neighbours

enum class RemoteAsKind : std::uint8_t { Number, External, Internal };

struct RemoteAs {
  RemoteAsKind kind = RemoteAsKind::Number;
  Asn asn;  // for Number
  bool operator==(const RemoteAs&) const = default;
};

/// Long-lived graceful restart (RFC 9494).
struct LongLivedConf {
  Seconds stale_time4{0};           // how long the neighbour is asked to keep our routes after the restart time, and
                                    // whether IPv4 takes part at all, either way; 0: no
  Seconds stale_time6{0};           // the same for IPv6
  Seconds max_stale_time{604800};   // the longest time its routes are kept here
  bool partial_deployment = false;  // iBGP, section 4.6
  bool operator==(const LongLivedConf&) const = default;
};

struct GracefulRestartConf {
  bool enabled = true;
  Seconds restart_time{120};  // RFC 4724 section 3: 0 to 4095
  bool notification = false;  // RFC 8538; off: the hold timer is what finds a silent neighbour where BFD is not used
  Seconds stale_time{360};    // RFC 8538 section 4.1
  std::optional<LongLivedConf> long_lived;
  bool operator==(const GracefulRestartConf&) const = default;
};

/// BFD with a neighbour (RFC 5880).
struct BfdConf {
  Milliseconds min_tx{300};
  Milliseconds min_rx{300};
  std::uint8_t multiplier = 3;
  std::optional<bool> multihop;  // RFC 5883; default: as the BGP session is
  bool operator==(const BfdConf&) const = default;
};

struct MaxPrefixes {
  std::optional<std::uint32_t> in;   // per family; beyond it: Cease/1
  std::optional<std::uint32_t> out;  // per family; beyond it learned routes are not sent on
  std::uint8_t warn = 75;            // percent of `in`
  Seconds restart{60};               // after Cease/1; 0: not until the limits change
  bool operator==(const MaxPrefixes&) const = default;
};

/// RFC 7911: several paths to a prefix.
struct AddPathConf {
  static constexpr std::uint8_t kAll = 64;  // "all": as many as there are, but no more than this
  bool receive = false;
  std::uint8_t send = 0;  // how many, the best first; 0: one, without path identifier
  bool operator==(const AddPathConf&) const = default;
};

/// What the guard before import policy lets through for this neighbour ("allow").
struct Allow {
  bool default_route = false;
  bool own_ranges = false;
  bool martians = false;
  bool connected = false;
  bool operator==(const Allow&) const = default;
};

/// One master key tuple of TCP-AO (RFC 5925 section 3.1).
struct TcpAoKeyConf {
  std::uint8_t send_id = 0;
  std::uint8_t receive_id = 0;
  TcpAoAlgorithm algorithm = TcpAoAlgorithm::HmacSha1;
  std::string key_file;
  bool operator==(const TcpAoKeyConf&) const = default;
};

enum class NextHopMode : std::uint8_t { Auto, Self, Keep };  // Auto: RFC 4271 section 5.1.3

struct NeighborConf {
  std::string name;
  IpAddress address;                     // "::" of an unnumbered one until its router has advertised itself
  std::optional<std::string> interface;  // unnumbered: its link, which is bind_interface as well
  RemoteAs remote_as;
  std::uint16_t port = 179;
  bool passive = false;
  bool enabled = true;
  std::string description;
  std::string group;
  std::optional<IpAddress> local_address;
  std::optional<std::string> bind_interface;
  std::optional<std::string> password_file;
  std::vector<TcpAoKeyConf> tcp_ao;       // excludes password_file; empty: none
  Seconds hold_time{90};                  // RFC 4271 section 4.2: 0 or at least 3
  std::optional<Seconds> keepalive_time;  // default: a third of the negotiated hold time
  Milliseconds connect_retry_time{5000};
  Seconds delay_open{0};                     // RFC 4271 section 8.1.1: 0 to 240
  std::optional<std::uint8_t> ttl_security;  // hops; RFC 5082
  std::optional<std::uint8_t> multihop;      // TTL; default: 1 for eBGP, 64 for iBGP
  bool connected_check = true;               // eBGP over one hop: held where it is on no subnet of ours
  std::vector<AddressFamily> families{AddressFamily::IPv4, AddressFamily::IPv6};
  GracefulRestartConf graceful_restart;
  std::optional<BfdConf> bfd;
  bool route_reflector_client = false;
  std::uint8_t allow_own_as = 0;  // how often the own AS may occur in a received AS_PATH
  std::optional<Asn> local_as;
  NextHopMode next_hop = NextHopMode::Auto;
  NextHopResolution next_hop_resolution = NextHopResolution::OnLink;  // of what it tells us
  AddPathConf add_path;
  std::optional<BgpRole> role;  // RFC 9234; eBGP only
  bool role_strict = false;
  std::optional<bool> enforce_first_as;   // eBGP, RFC 4271 section 6.3; default: unless it is a route server to us
  bool graceful_shutdown = true;          // heed the community (RFC 8326)
  bool drain = false;                     // as the one who goes: used last both ways
  bool allow_as_set = false;              // RFC 9774
  bool enhanced_refresh = true;           // RFC 7313
  bool extended_messages = false;         // RFC 8654
  std::optional<bool> extended_next_hop;  // RFC 8950; default: where the neighbour's address is an IPv6 one
  Allow allow;
  MaxPrefixes max_prefixes;
  std::optional<std::vector<std::string>>
      import_policies;  // names, tried in order; absent: the default of the peer's type
  std::optional<std::vector<std::string>> export_policies;
  bool operator==(const NeighborConf&) const = default;
};

/// Which neighbour it is, whatever its settings are. A link-local IPv6 address is one router's on its own link only; an
/// unnumbered neighbour is its link, whoever is there.
struct NeighborKey {
  IpAddress address;
  std::string link;
  auto operator<=>(const NeighborKey&) const = default;
};
NeighborKey key_of(const NeighborConf& neighbor);

/// dynamicNeighbors[]: everything a neighbour has, with a range in the address's place.
struct DynamicNeighborConf {
  Prefix range;
  std::uint32_t limit = 100;
  NeighborConf settings;
  bool operator==(const DynamicNeighborConf&) const = default;
};

// ---------------------------------------------------------------- the rest

struct ListenConf {
  IpAddress address;
  std::uint16_t port = 179;
  bool operator==(const ListenConf&) const = default;
};

/// One of originate.prefixes: a string, or an object.
struct OriginatedPrefix {
  Prefix prefix;
  bool blackhole = true;  // install the discard route (protocol 133) before it is announced
  std::vector<Community> communities;
  std::optional<std::uint32_t> local_pref;
  std::optional<std::uint32_t> med;
  bool withdrawn_by_drain = false;  // others serve it as well: gone while the speaker drains
  bool drop_forwarded = false;      // what would be forwarded there is dropped: nobody translated it by then
  bool operator==(const OriginatedPrefix&) const = default;
};

enum class PodRoutes : std::uint8_t { OutsideAggregates, All, None };

struct OriginateConf {
  std::vector<OriginatedPrefix> prefixes;
  PodRoutes pod_routes = PodRoutes::OutsideAggregates;
  bool operator==(const OriginateConf&) const = default;
};

inline constexpr std::uint32_t kLeastMetric = 129;  // aggregates stand at 128 and must win over what is learned

struct KernelConf {
  bool install = true;
  TableId table{254};
  std::uint32_t metric = 512;  // above 128
  std::uint16_t multipath = 16;
  bool multipath_relax = true;  // over AS_PATHs of one length; false: over equal ones only
  std::uint32_t max_routes = 100000;
  bool next_hop_objects = false;   // "auto": where the kernel has them
  bool next_hop_neighbors = true;  // "auto": next hops that answer no ARP or ND are used last
  std::optional<IpAddress> pref_src4;
  std::optional<IpAddress> pref_src6;
  bool operator==(const KernelConf&) const = default;
};

/// What the guard before import policy refuses from every eBGP neighbour, beside our own ranges.
struct GuardConf {
  std::vector<Prefix> ranges;
  bool operator==(const GuardConf&) const = default;
};

enum class OnStop : std::uint8_t { Restart, Final };

struct ControlConf {
  std::string socket = "/run/slash32/bgpd.sock";
  std::string group;  // of its file; empty: the daemon's own
  std::optional<std::string> read_only_socket;
  std::string read_only_group;
  unsigned read_only_mode = 0660;
  bool operator==(const ControlConf&) const = default;
};

struct MetricsConf {
  std::optional<ListenConf> address;  // nothing: on the control socket only
  bool operator==(const MetricsConf&) const = default;
};

/// UPDATEs and changes of state in a file (RFC 6396).
struct MrtUpdatesConf {
  std::string file;                // with %Y, %m, %d, %H, %M, %S for the time it was begun
  Seconds rotate{0};               // 0: never begun anew
  std::uint64_t rotate_bytes = 0;  // set aside before it would have more, in the place of the last one; 0: never
  bool sent = false;               // what we say as well
  bool operator==(const MrtUpdatesConf&) const = default;
};

struct MrtConf {
  std::optional<MrtUpdatesConf> updates;
  bool operator==(const MrtConf&) const = default;
};

struct BgpdConf {
  Asn local_as;
  std::optional<RouterId> router_id;  // default: chosen at start, config/README.md says how
  std::vector<ListenConf> listen{{IpAddress::v4(0), 179}, {IpAddress::v6({}), 179}};
  std::optional<RouterId> cluster_id;
  OriginateConf originate;
  KernelConf kernel;
  GuardConf guard;
  std::vector<NeighborConf> neighbors;
  std::vector<DynamicNeighborConf> dynamic_neighbors;
  std::map<std::string, Policy> policies;
  ControlConf control;
  MetricsConf metrics;
  MrtConf mrt;
  std::string log_level = "info";
  std::string state_file = "/run/slash32/bgpd.state";  // boot-scoped: whether our routes are still in the kernel
  OnStop on_stop = OnStop::Restart;
  bool drain = false;  // what we announce is used last (RFC 8326)
  bool operator==(const BgpdConf&) const = default;
};

/// Whether a neighbour is in another AS than the one it is shown, by configuration.
bool is_external(Asn local_as, const NeighborConf& neighbor);

/// Reads and checks a whole document. The error names the JSON path; nothing is half-read.
Result<BgpdConf> read_bgpd_conf(std::string_view text);

/// The same, with every mistake that could be told apart (one a neighbour, term or section). `conf` counts only when
/// there is none.
struct BgpdConfCheck {
  BgpdConf conf;
  std::vector<Error> errors;
};
BgpdConfCheck check_bgpd_conf(std::string_view text);

/// The document with every default written out; reading it gives the same values again.
std::string print_bgpd_conf(const BgpdConf& conf);

/// Every key the reader knows, as paths: "localAs", "neighbors[].holdTime", "policies{}[].match.prefix".
std::vector<std::string> bgpd_conf_keys();

}  // namespace slash32::config
