// From a chosen route to what a neighbour is told (RFC 4271 sections 5.1 and 9.1.3, RFC 4456, RFC 1997, RFC 8212, RFC
// 9234): whether at all, and with which attributes. Pure; neighbours with equal ExportSettings get equal bytes.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/policy/policy.h"
#include "bgpd/rib/path.h"
#include "bgpd/rib/rib.h"
#include "bgpd/rib/withheld.h"
#include "bgpd/wire/update.h"

namespace slash32::bgp {

/// What of a neighbour and of the speaker decides how a route looks when it is sent. Equal ones share an Adj-RIB-Out.
struct ExportSettings {
  bool external = false;
  bool client = false;  // route reflector client
  Asn local_as;
  RouterId cluster_id;
  bool four_octet_as = true;
  std::vector<AddressFamily> families;
  std::optional<IpAddress> local_v4, local_v6, local_link_local;
  bool extended_next_hop = false;  // IPv4 routes may go with an IPv6 next hop (RFC 8950)
  config::NextHopMode next_hop = config::NextHopMode::Auto;
  std::array<std::uint8_t, kFamilies> add_path{};  // how many paths to a prefix (RFC 7911); 0: one, without path id
  std::optional<BgpRole> role;
  bool long_lived_understood = false;         // RFC 9494: may be told of long-lived stale routes ...
  bool long_lived_partial = false;            // ... by iBGP all the same, as its section 4.6 has it
  bool allow_as_set = true;                   // RFC 9774
  std::optional<std::uint32_t> max_prefixes;  // per family, beyond our own
  std::optional<std::vector<std::string>> policies;
  bool policies_set_next_hops = false;
  std::uint16_t max_message_size = 4096;
  bool draining = false;  // RFC 8326
  bool operator==(const ExportSettings&) const = default;

  /// The address to name as next hop; for IPv4 it may be an IPv6 one where that is all we have (RFC 8950).
  const std::optional<IpAddress>& own_next_hop(AddressFamily family) const;
  /// The family was negotiated.
  bool carries(AddressFamily family) const;
  /// The family can be sent: it was negotiated, and there is an address to name as next hop.
  bool sends(AddressFamily family) const;
  /// Some route may be sent with a next hop that is not ours.
  bool keeps_next_hop() const;
};

ExportSettings export_settings(const RibPeer& peer, const RibSettings& rib);

/// The chosen route, and where it came from.
struct ExportRoute {
  Prefix prefix;
  AttributesPtr attributes;
  config::RouteSource source = config::RouteSource::Local;
  bool from_client = false;   // learned from a route reflector client
  RouterId from_id;           // its peer's BGP identifier
  std::string_view neighbor;  // its peer's name
};

/// First half: may it be sent, and what did export policy make of it? `attributes` is the route's own pointer when
/// policy changed nothing.
struct Permitted {
  Withheld withheld = Withheld::No;
  AttributesPtr attributes;
  std::string detail;  // for Withheld::Policy, when `explain`
};
Permitted permit(const ExportSettings& to, const Policies& policies, const ExportRoute& route, bool explain = false);

/// Second half: the attributes as the neighbour is to see them, encoded; or why they cannot be sent. `route.attributes`
/// is what permit() returned; `policy_changed`: that is not what it was given, so a MED in it is wanted.
struct Rendered {
  Withheld withheld = Withheld::No;
  AttributeBlock block;
  IpAddress next_hop;
};
Rendered render(const ExportSettings& to, const ExportRoute& route, bool policy_changed);

}  // namespace slash32::bgp
