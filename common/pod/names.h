// What carries the key (network, container ID, ifname) into the kernel: the host end's name and its alias, which
// together with the route let kernel state alone rebuild what the IPAM knows. And the pod's MAC address. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/netlink/types.h"
#include "common/pod/key.h"

namespace slash32::pod {

/// Host ends begin with this; so does the anti-spoofing rule's match.
inline constexpr std::string_view kHostPrefix = "s32";
/// Of every host end: pods' permanent neighbour entries for their gateways name it.
inline constexpr netlink::MacAddress kHostMac{{0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
inline constexpr std::size_t kMaxAlias = 255;  // IFALIASZ - 1

/// "s32" and 12 hex digits of SHA-256 over the key.
std::string host_ifname(const Key& key);
/// Whether a link could be a host end by its name.
bool is_host_ifname(std::string_view name);

/// An alternative name (Linux 5.5) of the host end of the pod that has this address: "s32-" and the IPv4 address in 8
/// hex digits, or 11 hex digits of SHA-256 over the IPv6 address. It stays with the link whatever becomes of routes,
/// the kernel finds it without a walk, and refuses it to a second link. At most 15 bytes, as IFNAMSIZ lets names be.
std::string address_name(const IpAddress& address);

/// What a host end's alias says. A container ID or network name that made the alias too long is kept as '#' and 32 hex
/// digits of its hash ('#' begins no valid name).
struct Alias {
  Key key;
  std::vector<IpAddress> addresses;  // IPv4 first
};

/// "s32:1:<network>:<cid>:<ifname>:<v4>:<v6>", at most 255 bytes.
std::string format_alias(const Key& key, const std::vector<IpAddress>& addresses);
/// Nothing when it is none of ours, or of a newer format.
std::optional<Alias> parse_alias(std::string_view text);
/// Whether the alias was written for this key, hashes considered.
bool alias_is_of(const Alias& alias, const Key& key);
/// Whether the alias was written for this network, hashes considered.
bool alias_is_of_network(const Alias& alias, const std::string& network);
/// Whether the alias was written for this container, hashes considered.
bool alias_is_of_container(const Alias& alias, const std::string& container_id);
/// Whether an alias was too long to hold this key as it is: its link's name cannot be computed from it.
bool is_shortened(const Key& key);

/// The same address always has the same MAC, so that neighbours' caches stay true when an address is given again:
/// locally administered, 02:32 and the IPv4 address, or 06:32 and four octets of a hash of the IPv6 address.
netlink::MacAddress pod_mac(const std::vector<IpAddress>& addresses);

}  // namespace slash32::pod
