// Our own resources (slash32.io/v1alpha1) that make bgpd's configuration. What they share with bgpd.json has its names
// and its shape, and stays JSON here: config's reader checks it when the whole is put together, so that a setting has
// one meaning and one complaint. Schemas: manifests/crds/.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "agent/model/selector.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::agent::model {

/// An entry of a Secret in the agent's own namespace.
struct SecretRef {
  std::string name;
  std::string key = "password";
  auto operator<=>(const SecretRef&) const = default;
};

// ---------------------------------------------------------------- BGPConfiguration

struct Mesh {
  bool enabled = true;
  std::optional<SecretRef> password;
  nlohmann::json settings = nlohmann::json::object();  // of every session between nodes, as in peerGroups of bgpd.json
  bool operator==(const Mesh&) const = default;
};

/// Nodes that reflect for the others (RFC 4456), in place of a full mesh.
struct Reflectors {
  Selector nodes;
  std::optional<RouterId> cluster_id;
  bool operator==(const Reflectors&) const = default;
};

struct Masquerade {
  bool enabled = true;
  bool exempt_nodes = true;  // the nodes' own addresses
  std::vector<Prefix> exempt;
  bool operator==(const Masquerade&) const = default;
};

/// What is done with packets for addresses of an announced aggregate that no Service has.
enum class UnusedAddresses : std::uint8_t { Drop, Blackhole, Ignore };

/// Which Service addresses may be announced at all, and which are without any BGPAdvertisement.
struct ServiceRoutes {
  std::vector<Prefix> cluster_ranges;        // empty: any ClusterIP
  std::vector<Prefix> external_ranges;       // empty: no external IP
  std::vector<Prefix> load_balancer_ranges;  // beside those of the IPPools
  bool cluster_ips = false;
  bool external_ips = false;
  bool load_balancer_ips = true;
  bool withdraw_without_endpoints = true;  // policy Cluster: not announced while nothing is ready behind it
  UnusedAddresses unused = UnusedAddresses::Drop;
  std::optional<std::uint8_t> aggregation4;  // of the switches above: length of the aggregates
  std::optional<std::uint8_t> aggregation6;
  bool operator==(const ServiceRoutes&) const = default;
};

/// The one named "default". Without one, these are the settings.
struct BgpConfiguration {
  Meta meta;
  Asn as{64512};
  Mesh mesh;
  std::optional<Reflectors> reflectors;
  nlohmann::json neighbor_defaults = nlohmann::json::object();  // of every session, as in peerGroups of bgpd.json
  nlohmann::json kernel = nlohmann::json::object();             // as in bgpd.json
  bool source_node_address = false;                             // kernel.prefSrc4 and prefSrc6: the node's addresses
  std::optional<std::uint16_t> listen_port;
  std::string log_level = "info";
  bool drain_on_cordon = true;  // a Node that is cordoned drains
  std::optional<std::string> metrics_address;
  std::map<std::string, std::string> communities;  // names for them
  bool pod_cidrs = true;                           // announced without any BGPAdvertisement
  std::string pod_routes = "outside-aggregates";   // originate.podRoutes of bgpd.json
  std::vector<Prefix> pod_ranges;                  // of the whole cluster; empty: the nodes' podCIDRs
  Masquerade masquerade;
  ServiceRoutes services;
  Aside<nlohmann::json> status;  // as the API has it; null: none
  Aside<std::string> version;    // metadata.resourceVersion
  bool operator==(const BgpConfiguration&) const = default;
};

inline constexpr const char* kDefaultConfiguration = "default";

Result<BgpConfiguration> read_bgp_configuration(const nlohmann::json& object);

// ---------------------------------------------------------------- BGPPeer

enum class DefaultImport : std::uint8_t { Accept, Reject };
enum class DefaultExport : std::uint8_t { Own, All, None };

/// One of the keys of TCP-AO.
struct TcpAoKey {
  nlohmann::json settings = nlohmann::json::object();  // as in neighbors[].tcpAo.keys[] of bgpd.json, without keyFile
  SecretRef secret;
  bool operator==(const TcpAoKey&) const = default;
};

struct BgpPeer {
  Meta meta;
  Selector nodes;
  std::optional<IpAddress> address;
  std::optional<std::string> interface;
  std::optional<AddressFamily> default_gateway;
  std::optional<Selector> peer_nodes;  // the peers are nodes; each has its own AS
  std::optional<SecretRef> password;
  std::vector<TcpAoKey> tcp_ao;  // excludes password; empty: none
  bool source_node_address = false;
  std::vector<std::string> import_filters;
  std::vector<std::string> export_filters;
  std::optional<DefaultImport> default_import;  // what no filter decided; absent: iBGP accepts, eBGP rejects (RFC 8212)
  std::optional<DefaultExport> default_export;  // absent: Own; towards nodes that are clients, All
  nlohmann::json settings = nlohmann::json::object();  // as in neighbors[] of bgpd.json
  Aside<nlohmann::json> status;                        // as the API has it; null: none
  Aside<std::string> version;                          // metadata.resourceVersion
  bool operator==(const BgpPeer&) const = default;
};

Result<BgpPeer> read_bgp_peer(const nlohmann::json& object);

// ---------------------------------------------------------------- BGPFilter, BGPAdvertisement

struct BgpFilter {
  Meta meta;
  nlohmann::json terms = nlohmann::json::array();  // a policy of bgpd.json
  Aside<nlohmann::json> status;
  Aside<std::string> version;
  bool operator==(const BgpFilter&) const = default;
};

/// Refuses what config's reader of policies refuses.
Result<BgpFilter> read_bgp_filter(const nlohmann::json& object);

struct AdvertisedKinds {
  bool pod_cidrs = false;
  bool pod_routes = false;  // every pod's own /32 and /128
  bool cluster_ips = false;
  bool external_ips = false;
  bool load_balancer_ips = false;
  bool operator==(const AdvertisedKinds&) const = default;
};

struct BgpAdvertisement {
  Meta meta;
  AdvertisedKinds kinds;
  Selector nodes;
  Selector services;
  std::vector<std::string> namespaces;  // of the Services; empty: all
  std::vector<std::string> peers;       // names of BGPPeers; empty: all
  std::optional<Selector> peer_labels;  // of BGPPeers
  bool mesh = false;                    // to the other nodes as well
  std::optional<std::uint8_t> aggregation4;
  std::optional<std::uint8_t> aggregation6;
  std::vector<std::string> communities;  // values, or names of BGPConfiguration's communities
  std::optional<std::uint32_t> local_pref;
  Aside<nlohmann::json> status;
  Aside<std::string> version;
  bool operator==(const BgpAdvertisement&) const = default;
};

Result<BgpAdvertisement> read_bgp_advertisement(const nlohmann::json& object);

}  // namespace slash32::agent::model
