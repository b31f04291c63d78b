#include "common/netlink/links.h"

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace slash32::netlink {
namespace {

constexpr std::uint16_t kAck = NLM_F_ACK;
constexpr std::uint32_t kRpFilterStrict = 1;  // RFC 3704 section 2.2

ifinfomsg link_header(IfIndex link) {
  ifinfomsg header{};
  header.ifi_index = link.value;
  return header;
}

std::string numbered(const std::string& what, IfIndex link) { return what + " of link " + std::to_string(link.value); }

/// One of the 1-based settings of linux/ip.h, inside IFLA_INET_CONF.
void put_ipv4_setting(Request& request, int setting, std::uint32_t value) { request.put_u32(setting, value); }

void put_names(Request& request, const std::vector<std::string>& names) {
  request.open(IFLA_PROP_LIST);
  for (const auto& name : names) request.put_text(IFLA_ALT_IFNAME, name);
  request.close();
}

Result<std::optional<Link>> find(Socket& socket, Request request) {
  const std::string what = request.what();
  const auto answer = TRY(socket.ask(std::move(request)));
  if (answer.error == ENODEV) return std::optional<Link>{};
  if (answer.error != 0) return fail(refusal(what, answer));
  for (const auto& reply : answer.replies)
    if (auto link = parse_link(reply)) return link;
  return fail(5, what + ": the kernel acknowledged but sent no link");
}

}  // namespace

Request create_veth(const VethPair& pair) {
  Request request("create veth " + pair.name + " with peer " + pair.peer_name, RTM_NEWLINK,
                  kAck | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, ifinfomsg{});
  request.put_text(IFLA_IFNAME, pair.name);
  request.put(IFLA_ADDRESS, pair.mac.octets);
  request.put_u32(IFLA_MTU, pair.mtu.value);
  if (pair.group != 0) request.put_u32(IFLA_GROUP, pair.group);
  request.open(IFLA_LINKINFO);
  request.put_text(IFLA_INFO_KIND, "veth");
  request.open(IFLA_INFO_DATA);
  request.open(VETH_INFO_PEER);
  request.put_struct(ifinfomsg{});
  request.put_text(IFLA_IFNAME, pair.peer_name);
  request.put(IFLA_ADDRESS, pair.peer_mac.octets);
  request.put_u32(IFLA_MTU, pair.mtu.value);
  request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(pair.peer_netns));
  request.close();
  request.close();
  request.close();
  return request;
}

Request set_host_end(const HostEndSettings& settings) {
  Request request(numbered("set alias and addressing rules", settings.link), RTM_SETLINK, kAck,
                  link_header(settings.link));
  request.put_text(IFLA_IFALIAS, settings.alias);
  request.open(IFLA_AF_SPEC);
  request.open(AF_INET);
  request.open(IFLA_INET_CONF);
  put_ipv4_setting(request, IPV4_DEVCONF_FORWARDING, 1);
  put_ipv4_setting(request, IPV4_DEVCONF_PROXY_ARP, 1);
  put_ipv4_setting(request, IPV4_DEVCONF_RP_FILTER, kRpFilterStrict);
  for (const auto& [number, value] : settings.more) put_ipv4_setting(request, number, value);  // the last one counts
  request.close();
  request.close();
  if (settings.ipv6) {
    request.open(AF_INET6);
    request.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    request.close();
  }
  request.close();
  return request;
}

Request add_names(IfIndex link, const std::vector<std::string>& names) {
  Request request(numbered("set alternative names", link), RTM_NEWLINKPROP,
                  kAck | NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, link_header(link));
  put_names(request, names);
  return request;
}

Request remove_names(IfIndex link, const std::vector<std::string>& names) {
  Request request(numbered("remove alternative names", link), RTM_DELLINKPROP, kAck, link_header(link));
  put_names(request, names);
  return request;
}

Request set_proxy_delay_zero(IfIndex link) {
  ndtmsg header{};
  header.ndtm_family = AF_INET;
  Request request(numbered("set proxy_delay", link), RTM_SETNEIGHTBL, kAck, header);
  request.put_text(NDTA_NAME, "arp_cache");
  request.open(NDTA_PARMS);
  request.put_u32(NDTPA_IFINDEX, static_cast<std::uint32_t>(link.value));
  const std::array<std::uint8_t, 8> zero{};  // milliseconds, 64 bits
  request.put(NDTPA_PROXY_DELAY, zero);
  request.close();
  return request;
}

Request set_link_up(IfIndex link) {
  auto header = link_header(link);
  header.ifi_flags = header.ifi_change = IFF_UP;
  return {numbered("set the state", link), RTM_SETLINK, kAck, header};
}

Request set_link_mac(IfIndex link, const MacAddress& mac) {
  Request request(numbered("set the MAC", link), RTM_SETLINK, kAck, link_header(link));
  request.put(IFLA_ADDRESS, mac.octets);
  return request;
}

Request delete_link(IfIndex link) { return {numbered("remove", link), RTM_DELLINK, kAck, link_header(link)}; }

Request get_link(std::string_view name) {
  Request request("look up link " + std::string(name), RTM_GETLINK, kAck, ifinfomsg{});
  request.put_text(IFLA_IFNAME, name);
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return request;
}

Request get_link(IfIndex link) {
  Request request(numbered("look up the state", link), RTM_GETLINK, kAck, link_header(link));
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return request;
}

Request get_all_forwarding(AddressFamily family) {
  netconfmsg header{};
  header.ncm_family = family == AddressFamily::IPv4 ? AF_INET : AF_INET6;
  Request request("look up " + std::string(to_string(family)) + " forwarding", RTM_GETNETCONF, kAck, header);
  request.put_u32(NETCONFA_IFINDEX, static_cast<std::uint32_t>(NETCONFA_IFINDEX_ALL));
  return request;
}

std::optional<Link> parse_link(const Reply& reply) {
  if (reply.type != RTM_NEWLINK) return std::nullopt;
  const auto header = reply.header<ifinfomsg>();
  const auto attributes = reply.attributes(sizeof header);
  Link link;
  link.index = IfIndex{header.ifi_index};
  link.name = attributes.text(IFLA_IFNAME);
  link.alias = attributes.text(IFLA_IFALIAS);
  link.kind = attributes.nest(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  if (const auto mac = attributes.get(IFLA_ADDRESS); mac.size() == 6) {
    link.mac.emplace();
    std::memcpy(link.mac->octets.data(), mac.data(), 6);
  }
  link.mtu = Mtu{attributes.u32(IFLA_MTU)};
  link.up = (header.ifi_flags & IFF_UP) != 0;
  link.carrier = (header.ifi_flags & 1U << 16) != 0;  // IFF_LOWER_UP, which <net/if.h> does not have
  link.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  link.peer = IfIndex{static_cast<int>(attributes.u32(IFLA_LINK))};
  link.master = IfIndex{static_cast<int>(attributes.u32(IFLA_MASTER))};
  link.group = attributes.u32(IFLA_GROUP);
  return link;
}

std::optional<bool> parse_forwarding(const Reply& reply) {
  if (reply.type != RTM_NEWNETCONF) return std::nullopt;
  const auto attributes = reply.attributes(sizeof(netconfmsg));
  if (!attributes.has(NETCONFA_FORWARDING)) return std::nullopt;
  return attributes.u32(NETCONFA_FORWARDING) != 0;
}

std::optional<Ipv4Settings> parse_ipv4_settings(const Reply& reply) {
  if (reply.type != RTM_NEWLINK) return std::nullopt;
  const auto conf = reply.attributes(sizeof(ifinfomsg)).nest(IFLA_AF_SPEC).nest(AF_INET).get(IFLA_INET_CONF);
  if (conf.empty()) return std::nullopt;
  std::vector<std::uint32_t> values(conf.size() / sizeof(std::uint32_t));
  std::memcpy(values.data(), conf.data(), values.size() * sizeof(std::uint32_t));
  const auto setting = [&](std::size_t number) { return number <= values.size() ? values[number - 1] : 0U; };
  return Ipv4Settings{.forwarding = setting(IPV4_DEVCONF_FORWARDING) != 0,
                      .proxy_arp = setting(IPV4_DEVCONF_PROXY_ARP) != 0,
                      .rp_filter = setting(IPV4_DEVCONF_RP_FILTER),
                      .values = values};
}

Result<std::optional<Link>> find_link(Socket& socket, std::string_view name) { return find(socket, get_link(name)); }

Result<std::optional<Link>> find_link(Socket& socket, IfIndex link) { return find(socket, get_link(link)); }

Result<std::optional<Link>> find_peer(Socket& socket, IfIndex link) {
  const auto answer = TRY(socket.ask(get_link(link)));
  for (const auto& reply : answer.replies) {
    const auto own = parse_link(reply);
    if (!own || own->peer.value == 0) continue;
    auto request = get_link(own->peer);
    // The number the kernel has given the peer's namespace in ours; none: it is ours.
    const auto attributes = reply.attributes(sizeof(ifinfomsg));
    if (attributes.has(IFLA_LINK_NETNSID)) request.put_u32(IFLA_TARGET_NETNSID, attributes.u32(IFLA_LINK_NETNSID));
    const auto peer = TRY(socket.ask(std::move(request)));
    for (const auto& other : peer.replies)
      if (auto found = parse_link(other)) return found;
  }
  return std::optional<Link>{};
}

Result<std::vector<Link>> list_veths(Socket& socket) {
  std::vector<Link> links;
  const auto make = [] {
    Request request("list veth links", RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
    request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    request.open(IFLA_LINKINFO);  // the kernel filters by kind
    request.put_text(IFLA_INFO_KIND, "veth");
    request.close();
    return request;
  };
  TRY(socket.dump(
      make, [&] { links.clear(); },
      [&](const Reply& reply) {
        auto link = parse_link(reply);
        if (link && link->kind == "veth") links.push_back(std::move(*link));
      }));
  return links;
}

}  // namespace slash32::netlink
