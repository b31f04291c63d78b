// Our own resources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/model/bgp.h"
#include "agent/model/ip_pool.h"
#include "agent/model/neighbor_settings.h"

namespace slash32::agent::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json resource(const char* spec) { return {{"metadata", {{"name", "x"}}}, {"spec", json::parse(spec)}}; }
std::string complaint(const auto& result) { return result ? "" : result.error().message; }

TEST(BgpConfiguration, HasItsDefaultsWithoutASpec) {
  const auto conf = read_bgp_configuration({{"metadata", {{"name", "default"}}}});
  ASSERT_TRUE(conf) << conf.error().message;
  BgpConfiguration expected;
  expected.meta.key.name = "default";
  EXPECT_EQ(*conf, expected);
}

TEST(BgpConfiguration, AsTheApiServerFillsItInIsTheSame) {
  const auto conf = read_bgp_configuration(resource(R"({
    "localAs": 64512, "logLevel": "info", "masquerade": {"enabled": true, "exemptNodes": true},
    "mesh": {"enabled": true}, "pods": {"advertiseCIDRs": true, "routes": "outside-aggregates"},
    "services": {"advertiseClusterIPs": false, "advertiseExternalIPs": false, "advertiseLoadBalancerIPs": true,
                 "unusedAddresses": "Drop", "withdrawWithoutEndpoints": true}})"));
  ASSERT_TRUE(conf) << conf.error().message;
  BgpConfiguration expected;
  expected.meta.key.name = "x";
  EXPECT_EQ(*conf, expected);
}

TEST(BgpConfiguration, TakesEveryField) {
  const auto conf = read_bgp_configuration(resource(R"({
    "localAs": 4200000001, "listenPort": 1790, "logLevel": "warn", "metricsAddress": "127.0.0.1:9179",
    "mesh": {"enabled": false, "holdTime": 30, "bfd": {"enabled": true, "minTx": 100},
             "passwordSecret": {"name": "mesh"}},
    "reflectors": {"nodeSelector": {"matchLabels": {"rr": ""}}, "clusterId": "10.0.0.1"},
    "neighborDefaults": {"gracefulRestart": {"restartTime": 60}},
    "kernel": {"metric": 600, "sourceNodeAddress": true, "table": 7},
    "communities": {"rack": "65000:7", "quiet": "no-export"},
    "pods": {"advertiseCIDRs": false, "routes": "all", "ranges": ["10.244.0.0/16"]},
    "masquerade": {"enabled": false, "exemptNodes": false, "exempt": ["172.16.0.0/12"]},
    "services": {"clusterIPRanges": ["10.96.0.0/12"], "unusedAddresses": "Blackhole", "aggregationLength": 24},
    "someday": {"x": 1}})"));
  ASSERT_TRUE(conf) << conf.error().message;
  EXPECT_EQ(conf->mesh.settings, json::parse(R"({"holdTime": 30, "bfd": {"minTx": 100}})"));
  EXPECT_EQ(conf->mesh.password->key, "password");
  EXPECT_EQ(conf->reflectors->cluster_id, RouterId{0x0a000001});
  EXPECT_EQ(conf->kernel, json::parse(R"({"metric": 600})"));  // the table is not to be changed from here
  EXPECT_EQ(conf->communities.at("quiet"), "no-export");
  EXPECT_EQ(conf->services.unused, UnusedAddresses::Blackhole);
  EXPECT_EQ(conf->services.aggregation4, 24);
}

TEST(BgpConfiguration, NamesThePlaceOfAMistake) {
  const auto say = [](const char* spec) { return complaint(read_bgp_configuration(resource(spec))); };
  EXPECT_THAT(say(R"({"localAs": 23456})"), HasSubstr("/spec/localAs: 23456 is AS_TRANS"));
  EXPECT_THAT(say(R"({"mesh": {"holdTime": 2}})"), HasSubstr("/spec/mesh/holdTime: must be 0 or at least 3"));
  EXPECT_THAT(say(R"({"neighborDefaults": {"bfd": {"minTx": 1}}})"), HasSubstr("/spec/neighborDefaults/bfd/minTx: "));
  EXPECT_THAT(say(R"({"pods": {"ranges": ["10.0.0.1/8"]}})"), HasSubstr("/spec/pods/ranges/0: "));
  EXPECT_THAT(say(R"({"communities": {"a": "x:y"}})"), HasSubstr("/spec/communities/a: "));
  EXPECT_THAT(say(R"({"services": []})"), HasSubstr("/spec/services: must be an object"));
}

TEST(BgpPeer, KeepsBgpdsSettingsAsTheyAre) {
  const auto peer = read_bgp_peer(resource(R"({
    "address": "10.0.0.254", "remoteAs": "external", "holdTime": 9, "addPath": {"send": "all"}, "role": "customer",
    "bfd": {"enabled": false, "minTx": 300}, "maxPrefixes": {"in": 10, "newer": 1}, "unheardOf": true,
    "passwordSecret": {"name": "tor", "key": "md5"}, "importFilters": ["a"], "sourceAddress": "NodeAddress"})"));
  ASSERT_TRUE(peer) << peer.error().message;
  EXPECT_EQ(peer->settings, json::parse(R"({"remoteAs": "external", "holdTime": 9, "addPath": {"send": "all"},
    "role": "customer", "bfd": false, "maxPrefixes": {"in": 10}})"));
  EXPECT_EQ(peer->password, (SecretRef{"tor", "md5"}));
  EXPECT_TRUE(peer->source_node_address);
  EXPECT_THAT(peer->import_filters, ElementsAre("a"));
}

TEST(BgpPeer, HasKeysOfTcpAoInSecrets) {
  const auto peer = read_bgp_peer(resource(R"({"address": "10.0.0.254", "remoteAs": 1, "tcpAo": {"keys": [
    {"id": 3, "secret": {"name": "tor", "key": "new"}, "newer": 1},
    {"sendId": 1, "receiveId": 2, "algorithm": "aes-128-cmac-96", "secret": {"name": "tor"}}]}})"));
  ASSERT_TRUE(peer) << peer.error().message;
  ASSERT_EQ(peer->tcp_ao.size(), 2U);
  EXPECT_EQ(peer->tcp_ao[0], (TcpAoKey{json::parse(R"({"id": 3})"), {"tor", "new"}}));
  EXPECT_EQ(peer->tcp_ao[1], (TcpAoKey{json::parse(R"({"sendId": 1, "receiveId": 2, "algorithm": "aes-128-cmac-96"})"),
                                       {"tor", "password"}}));
  EXPECT_FALSE(peer->settings.contains("tcpAo")) << "the plan's to write";
}

TEST(BgpPeer, NamesThePlaceOfAMistake) {
  const auto say = [](const char* spec) { return complaint(read_bgp_peer(resource(spec))); };
  EXPECT_EQ(say(R"({"address": "10.0.0.1"})"), "/spec/remoteAs: is missing");
  EXPECT_EQ(say(R"({"remoteAs": 1})"), "/spec: needs exactly one of address, interface, defaultGateway, peerSelector");
  EXPECT_THAT(say(R"({"address": "224.0.0.1", "remoteAs": 1})"), HasSubstr("/spec/address: must be a unicast"));
  EXPECT_THAT(say(R"({"address": "10.0.0.1", "remoteAs": "boss"})"), HasSubstr("/spec/remoteAs: must be one of"));
  EXPECT_THAT(say(R"({"address": "10.0.0.1", "remoteAs": 1, "families": []})"), HasSubstr("/spec/families: "));
  EXPECT_THAT(say(R"({"address": "10.0.0.1", "remoteAs": 1, "nodeSelector": {"matchLabels": []}})"),
              HasSubstr("/spec/nodeSelector/matchLabels: must be an object"));
  EXPECT_THAT(say(R"({"address": "10.0.0.1", "remoteAs": 1, "passwordSecret": {"name": "a", "key": "../../etc"}})"),
              HasSubstr("/spec/passwordSecret/key: must be letters"));
  const auto say_of_keys = [&](const std::string& keys, const std::string& more = "") {
    return say((R"({"address": "10.0.0.1", "remoteAs": 1, "tcpAo": {"keys": )" + keys + "}" + more + "}").c_str());
  };
  EXPECT_THAT(say_of_keys("[]"), HasSubstr("/spec/tcpAo/keys: must have a key"));
  EXPECT_THAT(say_of_keys(R"([{"id": 1}])"), HasSubstr("/spec/tcpAo/keys/0/secret: is missing"));
  EXPECT_THAT(say_of_keys(R"([{"id": 1, "secret": {"name": "../a"}}])"), HasSubstr("/spec/tcpAo/keys/0/secret/name: "));
  EXPECT_THAT(say_of_keys(R"([{"id": 1, "secret": {"name": "a"}}])", R"(, "passwordSecret": {"name": "a"})"),
              HasSubstr("/spec/tcpAo: excludes passwordSecret"));
}

TEST(BgpFilter, IsCheckedByConfigsReader) {
  EXPECT_TRUE(read_bgp_filter(resource(R"({"terms": [{"match": {"source": ["local"]}, "then": "accept"}]})")));
  EXPECT_THAT(complaint(read_bgp_filter(resource(R"({"terms": [{"then": "maybe"}]})"))),
              HasSubstr("/spec/terms/0/then: must be one of"));
  EXPECT_EQ(complaint(read_bgp_filter(resource("{}"))), "/spec/terms: is missing");
  EXPECT_EQ(complaint(read_bgp_filter(resource(R"({"terms": 5})"))), "/spec/terms: must be an array");
}

TEST(BgpFilter, SaysSelfInAListAsItsSchemaHasIt) {
  const auto filter = read_bgp_filter(resource(R"({"terms": [{"set": {"nextHop": ["self"]}, "then": "accept"},
    {"set": {"nextHop": ["10.0.0.1", "fd00::1"]}}, {"set": null, "then": "reject"}]})"));
  EXPECT_EQ(complaint(filter), "/spec/terms/2/set: must be an object");
  EXPECT_EQ(complaint(read_bgp_filter(resource(R"({"terms": [{"set": {"nextHop": ["self"]}}]})"))), "");
}

TEST(BgpAdvertisement, IsRead) {
  const auto advertisement = read_bgp_advertisement(resource(R"({
    "advertise": ["PodCIDR", "LoadBalancerIP"], "peers": ["tor1"], "communities": ["65000:1", "rack"],
    "aggregationLengthV6": 112, "localPref": 200, "toMesh": true, "namespaces": ["prod"]})"));
  ASSERT_TRUE(advertisement) << advertisement.error().message;
  EXPECT_TRUE(advertisement->kinds.pod_cidrs);
  EXPECT_TRUE(advertisement->kinds.load_balancer_ips);
  EXPECT_FALSE(advertisement->kinds.cluster_ips);
  EXPECT_EQ(advertisement->aggregation6, 112);
  EXPECT_THAT(complaint(read_bgp_advertisement(resource(R"({"advertise": ["Everything"]})"))),
              HasSubstr("/spec/advertise/0: must be one of"));
}

TEST(IpPool, TakesPrefixesAndRanges) {
  const auto pool = read_ip_pool(
      resource(R"({"addresses": ["192.0.2.0/30", "192.0.2.10-192.0.2.12", "2001:db8::/112"], "priority": -3})"));
  ASSERT_TRUE(pool) << pool.error().message;
  ASSERT_EQ(pool->addresses.size(), 3U);
  EXPECT_EQ(pool->addresses[0].last.to_string(), "192.0.2.3");
  EXPECT_EQ(pool->priority, -3);
  std::vector<std::string> texts;
  for (const auto& prefix : pool->addresses[1].prefixes()) texts.push_back(prefix.to_string());
  EXPECT_THAT(texts, ElementsAre("192.0.2.10/31", "192.0.2.12/32"));
  EXPECT_THAT(pool->addresses[2].prefixes(), ElementsAre(*Prefix::parse("2001:db8::/112")));
}

TEST(IpPool, NamesThePlaceOfAMistake) {
  const auto say = [](const char* spec) { return complaint(read_ip_pool(resource(spec))); };
  EXPECT_THAT(say(R"({"addresses": ["192.0.2.9-192.0.2.1"]})"), HasSubstr("/spec/addresses/0: must be"));
  EXPECT_THAT(say(R"({"addresses": ["192.0.2.0/24", "192.0.2.1/24"]})"), HasSubstr("/spec/addresses/1: "));
  EXPECT_THAT(say(R"({"addresses": ["192.0.2.1-2001:db8::1"]})"), HasSubstr("/spec/addresses/0: must be"));
  EXPECT_THAT(say(R"({"addresses": ["224.0.0.0/24"]})"), HasSubstr("/spec/addresses/0: must be unicast"));
  EXPECT_THAT(say(R"({"addresses": ["0.0.0.0/0"]})"), HasSubstr("/spec/addresses/0: "));
}

TEST(AddressRange, IsMadeOfTheFewestPrefixesAndNothingElse) {
  for (std::uint32_t first = 0; first < 20; ++first)
    for (std::uint32_t last = first; last < 20; ++last) {
      const AddressRange range{IpAddress::v4(0x0a000000 + first), IpAddress::v4(0x0a000000 + last)};
      std::uint64_t covered = 0;
      for (const auto& prefix : range.prefixes()) {
        EXPECT_TRUE(range.contains(prefix.address()) && range.contains(prefix.last_address()));
        covered += std::uint64_t{1} << (32 - prefix.length());
      }
      EXPECT_EQ(covered, last - first + 1);
    }
  const AddressRange end{*IpAddress::parse("255.255.255.254"), *IpAddress::parse("255.255.255.255")};
  EXPECT_EQ(end.prefixes().size(), 1U);  // and it ends
}

TEST(NeighborSettings, MergeKeyByKey) {
  const auto under = json::parse(R"({"holdTime": 90, "gracefulRestart": {"restartTime": 60, "enabled": true}})");
  const auto over = json::parse(R"({"gracefulRestart": {"enabled": false}, "port": 1790})");
  EXPECT_EQ(merged(under, over), json::parse(R"({"holdTime": 90, "port": 1790,
    "gracefulRestart": {"restartTime": 60, "enabled": false}})"));
  EXPECT_EQ(merged(json::parse(R"({"bfd": {"minTx": 100}})"), json::parse(R"({"bfd": false})")),
            json::parse(R"({"bfd": false})"));
}

}  // namespace
}  // namespace slash32::agent::model
