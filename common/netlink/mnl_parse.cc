#include "common/netlink/mnl_parse.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace slash32::netlink {
namespace {

/// The attributes of one message by number; the first `kMax` are enough for what is read here.
class Table {
 public:
  /// The attributes behind a message's fixed part of `header` bytes.
  Table(const nlmsghdr& message, std::size_t header)
      : Table(mnl_nlmsg_get_payload_offset(&message, header),
              mnl_nlmsg_get_payload_len(&message) - std::min(mnl_nlmsg_get_payload_len(&message), MNL_ALIGN(header))) {}
  Table(const void* payload, std::size_t length) {
    const auto* attribute = static_cast<const nlattr*>(payload);
    for (int left = static_cast<int>(length); mnl_attr_ok(attribute, left); attribute = mnl_attr_next(attribute)) {
      keep(attribute);
      left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    }
  }

  std::span<const std::uint8_t> bytes(std::uint16_t type) const {
    const nlattr* attribute = found_[type];
    if (attribute == nullptr) return {};
    return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
  }
  const nlattr* attribute(std::uint16_t type) const { return found_[type]; }
  std::optional<std::uint32_t> u32(std::uint16_t type) const {
    std::uint32_t value = 0;
    const auto data = bytes(type);
    if (data.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
  }
  std::string text(std::uint16_t type) const {
    const auto data = bytes(type);
    const auto* begin = reinterpret_cast<const char*>(data.data());
    return {begin, data.empty() ? 0 : ::strnlen(begin, data.size())};
  }
  /// An address of 4 or 16 bytes; nothing when it is absent or of another length.
  std::optional<IpAddress> address(std::uint16_t type) const { return to_address(bytes(type)); }

  static std::optional<IpAddress> to_address(std::span<const std::uint8_t> data) {
    std::array<std::uint8_t, 16> octets{};
    if (data.size() == 4)
      return IpAddress::v4(std::uint32_t{data[0]} << 24 | std::uint32_t{data[1]} << 16 | std::uint32_t{data[2]} << 8 |
                           data[3]);
    if (data.size() != octets.size()) return std::nullopt;
    std::ranges::copy(data, octets.begin());
    return IpAddress::v6(octets);
  }

 private:
  static constexpr std::uint16_t kMax = 40;
  void keep(const nlattr* attribute) {
    if (const auto type = mnl_attr_get_type(attribute); type < kMax) found_[type] = attribute;
  }
  std::array<const nlattr*, kMax> found_{};
};

template <class Header>
const Header* header_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

std::optional<IpAddress> gateway_of(const Table& attributes) {
  if (const auto gateway = attributes.address(RTA_GATEWAY)) return gateway;
  const auto via = attributes.bytes(RTA_VIA);  // an address of the other family: rtvia
  if (via.size() <= sizeof(rtvia)) return std::nullopt;
  return Table::to_address(via.subspan(sizeof(rtvia)));
}

void put_flags(NextHop& hop, unsigned flags) {
  hop.on_link = (flags & RTNH_F_ONLINK) != 0;
  hop.link_down = (flags & RTNH_F_LINKDOWN) != 0;
  hop.dead = (flags & RTNH_F_DEAD) != 0;
}

void read_multipath(const nlattr* nest, std::vector<NextHop>& out) {
  const auto* at = static_cast<const std::uint8_t*>(mnl_attr_get_payload(nest));
  std::size_t left = mnl_attr_get_payload_len(nest);
  while (left >= sizeof(rtnexthop)) {
    rtnexthop hop{};
    std::memcpy(&hop, at, sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) return;
    const Table attributes(at + sizeof hop, hop.rtnh_len - sizeof hop);
    NextHop& added = out.emplace_back();
    added.gateway = gateway_of(attributes);
    added.link = IfIndex{hop.rtnh_ifindex};
    added.weight = static_cast<std::uint16_t>(hop.rtnh_hops + 1);  // the kernel counts from 0
    put_flags(added, hop.rtnh_flags);
    const std::size_t step = std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), left);
    at += step;
    left -= step;
  }
}

void read_next_hops(const Table& attributes, unsigned flags, std::vector<NextHop>& out) {
  out.clear();
  if (const nlattr* nest = attributes.attribute(RTA_MULTIPATH)) return read_multipath(nest, out);
  const auto oif = attributes.u32(RTA_OIF);
  const auto gateway = gateway_of(attributes);
  if (!oif && !gateway) return;
  NextHop& hop = out.emplace_back();
  hop.gateway = gateway;
  hop.link = IfIndex{static_cast<int>(oif.value_or(0))};
  put_flags(hop, flags);
}

bool is_reject(RouteType type) {
  return type == RouteType::Blackhole || type == RouteType::Unreachable || type == RouteType::Prohibit;
}

}  // namespace

bool read_link(const nlmsghdr& message, Link& out) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr || header->ifi_family != AF_UNSPEC) return false;
  const Table attributes(message, sizeof *header);
  out = Link{};
  out.index = IfIndex{header->ifi_index};
  out.name = attributes.text(IFLA_IFNAME);
  out.alias = attributes.text(IFLA_IFALIAS);
  if (const nlattr* info = attributes.attribute(IFLA_LINKINFO))
    out.kind = Table(mnl_attr_get_payload(info), mnl_attr_get_payload_len(info)).text(IFLA_INFO_KIND);
  if (const auto mac = attributes.bytes(IFLA_ADDRESS); mac.size() == 6)
    std::ranges::copy(mac, out.mac.emplace().octets.begin());
  out.mtu = Mtu{attributes.u32(IFLA_MTU).value_or(0)};
  out.up = (header->ifi_flags & IFF_UP) != 0;
  out.carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
  out.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  out.peer = IfIndex{static_cast<int>(attributes.u32(IFLA_LINK).value_or(0))};
  out.master = IfIndex{static_cast<int>(attributes.u32(IFLA_MASTER).value_or(0))};
  return true;
}

bool read_address(const nlmsghdr& message, Address& out) {
  const auto* header = header_of<ifaddrmsg>(message);
  if (header == nullptr || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)) return false;
  const Table attributes(message, sizeof *header);
  const auto far = attributes.address(IFA_ADDRESS);  // the far end of a point-to-point link, else the address itself
  const auto local = attributes.address(IFA_LOCAL);
  if (!far && !local) return false;
  out = Address{};
  out.link = IfIndex{static_cast<int>(header->ifa_index)};
  out.address = local ? *local : *far;
  out.prefix_length = std::min(header->ifa_prefixlen, out.address.bits());
  out.scope = static_cast<Scope>(header->ifa_scope);
  const std::uint32_t flags = attributes.u32(IFA_FLAGS).value_or(header->ifa_flags);
  out.tentative = (flags & IFA_F_TENTATIVE) != 0;
  out.duplicate = (flags & IFA_F_DADFAILED) != 0;
  out.secondary = (flags & IFA_F_SECONDARY) != 0;
  if (far && far->family() == out.address.family() && *far != out.address) out.peer = far;
  return true;
}

bool read_neighbor(const nlmsghdr& message, NeighborEntry& out) {
  constexpr unsigned kAnswered = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6)) return false;
  if ((header->ndm_flags & NTF_PROXY) != 0) return false;
  const Table attributes(message, sizeof *header);
  const auto address = attributes.address(NDA_DST);
  if (!address) return false;
  out.link = IfIndex{header->ndm_ifindex};
  out.address = *address;
  out.failed = (header->ndm_state & NUD_FAILED) != 0;
  out.answered = (header->ndm_state & kAnswered) != 0;
  return true;
}

bool read_route(const nlmsghdr& message, Route& out) {
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)) return false;
  if ((header->rtm_flags & RTM_F_CLONED) != 0) return false;
  const Table attributes(message, sizeof *header);
  const IpAddress any = header->rtm_family == AF_INET ? IpAddress::v4(0) : IpAddress::v6({});
  const IpAddress destination = attributes.address(RTA_DST).value_or(any);
  if (destination.family() != any.family() || header->rtm_dst_len > any.bits()) return false;
  out.destination = Prefix(destination, header->rtm_dst_len);
  out.table = TableId{attributes.u32(RTA_TABLE).value_or(header->rtm_table)};
  out.protocol = static_cast<RouteProtocol>(header->rtm_protocol);
  out.type = static_cast<RouteType>(header->rtm_type);
  out.scope = static_cast<Scope>(header->rtm_scope);
  out.tos = header->rtm_tos;
  out.metric = attributes.u32(RTA_PRIORITY).value_or(0);
  out.preferred_source = attributes.address(RTA_PREFSRC);
  out.next_hop_object = NextHopId{attributes.u32(RTA_NH_ID).value_or(0)};
  out.next_hops.clear();
  // IPv6 shows "dev lo" at its blackholes: they have no next hop all the same.
  if (!is_reject(out.type)) read_next_hops(attributes, header->rtm_flags, out.next_hops);
  return true;
}

bool read_object(const nlmsghdr& message, NextHopObject& out) {
  const auto* header = header_of<nhmsg>(message);
  if (header == nullptr) return false;
  const Table attributes(message, sizeof *header);
  out = NextHopObject{};
  out.id = NextHopId{attributes.u32(NHA_ID).value_or(0)};
  out.protocol = static_cast<RouteProtocol>(header->nh_protocol);
  out.gateway = attributes.address(NHA_GATEWAY);
  out.link = IfIndex{static_cast<int>(attributes.u32(NHA_OIF).value_or(0))};
  for (auto group = attributes.bytes(NHA_GROUP); group.size() >= sizeof(nexthop_grp);
       group = group.subspan(sizeof(nexthop_grp))) {
    nexthop_grp member{};
    std::memcpy(&member, group.data(), sizeof member);
    out.members.push_back({NextHopId{member.id}, static_cast<std::uint16_t>(member.weight + 1)});
  }
  if (const nlattr* table = attributes.attribute(NHA_RES_GROUP)) {
    const auto buckets =
        Table(mnl_attr_get_payload(table), mnl_attr_get_payload_len(table)).bytes(NHA_RES_GROUP_BUCKETS);
    if (buckets.size() >= sizeof out.buckets) std::memcpy(&out.buckets, buckets.data(), sizeof out.buckets);
  }
  return out.id != NextHopId{};
}

}  // namespace slash32::netlink
