// What the status of BGPConfiguration, BGPFilters and BGPAdvertisements says. That of BGPPeers: status_test.cc.
#include "agent/plan/accepted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using model::Kind;
using testing::HasSubstr;
using testing::StartsWith;

Condition configuration_condition(Builder& b) {
  return accepted_resources(b.world).at({Kind::BgpConfiguration, "default"});
}

Condition advertisement_condition(const Builder& b, const std::string& name) {
  return accepted_resources(b.world).at({Kind::BgpAdvertisement, name});
}

TEST(Accepted, AConfigurationIsWhereNodesCanHaveIt) {
  Builder b;
  b.configuration("{'localAs': 65001, 'mesh': {'passwordSecret': {'name': 'x'}}}");
  EXPECT_TRUE(configuration_condition(b).status) << configuration_condition(b).message << ": also without a node";
  b.node(1, "{'metadata': {'annotations': {'slash32.io/as': 'x'}}, 'spec': {}, 'status': {}}").node(2);
  EXPECT_TRUE(configuration_condition(b).status)
      << configuration_condition(b).message << ": that is the node's trouble";
}

TEST(Accepted, AConfigurationThatNoNodeCanHaveSaysWhy) {
  Builder b;
  b.node(1).node(2);
  b.configuration("{'mesh': {'ttlSecurity': 1, 'multihop': 3}}");
  EXPECT_FALSE(configuration_condition(b).status);
  EXPECT_THAT(configuration_condition(b).message, HasSubstr("/spec/mesh"));
  b.configuration("{'metricsAddress': '192.0.2.1:99999'}");
  EXPECT_FALSE(configuration_condition(b).status);
  EXPECT_THAT(configuration_condition(b).message, HasSubstr("/metrics/address"));
}

TEST(Accepted, AConfigurationIsJudgedByTheAsesThatNodesHave) {
  Builder b;
  const std::string of_ebgp_alone =
      "{'mesh': {'gracefulRestart': {'enabled': true}, 'role': 'peer', 'ttlSecurity': 1}}";
  b.node(1, "{'metadata': {'annotations': {'slash32.io/as': '65001'}}}");
  b.node(2, "{'metadata': {'annotations': {'slash32.io/as': '65002'}}}");
  b.configuration(of_ebgp_alone);
  EXPECT_TRUE(configuration_condition(b).status) << configuration_condition(b).message;
  b.node(1).node(2);
  EXPECT_FALSE(configuration_condition(b).status);
}

TEST(Accepted, ReflectorsThatNoNodeIsAreSaid) {
  Builder b;
  b.node(1).configuration("{'reflectors': {'nodeSelector': {'matchLabels': {'rr': 'yes'}}}}");
  EXPECT_EQ(configuration_condition(b).reason, "NoNodes");
  b.node(2, "{'metadata': {'labels': {'rr': 'yes'}}}");
  EXPECT_TRUE(configuration_condition(b).status);
}

TEST(Accepted, AFilterSaysHowManyUseIt) {
  Builder b;
  b.filter("f", "[]").filter("g", "[]");
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000, 'importFilters': ['f'], 'exportFilters': ['f']}");
  const auto conditions = accepted_resources(b.world);
  EXPECT_TRUE(conditions.at({Kind::BgpFilter, "f"}).status);
  EXPECT_EQ(conditions.at({Kind::BgpFilter, "f"}).message, "used by 1 BGPPeer");
  EXPECT_EQ(conditions.at({Kind::BgpFilter, "g"}).message, "used by 0 BGPPeers");
}

TEST(Accepted, AnAdvertisementThatComesToNothingSaysWhy) {
  Builder b;
  b.node(1).node(2).configuration("{'communities': {'mine': '64512:1'}}");
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000}");
  b.advertisement("good", "{'advertise': ['PodCIDR'], 'communities': ['mine'], 'peers': ['tor']}");
  b.advertisement("nodes", "{'advertise': ['PodCIDR'], 'nodeSelector': {'matchLabels': {'x': 'y'}}}");
  b.advertisement("community", "{'advertise': ['PodCIDR'], 'communities': ['yours']}");
  b.advertisement("peer", "{'advertise': ['PodCIDR'], 'peers': ['tor', 'torr']}");
  b.advertisement("selector", "{'advertise': ['PodCIDR'], 'peerSelector': {'matchLabels': {'x': 'y'}}}");
  b.advertisement("ranges", "{'advertise': ['ExternalIP', 'LoadBalancerIP', 'ClusterIP']}");
  EXPECT_TRUE(advertisement_condition(b, "good").status) << advertisement_condition(b, "good").message;
  EXPECT_EQ(advertisement_condition(b, "good").message, "selects 2 nodes");
  EXPECT_EQ(advertisement_condition(b, "nodes").reason, "NoNodes");
  EXPECT_THAT(advertisement_condition(b, "community").message, StartsWith("/spec/communities: \"yours\""));
  EXPECT_EQ(advertisement_condition(b, "peer").message, "/spec/peers: there is no BGPPeer \"torr\"");
  EXPECT_EQ(advertisement_condition(b, "selector").reason, "NoPeers");
  EXPECT_THAT(advertisement_condition(b, "ranges").message, HasSubstr("ExternalIP: "));
  EXPECT_THAT(advertisement_condition(b, "ranges").message, HasSubstr("LoadBalancerIP: "));
  b.configuration("{'services': {'externalIPRanges': ['192.0.2.0/24']}}")
      .pool("p", "{'addresses': ['198.51.100.0/24']}");
  EXPECT_TRUE(advertisement_condition(b, "ranges").status);
}

TEST(Accepted, AnAggregateThatNoRangeHoldsIsSaid) {
  Builder b;
  b.node(1).configuration("{'services': {'aggregationLength': 24, 'aggregationLengthV6': 112}}");
  EXPECT_EQ(configuration_condition(b).message, "") << "nor is there an address";
  b.pool("p", "{'addresses': ['192.0.2.10-192.0.2.200']}");
  EXPECT_TRUE(configuration_condition(b).status);
  EXPECT_EQ(configuration_condition(b).message,
            "/spec/services/aggregationLength: IPPools and services.loadBalancerIPRanges hold no whole /24: "
            "addresses are announced one by one");
  b.pool("q", "{'addresses': ['198.51.100.0/24']}");
  EXPECT_EQ(configuration_condition(b).message, "");
  b.advertisement("a", "{'advertise': ['ClusterIP', 'LoadBalancerIP'], 'aggregationLength': 24}");
  EXPECT_EQ(advertisement_condition(b, "a").message,
            "selects 1 node; /spec/aggregationLength: services.clusterIPRanges hold no whole /24: "
            "addresses are announced one by one");
  b.configuration("{'services': {'clusterIPRanges': ['10.96.0.0/16']}}");
  EXPECT_EQ(advertisement_condition(b, "a").message, "selects 1 node");
}

TEST(Accepted, WhatCannotBeReadSaysWhere) {
  Builder b;
  EXPECT_FALSE(has_resources(b.world));
  b.world.left_out = {{Kind::Node, {"", "n1"}, "x"}, {Kind::Service, {"default", "web"}, "x"}};
  EXPECT_FALSE(has_resources(b.world)) << "others tell of those";
  b.world.left_out = {{Kind::BgpFilter, {"", "f"}, "/spec/terms/0: x"}};
  EXPECT_TRUE(has_resources(b.world)) << "though none can be read";
  const auto conditions = accepted_resources(b.world);
  EXPECT_EQ(conditions.at({Kind::BgpFilter, "f"}).message, "/spec/terms/0: x");
  EXPECT_FALSE(conditions.at({Kind::BgpFilter, "f"}).status);
}

}  // namespace
}  // namespace slash32::agent::plan
