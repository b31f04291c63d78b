// IPPool (slash32.io/v1alpha1): addresses for Services of type LoadBalancer. Schema: manifests/crds/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "agent/model/selector.h"
#include "common/ip.h"

namespace slash32::agent::model {

/// From the first to the last address, both included, of one family.
struct AddressRange {
  IpAddress first;
  IpAddress last;
  bool contains(const IpAddress& address) const { return first <= address && address <= last; }
  bool operator==(const AddressRange&) const = default;
  /// The fewest prefixes that make up the range.
  std::vector<Prefix> prefixes() const;
};

struct IpPool {
  Meta meta;
  std::vector<AddressRange> addresses;
  bool auto_assign = true;    // false: only to Services that ask for the pool or for an address in it
  bool enabled = true;        // false: nothing new is assigned; what is assigned stays
  std::int32_t priority = 0;  // the greatest is tried first
  Selector services;
  std::vector<std::string> namespaces;  // of the Services; empty: all
  Aside<nlohmann::json> status;         // as the API has it; null: none
  Aside<std::string> version;           // metadata.resourceVersion
  bool operator==(const IpPool&) const = default;
};

/// Errors name the place: "/spec/addresses/1: must be …".
Result<IpPool> read_ip_pool(const nlohmann::json& object);

}  // namespace slash32::agent::model
