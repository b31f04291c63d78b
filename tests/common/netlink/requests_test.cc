// Messages built by the request functions are read back attribute by attribute; no kernel is asked.
#include "common/netlink/request.h"

#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include "common/netlink/addressing.h"
#include "common/netlink/links.h"

namespace slash32::netlink {
namespace {

/// A finished request as what a reader would get.
struct Sent {
  nlmsghdr header{};
  Reply reply;
};

Sent sent(Request request) {
  const auto bytes = request.finish(7);
  Sent out;
  __builtin_memcpy(&out.header, bytes.data(), sizeof out.header);
  EXPECT_EQ(out.header.nlmsg_len, bytes.size());
  EXPECT_EQ(out.header.nlmsg_seq, 7U);
  out.reply.type = out.header.nlmsg_type;
  out.reply.payload.assign(bytes.begin() + sizeof(nlmsghdr), bytes.end());
  return out;
}

const IpAddress kV4 = IpAddress::parse("10.244.1.7").value();
const IpAddress kV6 = IpAddress::parse("fd00::7").value();

TEST(CreateVeth, NamesBothEndsAndPutsThePeerElsewhere) {
  const auto out = sent(create_veth({.name = "s32abc",
                                     .mac = {{1, 2, 3, 4, 5, 6}},
                                     .peer_name = "eth0",
                                     .peer_mac = {{7, 8, 9, 10, 11, 12}},
                                     .peer_netns = 42,
                                     .mtu = Mtu{1400}}));
  EXPECT_EQ(out.reply.type, RTM_NEWLINK);
  EXPECT_EQ(out.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  const auto host = out.reply.attributes(sizeof(ifinfomsg));
  EXPECT_EQ(host.text(IFLA_IFNAME), "s32abc");
  EXPECT_EQ(host.u32(IFLA_MTU), 1400U);
  EXPECT_EQ(host.get(IFLA_ADDRESS)[5], 6);
  const auto info = host.nest(IFLA_LINKINFO);
  EXPECT_EQ(info.text(IFLA_INFO_KIND), "veth");
  const auto peer_data = info.nest(IFLA_INFO_DATA).get(VETH_INFO_PEER);
  ASSERT_GT(peer_data.size(), sizeof(ifinfomsg));
  const Attributes peer(peer_data.subspan(sizeof(ifinfomsg)));
  EXPECT_EQ(peer.text(IFLA_IFNAME), "eth0");
  EXPECT_EQ(peer.u32(IFLA_NET_NS_FD), 42U);
  EXPECT_EQ(peer.get(IFLA_ADDRESS)[0], 7);
  EXPECT_EQ(peer.u32(IFLA_MTU), 1400U);
}

TEST(SetHostEnd, CarriesAliasAndPerLinkSettings) {
  const auto out = sent(set_host_end({.link = IfIndex{5}, .alias = "hello", .ipv6 = true}));
  EXPECT_EQ(out.reply.header<ifinfomsg>().ifi_index, 5);
  const auto attributes = out.reply.attributes(sizeof(ifinfomsg));
  EXPECT_EQ(attributes.text(IFLA_IFALIAS), "hello");
  const auto families = attributes.nest(IFLA_AF_SPEC);
  const auto conf = families.nest(AF_INET).nest(IFLA_INET_CONF);
  EXPECT_EQ(conf.u32(IPV4_DEVCONF_FORWARDING), 1U);
  EXPECT_EQ(conf.u32(IPV4_DEVCONF_PROXY_ARP), 1U);
  EXPECT_EQ(conf.u32(IPV4_DEVCONF_RP_FILTER), 1U);
  EXPECT_EQ(families.nest(AF_INET6).u8(IFLA_INET6_ADDR_GEN_MODE), IN6_ADDR_GEN_MODE_NONE);
  EXPECT_FALSE(sent(set_host_end({.link = IfIndex{5}, .alias = "", .ipv6 = false}))
                   .reply.attributes(sizeof(ifinfomsg))
                   .nest(IFLA_AF_SPEC)
                   .has(AF_INET6));
}

Route pod_route(const IpAddress& address) {
  return {
      .destination = Prefix::host(address),
      .protocol = RouteProtocol::Slash32Pod,
      .scope = address.is_v4() ? Scope::Link : Scope::Universe,
      .metric = kPodMetric,
      .preferred_source = address.is_v4() ? IpAddress::parse("10.0.0.1").value() : IpAddress::parse("fd01::1").value(),
      .next_hops = {{.gateway = {}, .link = IfIndex{9}}}};
}

TEST(AddRoute, IsExclusiveAndReadsBackAsItWasMeant) {
  for (const auto& address : {kV4, kV6}) {
    const auto out = sent(add_route(pod_route(address)));
    EXPECT_EQ(out.header.nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL), NLM_F_CREATE | NLM_F_EXCL);
    EXPECT_EQ(parse_route(out.reply), pod_route(address));
  }
}

TEST(DeleteRoute, CarriesTableProtocolMetricAndType) {
  auto route = pod_route(kV4);
  route.type = RouteType::Blackhole;
  route.table = TableId{1000};  // more than the header's octet holds
  route.next_hops.clear();
  const auto out = sent(delete_route(route));
  EXPECT_EQ(out.reply.type, RTM_DELROUTE);
  auto as_new = out.reply;
  as_new.type = RTM_NEWROUTE;
  EXPECT_EQ(parse_route(as_new), route);
}

TEST(AddRoute, SendsAnIpv6GatewayOfAnIpv4RouteAsVia) {
  auto route = pod_route(kV4);
  route.next_hops = {{.gateway = kV6, .link = IfIndex{9}, .on_link = true}};
  EXPECT_EQ(parse_route(sent(add_route(route)).reply), route);
}

TEST(AddAddress, SkipsDuplicateDetectionForIpv6Only) {
  const auto flags = [](const IpAddress& address) {
    const auto out = sent(add_address({.link = IfIndex{3}, .address = address, .prefix_length = address.bits()}));
    const auto read = parse_address(out.reply);
    EXPECT_EQ(read->address, address);
    EXPECT_EQ(read->prefix_length, address.bits());
    return out.reply.header<ifaddrmsg>().ifa_flags;
  };
  EXPECT_EQ(flags(kV4), 0);
  EXPECT_EQ(flags(kV6), IFA_F_NODAD);
}

TEST(SetNeighbor, IsPermanent) {
  const auto out = sent(set_neighbor({.link = IfIndex{3}, .address = kV6, .mac = MacAddress{{1, 2, 3, 4, 5, 6}}}));
  const auto read = parse_neighbor(out.reply);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->permanent);
  EXPECT_EQ(read->address, kV6);
  EXPECT_EQ(read->mac->to_string(), "01:02:03:04:05:06");
}

// Whatever a kernel (or a bug) sends: every truncation and every changed byte is read without touching what is not
// there.
TEST(Parsers, SurviveEveryTruncationAndEveryChangedByte) {
  auto whole = sent(add_route(pod_route(kV6))).reply;
  for (const std::uint16_t type : {RTM_NEWROUTE, RTM_NEWLINK, RTM_NEWADDR, RTM_NEWNEIGH, RTM_NEWNETCONF}) {
    const auto parse_all = [type](Reply reply) {
      reply.type = type;
      (void)parse_route(reply);
      (void)parse_link(reply);
      (void)parse_address(reply);
      (void)parse_neighbor(reply);
      (void)parse_forwarding(reply);
      (void)parse_ipv4_settings(reply);
    };
    for (std::size_t size = 0; size <= whole.payload.size(); ++size) {
      auto cut = whole;
      cut.payload.resize(size);
      parse_all(std::move(cut));
    }
    for (std::size_t at = 0; at < whole.payload.size(); ++at) {
      for (const int value : {0, 1, 4, 0x7f, 0x80, 0xff}) {
        auto changed = whole;
        changed.payload[at] = static_cast<std::uint8_t>(value);
        parse_all(std::move(changed));
      }
    }
  }
}

TEST(MacAddress, ReadsWhatItWrites) {
  const MacAddress mac{{0, 0x1a, 0xff, 3, 4, 0x50}};
  EXPECT_EQ(mac.to_string(), "00:1a:ff:03:04:50");
  EXPECT_EQ(MacAddress::parse(mac.to_string()), mac);
  for (const auto* text :
       {"", "00:1a:ff:03:04", "00:1a:ff:03:04:5", "00:1a:ff:03:04:5g", "00-1a-ff-03-04-50", "00:1a:ff:03:04:50:"})
    EXPECT_FALSE(MacAddress::parse(text)) << text;
}

}  // namespace
}  // namespace slash32::netlink
