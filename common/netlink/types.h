// What the kernel's routing netlink talks about, as values: links, addresses, routes, neighbours. No library's type.
// Numbers are those of rtnetlink(7); who owns which route is the design's table.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/strong.h"

namespace slash32::netlink {

/// rtm_protocol: who put a route there. Any value may come from the kernel.
enum class RouteProtocol : std::uint8_t {
  Unspecified = 0,
  Redirect = 1,
  Kernel = 2,
  Boot = 3,
  Static = 4,
  RouterAdvertisement = 9,
  Dhcp = 16,
  Slash32Pod = 132,        // pod /32 and /128 routes; owned by the plugin
  Slash32Aggregate = 133,  // blackholes for pod ranges; owned by bgpd
  Slash32Bgp = 134,        // routes learned by BGP; owned by bgpd
};

/// rtm_type.
enum class RouteType : std::uint8_t {
  Unspecified = 0,
  Unicast = 1,
  Local = 2,
  Broadcast = 3,
  Anycast = 4,
  Multicast = 5,
  Blackhole = 6,
  Unreachable = 7,
  Prohibit = 8,
};

/// rtm_scope and ifa_scope.
enum class Scope : std::uint8_t { Universe = 0, Site = 200, Link = 253, Host = 254, Nowhere = 255 };

// Metrics are explicit in both families: an IPv6 route without one gets 1024 and would lose to a learned route.
inline constexpr std::uint32_t kPodMetric = 64;
inline constexpr std::uint32_t kAggregateMetric = 128;
inline constexpr std::uint32_t kBgpMetric = 512;

inline constexpr TableId kMainTable{254};
inline constexpr TableId kLocalTable{255};

/// Six octets of an Ethernet address.
struct MacAddress {
  std::array<std::uint8_t, 6> octets{};
  auto operator<=>(const MacAddress&) const = default;

  /// "02:42:ac:11:00:02".
  std::string to_string() const {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const auto octet : octets) {
      if (!out.empty()) out += ':';
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    }
    return out;
  }
  /// Six pairs of hex digits with colons; nothing when it is anything else.
  static std::optional<MacAddress> parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
      const char* pair = text.data() + i * 3;
      const auto [end, ec] = std::from_chars(pair, pair + 2, mac.octets[i], 16);
      if (ec != std::errc{} || end != pair + 2 || (i < 5 && pair[2] != ':')) return std::nullopt;
    }
    return mac;
  }
};

/// A network interface as RTM_NEWLINK describes it.
struct Link {
  IfIndex index;
  std::string name;
  std::string alias;              // IFLA_IFALIAS
  std::string kind;               // "veth", "bridge", …; empty for hardware
  std::optional<MacAddress> mac;  // nothing when the link layer is not Ethernet-like
  Mtu mtu;
  bool up = false;       // administratively (IFF_UP)
  bool carrier = false;  // IFF_LOWER_UP
  bool loopback = false;
  IfIndex peer;             // IFLA_LINK: of a veth the other end's index, in its own namespace
  IfIndex master;           // bridge or bond it belongs to
  std::uint32_t group = 0;  // IFLA_GROUP
};

struct Address {
  IfIndex link;
  IpAddress address;  // the local one
  std::uint8_t prefix_length = 0;
  Scope scope = Scope::Universe;
  bool tentative = false;           // IPv6, duplicate detection under way
  bool duplicate = false;           // IPv6, duplicate detection failed
  bool secondary = false;           // IPv4 secondary; IPv6 temporary
  std::optional<IpAddress> peer{};  // IFA_ADDRESS where it differs: the far end of a point-to-point link
};

using NextHopId = Strong<struct NextHopIdTag, std::uint32_t>;  // a next-hop object's; 0: none

struct NextHop {
  std::optional<IpAddress> gateway;  // may be IPv6 for an IPv4 route (RTA_VIA)
  IfIndex link;
  std::uint16_t weight = 1;  // 1 to 256
  bool on_link = false;
  bool link_down = false;  // RTNH_F_LINKDOWN, as read
  bool dead = false;       // RTNH_F_DEAD, as read
  bool operator==(const NextHop&) const = default;
};

struct Route {
  Prefix destination;
  TableId table = kMainTable;
  RouteProtocol protocol = RouteProtocol::Unspecified;
  RouteType type = RouteType::Unicast;
  Scope scope = Scope::Universe;
  std::uint32_t metric = 0;                   // RTA_PRIORITY
  std::optional<IpAddress> preferred_source;  // RTA_PREFSRC
  std::vector<NextHop> next_hops;             // none for blackholes and their like
  std::uint8_t tos = 0;                       // part of the kernel's key; 0 in all of ours
  std::uint32_t mtu = 0;                      // RTAX_MTU; 0: the link's
  std::uint32_t advmss = 0;                   // RTAX_ADVMSS; 0: from the MTU
  NextHopId next_hop_object{};                // RTA_NH_ID: the object that `next_hops` come from; 0: none
  bool operator==(const Route&) const = default;
};

/// A member of a group, by its object.
struct GroupMember {
  NextHopId id;
  std::uint16_t weight = 1;  // 1 to 256
  bool operator==(const GroupMember&) const = default;
};

/// A next hop that routes may refer to (Linux 5.3, RTM_NEWNEXTHOP): a single one, or a group of such. What goes with
/// its link the kernel takes from every group without a word; a group without members goes, and its routes with it.
struct NextHopObject {
  NextHopId id;
  RouteProtocol protocol = RouteProtocol::Unspecified;  // whose it is
  std::optional<IpAddress> gateway{};                   // of a single one
  IfIndex link{};
  std::vector<GroupMember> members{};  // of a group
  /// A resilient group's (Linux 5.13), which has a table of so many places that its members share by weight; 0: a group
  /// that hashes over all its members.
  std::uint16_t buckets = 0;
  bool operator==(const NextHopObject&) const = default;
};

/// What the kernel tells of an entry of its neighbour tables (ARP, ND). Neither: nobody has answered yet.
struct NeighborEntry {
  IfIndex link;
  IpAddress address;
  bool failed = false;    // NUD_FAILED: it was asked for, and nobody answered
  bool answered = false;  // its link-layer address is known, from long ago perhaps, or the link needs none
  bool operator==(const NeighborEntry&) const = default;
};

struct Neighbor {
  IfIndex link;
  IpAddress address;
  std::optional<MacAddress> mac;
  bool permanent = false;
};

}  // namespace slash32::netlink
