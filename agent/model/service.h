// Services and their endpoints, with the fields the agent uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/meta.h"
#include "common/ip.h"

namespace slash32::agent::model {

enum class ServiceType : std::uint8_t { ClusterIp, NodePort, LoadBalancer, ExternalName };
enum class TrafficPolicy : std::uint8_t { Cluster, Local };

struct ServicePort {
  std::string protocol = "TCP";
  std::uint16_t port = 0;
  auto operator<=>(const ServicePort&) const = default;
};

struct Service {
  Meta meta;
  ServiceType type = ServiceType::ClusterIp;
  bool headless = false;
  std::vector<IpAddress> cluster_ips;
  std::vector<IpAddress> external_ips;
  std::vector<IpAddress> ingress;          // status.loadBalancer.ingress[].ip
  std::vector<IpAddress> proxied;          // those of them with ipMode Proxy: nodes take no packets for them
  bool ingress_by_name = false;            // an ingress has a host name and no IP: of another load balancer
  std::vector<AddressFamily> ip_families;  // spec.ipFamilies, or those of its cluster IPs
  bool require_dual_stack = false;
  std::string load_balancer_ip;
  std::optional<std::string> load_balancer_class;
  TrafficPolicy external_policy = TrafficPolicy::Cluster;
  TrafficPolicy internal_policy = TrafficPolicy::Cluster;
  Labels selector;  // of its pods
  std::vector<ServicePort> ports;
  Aside<std::string> version;  // metadata.resourceVersion: what is written must be an answer to it
  bool operator==(const Service&) const = default;
};

Result<Service> read_service(const nlohmann::json& object);

/// status.loadBalancer.ingress[].ip of a Service that may be wrong anywhere else: what can be read of them.
std::vector<IpAddress> addresses_in(const nlohmann::json& object);

/// Of a Service's endpoints a node needs to know how many are good for what, and how many of them are its own.
struct Endpoints {
  std::uint32_t ready = 0;  // (absent means yes) and not terminating
  std::uint32_t ready_here = 0;
  std::uint32_t leaving = 0;  // terminating, and serving to the end
  std::uint32_t leaving_here = 0;
  bool operator==(const Endpoints&) const = default;
};

/// An EndpointSlice (discovery.k8s.io/v1 and v1beta1), counted as it is read.
struct EndpointSlice {
  ObjectKey service;  // empty name: of no Service
  AddressFamily family = AddressFamily::IPv4;
  bool fqdn = false;  // addressType FQDN: counts for nothing
  Endpoints endpoints;
  bool operator==(const EndpointSlice&) const = default;
};

/// `node` is the name of this node.
Result<EndpointSlice> read_endpoint_slice(const nlohmann::json& object, std::string_view node);

/// A Secret: its name and the entries of its data, decoded. Watch only those that plan::needs_of() names.
struct Secret {
  ObjectKey key;
  std::map<std::string, std::string> data;
  bool operator==(const Secret&) const = default;
};

Result<Secret> read_secret(const nlohmann::json& object);

}  // namespace slash32::agent::model
