// The result of ADD (CNI spec section 5): printed as the configuration's version wants it, read as any version prints
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/cni/versions.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::cni {

/// `sandbox` is CNI_NETNS for a pod's end, empty for a host's.
struct Interface {
  std::string name;
  std::string mac;
  std::string sandbox;
  std::optional<std::uint32_t> mtu;  // 1.1.0
  std::string socket_path;           // 1.1.0
  std::string pci_id;                // 1.1.0
  bool operator==(const Interface&) const = default;
};

struct IpConfig {
  IpAddress address;
  std::uint8_t prefix_length = 0;
  std::optional<IpAddress> gateway;
  std::optional<std::size_t> interface;  // index into AddResult::interfaces
  bool operator==(const IpConfig&) const = default;
};

/// The last five exist since 1.1.0.
struct RouteConfig {
  Prefix dst;
  std::optional<IpAddress> gw;
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> advmss;
  std::optional<std::uint32_t> priority;
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> scope;
  bool operator==(const RouteConfig&) const = default;
};

struct Dns {
  std::vector<std::string> nameservers;
  std::string domain;
  std::vector<std::string> search;
  std::vector<std::string> options;
  bool empty() const { return nameservers.empty() && domain.empty() && search.empty() && options.empty(); }
  bool operator==(const Dns&) const = default;
};

struct AddResult {
  std::vector<Interface> interfaces;  // an IPAM plugin's result has none
  std::vector<IpConfig> ips;
  std::vector<RouteConfig> routes;
  Dns dns;
  bool operator==(const AddResult&) const = default;
};

/// `version` must be a supported one. What a version does not know is left out.
nlohmann::json to_json(const AddResult& result, Version version);

/// Reads a result (a delegated plugin's output, or prevResult) of any version 0.1.0 to 1.1.0; without a cniVersion it
/// has `fallback`'s (CNI section 4: the configuration's). Keys we do not know are passed over. CNI code 6, and the
/// path.
Result<AddResult> parse_add_result(const JsonField& field, Version fallback);

/// {"cniVersion", "code", "msg", "details"} (CNI section 5 "Error"); no details, no key.
nlohmann::json to_json(const Error& error, Version version);

/// Readers of parts, for configurations that carry the same shapes (`dns`, `routes`).
Result<Dns> read_dns(const JsonField& field);
Result<RouteConfig> read_route(const JsonField& field);

}  // namespace slash32::cni
