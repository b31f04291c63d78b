// Requests about network interfaces (rtnetlink RTM_*LINK, RTM_*NETCONF, RTM_*NEIGHTBL) and what they answer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/netlink/request.h"
#include "common/netlink/socket.h"
#include "common/netlink/types.h"

namespace slash32::netlink {

/// A veth pair made in one message: the host's end where the socket is, the other born in `peer_netns`.
struct VethPair {
  std::string name;
  MacAddress mac;
  std::string peer_name;
  MacAddress peer_mac;
  int peer_netns = -1;      // a descriptor
  Mtu mtu;                  // of both ends
  std::uint32_t group = 0;  // of the host's end
};

/// A setting of net.ipv4.conf by its number in linux/ip.h (IPV4_DEVCONF_*).
struct Ipv4Setting {
  int number = 0;
  std::uint32_t value = 0;
};

/// What a host's end is told once it exists: the kernel drops an alias and refuses per-link settings at creation.
struct HostEndSettings {
  IfIndex link;
  std::string alias;                // at most 255 bytes
  bool ipv6 = false;                // no generated link-local address: fe80::1 is set by hand
  std::vector<Ipv4Setting> more{};  // beside and instead of ours
};

/// Exclusive. Asks for an echo, which since Linux 6.2 carries the host end's index and the peer's (as Link::peer).
Request create_veth(const VethPair& pair);
/// Alias, and by AF_SPEC forwarding, proxy_arp, strict rp_filter and `more` of IPv4.
Request set_host_end(const HostEndSettings& settings);
/// Gives the link alternative names (Linux 5.5; EOPNOTSUPP before). EEXIST: a link of the namespace has one already.
Request add_names(IfIndex link, const std::vector<std::string>& names);
/// Takes alternative names from a link.
Request remove_names(IfIndex link, const std::vector<std::string>& names);
/// ARP answers for what proxy_arp covers go out at once.
Request set_proxy_delay_zero(IfIndex link);
Request set_link_up(IfIndex link);
Request set_link_mac(IfIndex link, const MacAddress& mac);
Request delete_link(IfIndex link);
Request get_link(std::string_view name);
Request get_link(IfIndex link);
/// Whether `forwarding` is on for all of a family (NETCONFA_IFINDEX_ALL); answered by parse_forwarding().
Request get_all_forwarding(AddressFamily family);

/// From an RTM_NEWLINK; nothing when it is another message.
std::optional<Link> parse_link(const Reply& reply);
/// From an RTM_NEWNETCONF.
std::optional<bool> parse_forwarding(const Reply& reply);

/// Per-link IPv4 settings as read back (IFLA_AF_SPEC), by the index of linux/ip.h; for CHECK.
struct Ipv4Settings {
  bool forwarding = false;
  bool proxy_arp = false;
  std::uint32_t rp_filter = 0;
  std::vector<std::uint32_t> values;  // all of them; the first has number 1
};
std::optional<Ipv4Settings> parse_ipv4_settings(const Reply& reply);

/// The link of that name or index, or nothing when there is none.
Result<std::optional<Link>> find_link(Socket& socket, std::string_view name);
Result<std::optional<Link>> find_link(Socket& socket, IfIndex link);
/// The other end of a veth, in whatever namespace. Nothing when it is gone, or where the kernel does not tell (before
/// Linux 4.20).
Result<std::optional<Link>> find_peer(Socket& socket, IfIndex link);
/// Every veth of the namespace.
Result<std::vector<Link>> list_veths(Socket& socket);

}  // namespace slash32::netlink
