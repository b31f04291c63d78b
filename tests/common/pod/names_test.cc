#include "common/pod/names.h"

#include <gtest/gtest.h>

#include <set>

namespace slash32::pod {
namespace {

const Key kKey{.network = "k8s", .container_id = "c0ffee", .ifname = "eth0"};
const IpAddress kV4 = IpAddress::parse("10.244.1.7").value();
const IpAddress kV6 = IpAddress::parse("fd00:10:244:1::7").value();

TEST(HostIfname, IsFifteenBytesOfPrefixAndHash) {
  const auto name = host_ifname(kKey);
  EXPECT_EQ(name.size(), 15U);  // IFNAMSIZ - 1
  EXPECT_TRUE(name.starts_with("s32"));
  EXPECT_TRUE(is_host_ifname(name));
  EXPECT_EQ(name, host_ifname(kKey));
}

TEST(HostIfname, DiffersWhenAnyPartOfTheKeyDoes) {
  const std::set<std::string> names = {host_ifname(kKey), host_ifname({"k8t", "c0ffee", "eth0"}),
                                       host_ifname({"k8s", "c0ffef", "eth0"}), host_ifname({"k8s", "c0ffee", "eth1"}),
                                       // the parts do not run into each other
                                       host_ifname({"k8sc", "0ffee", "eth0"}), host_ifname({"k8s", "c0ffeee", "th0"})};
  EXPECT_EQ(names.size(), 6U);
}

TEST(HostIfname, IsToldFromOtherNames) {
  for (const auto* name : {"s32", "s32foreign", "s320123456789a", "s320123456789ABC", "eth0", "s320123456789abcd"})
    EXPECT_FALSE(is_host_ifname(name)) << name;
}

TEST(AddressName, IsTheIpv4AddressInHexOrAHashAndFitsWhereNamesDo) {
  EXPECT_EQ(address_name(*IpAddress::parse("10.244.1.7")), "s32-0af40107");
  const auto six = address_name(*IpAddress::parse("fd00:10:244:1::7"));
  EXPECT_EQ(six.size(), 15U);
  EXPECT_TRUE(six.starts_with("s32-"));
  EXPECT_NE(six, address_name(*IpAddress::parse("fd00:10:244:1::8")));
}

TEST(AddressName, IsNoHostEndsName) {
  EXPECT_FALSE(is_host_ifname(address_name(*IpAddress::parse("10.244.1.7"))));
  EXPECT_FALSE(is_host_ifname(address_name(*IpAddress::parse("fd00::1"))));
}

TEST(Alias, CarriesTheKeyAndBothAddresses) {
  EXPECT_EQ(format_alias(kKey, {kV4, kV6}), "s32:1:k8s:c0ffee:eth0:10.244.1.7:fd00:10:244:1::7");
  EXPECT_EQ(format_alias(kKey, {kV4}), "s32:1:k8s:c0ffee:eth0:10.244.1.7:");
  EXPECT_EQ(format_alias(kKey, {kV6}), "s32:1:k8s:c0ffee:eth0::fd00:10:244:1::7");
}

TEST(Alias, ReadsBackWhatItWrote) {
  for (const auto& addresses : std::vector<std::vector<IpAddress>>{{}, {kV4}, {kV6}, {kV4, kV6}}) {
    const auto alias = parse_alias(format_alias(kKey, addresses));
    ASSERT_TRUE(alias);
    EXPECT_EQ(alias->key, kKey);
    EXPECT_EQ(alias->addresses, addresses);
    EXPECT_TRUE(alias_is_of(*alias, kKey));
  }
}

TEST(Alias, HashesWhatWouldNotFitAndStillKnowsItsKey) {
  const auto longest = IpAddress::parse("fd00:1111:2222:3333:4444:5555:6666:7777").value();
  for (const std::size_t network : {3U, 100U, 200U, 400U}) {
    for (const std::size_t container : {64U, 150U, 300U}) {
      const Key key{std::string(network, 'n'), std::string(container, 'c'), "fifteen-bytes-x"};
      const auto text = format_alias(key, {kV4, longest});
      ASSERT_LE(text.size(), kMaxAlias) << network << " " << container;
      const auto alias = parse_alias(text);
      ASSERT_TRUE(alias);
      EXPECT_TRUE(alias_is_of(*alias, key));
      EXPECT_TRUE(alias_is_of_network(*alias, key.network));
      EXPECT_TRUE(alias_is_of_container(*alias, key.container_id));
      EXPECT_EQ(is_shortened(alias->key), alias->key != key);
      EXPECT_FALSE(alias_is_of(*alias, {key.network, key.container_id + "d", key.ifname}));
      EXPECT_FALSE(alias_is_of(*alias, {key.network + "m", key.container_id, key.ifname}));
      EXPECT_EQ(alias->addresses, (std::vector{kV4, longest}));
    }
  }
}

TEST(Alias, OfOthersIsNotOurs) {
  for (const auto* text : {"", "s32", "s32:1:", "s32:1:a:b:c", "s32:1:a:b:c:d:e", "s32:1:a:b:eth0:10.0.0.1",
                           "s32:2:a:b:eth0:10.0.0.1:", "hello", "s32:1:a:b:eth0:10.0.0.256:"})
    EXPECT_FALSE(parse_alias(text)) << text;
}

TEST(PodMac, IsTheAddresssAndLocallyAdministered) {
  EXPECT_EQ(pod_mac({kV4, kV6}).to_string(), "02:32:0a:f4:01:07");
  EXPECT_EQ(pod_mac({kV4}), pod_mac({kV4, kV6}));
  const auto v6 = pod_mac({kV6});
  EXPECT_EQ(v6, pod_mac({kV6}));
  EXPECT_EQ(v6.octets[0] & 3, 2);  // not a group address, locally administered
}

}  // namespace
}  // namespace slash32::pod
