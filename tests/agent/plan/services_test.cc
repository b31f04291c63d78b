// Which Service address is announced when, and to whom.
#include <gmock/gmock.h>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kVip = "192.0.2.7/32";
constexpr const char* kBalanced =
    "{'spec': {'type': 'LoadBalancer', 'clusterIPs': ['10.96.0.7']}, 'status': {'loadBalancer': {'ingress': [{'ip': "
    "'192.0.2.7'}]}}}";
constexpr const char* kBalancedLocal =
    "{'spec': {'type': 'LoadBalancer', 'clusterIPs': ['10.96.0.7'], 'externalTrafficPolicy': 'Local'},"
    " 'status': {'loadBalancer': {'ingress': [{'ip': '192.0.2.7'}]}}}";

/// One node, a router, a pool, a Service web on 192.0.2.7.
Builder cluster(const char* service = kBalanced) {
  Builder b;
  b.node(1).node(2).peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000}");
  b.pool("public", "{'addresses': ['192.0.2.0/24']}").service("web", service);
  return b;
}

bool announces(const Builder& b, const char* prefix) { return Planned(b.world).originated(prefix) != nullptr; }

TEST(Service, WithPolicyClusterIsAnnouncedWhileAnythingIsReadyBehindIt) {
  auto b = cluster();
  EXPECT_FALSE(announces(b, kVip));
  EXPECT_TRUE(announces(b.endpoints("web", 1, 0), kVip));
  EXPECT_FALSE(announces(b.endpoints("web", 0, 0), kVip));
  b.configuration("{'services': {'withdrawWithoutEndpoints': false}}");
  EXPECT_TRUE(announces(b, kVip));
}

TEST(Service, WithPolicyLocalIsAnnouncedWhereAReadyEndpointIs) {
  auto b = cluster(kBalancedLocal);
  EXPECT_FALSE(announces(b.endpoints("web", 3, 0), kVip));
  EXPECT_TRUE(announces(b.endpoints("web", 3, 1), kVip));
  b.configuration("{'services': {'withdrawWithoutEndpoints': false}}");
  EXPECT_FALSE(announces(b.endpoints("web", 3, 0), kVip));  // that is for policy Cluster
}

TEST(Service, IsAnnouncedByThoseThatLeaveAndStillServeWhileNobodyIsReady) {
  // A rollout of one replica: kube-proxy sends to the old pod until the new one is ready, or it is gone.
  for (const char* kind : {kBalanced, kBalancedLocal}) {
    auto b = cluster(kind);
    EXPECT_TRUE(announces(b.endpoints("web", {.leaving = 1, .leaving_here = 1}), kVip));
    EXPECT_EQ(announces(b.endpoints("web", {.leaving = 1}), kVip), kind == kBalanced);
    EXPECT_FALSE(announces(b.endpoints("web", 0, 0), kVip));
  }
}

TEST(Service, WithPolicyLocalLeavesANodeWhosePodsLeaveForOneThatIsReady) {
  auto b = cluster(kBalancedLocal);
  EXPECT_FALSE(announces(b.endpoints("web", {.ready = 1, .leaving = 1, .leaving_here = 1}), kVip));
  EXPECT_TRUE(announces(b.endpoints("web", {.ready = 1, .ready_here = 1, .leaving = 1}), kVip));
}

TEST(Service, NeedsEndpointsOfTheAddresssFamily) {
  auto b = cluster();
  EXPECT_FALSE(announces(b.endpoints("web", 1, 1, AddressFamily::IPv6), kVip));
}

TEST(Service, IsNeverABlackhole) {
  // A process of the node could not connect() to it: the route is looked up before kube-proxy translates.
  auto b = cluster();
  const Planned plan(b.endpoints("web", 1, 1).world);
  ASSERT_TRUE(plan.originated(kVip));
  EXPECT_FALSE(plan.originated(kVip)->blackhole);
}

TEST(Service, ClusterIpFollowsTheInternalPolicyAndItsSwitch) {
  auto b = cluster("{'spec': {'clusterIPs': ['10.96.0.7'], 'internalTrafficPolicy': 'Local'}}");
  b.endpoints("web", 3, 1);
  EXPECT_FALSE(announces(b, "10.96.0.7/32"));
  b.configuration("{'services': {'advertiseClusterIPs': true}}");
  EXPECT_TRUE(announces(b, "10.96.0.7/32"));
  EXPECT_FALSE(announces(b.endpoints("web", 3, 0), "10.96.0.7/32"));
  b.endpoints("web", 3, 1)
      .configuration("{'services': {'advertiseClusterIPs': true, 'clusterIPRanges': ['10.97.0.0/16']}}");
  EXPECT_FALSE(announces(b, "10.96.0.7/32"));
}

TEST(Service, ExternalIpIsAnnouncedOnlyOutOfConfiguredRanges) {
  // Whoever may make a Service may write any address there.
  auto b = cluster("{'spec': {'clusterIPs': ['10.96.0.7'], 'externalIPs': ['203.0.113.5', '8.8.8.8']}}");
  b.endpoints("web", 1, 1).configuration("{'services': {'advertiseExternalIPs': true}}");
  EXPECT_FALSE(announces(b, "203.0.113.5/32"));
  b.configuration("{'services': {'advertiseExternalIPs': true, 'externalIPRanges': ['203.0.113.0/24']}}");
  const Planned plan(b.world);
  EXPECT_TRUE(plan.originated("203.0.113.5/32"));
  EXPECT_FALSE(plan.originated("8.8.8.8/32"));
  EXPECT_FALSE(plan.condition("ServicesAccepted").status);
  EXPECT_THAT(plan.condition("ServicesAccepted").message,
              HasSubstr("externalIP 8.8.8.8 of Service default/web is in no range"));
  EXPECT_EQ(plan.desired.services, (ServiceCounts{1, 1}));
}

TEST(Service, LoadBalancerAddressOfAnotherRangeIsAnnouncedOnlyWhereConfigured) {
  auto b =
      cluster("{'spec': {'type': 'LoadBalancer'}, 'status': {'loadBalancer': {'ingress': [{'ip': '198.51.100.1'}]}}}");
  b.endpoints("web", 1, 1);
  EXPECT_FALSE(announces(b, "198.51.100.1/32"));
  b.configuration("{'services': {'loadBalancerIPRanges': ['198.51.100.0/24']}}");
  EXPECT_TRUE(announces(b, "198.51.100.1/32"));
}

TEST(Service, IsNotAnnouncedByAnAddressForWhichNodesTakeNoPackets) {
  auto b = cluster(
      "{'spec': {'type': 'LoadBalancer'}, 'status': {'loadBalancer': {'ingress': ["
      "{'ip': '192.0.2.7', 'ipMode': 'Proxy'}, {'ip': '198.51.100.7', 'ipMode': 'Proxy'},"
      " {'ip': '192.0.2.8', 'ipMode': 'VIP'}]}}}");
  b.endpoints("web", 1, 1);
  const Planned plan(b.world);
  EXPECT_FALSE(plan.originated(kVip)) << "kube-proxy leaves it alone: the router would have it back";
  EXPECT_TRUE(plan.originated("192.0.2.8/32"));
  EXPECT_TRUE(plan.condition("ServicesAccepted").status);
}

TEST(Service, OfAnotherLoadBalancersClassIsNoCauseForComplaint) {
  auto b = cluster();
  b.endpoints("web", 1, 1)
      .service("other",
               "{'spec': {'type': 'LoadBalancer', 'loadBalancerClass': 'metallb.io/l2'},"
               " 'status': {'loadBalancer': {'ingress': [{'ip': '198.51.100.1'}]}}}")
      .endpoints("other", 1, 1);
  const Planned plan(b.world);
  EXPECT_FALSE(plan.originated("198.51.100.1/32"));
  EXPECT_TRUE(plan.condition("ServicesAccepted").status) << "it says itself that it is another's";
  b.service("other",
            "{'spec': {'type': 'LoadBalancer'}, 'status': {'loadBalancer': {'ingress': [{'ip': '198.51.100.1'}]}}}");
  EXPECT_FALSE(Planned(b.world).condition("ServicesAccepted").status);
}

TEST(Service, IsNotAnnouncedFromANodeThatIsExcludedOrWithoutNetwork) {
  auto b = cluster();
  b.endpoints("web", 1, 1);
  b.node(1, "{'metadata': {'labels': {'node.kubernetes.io/exclude-from-external-load-balancers': ''}}}");
  EXPECT_FALSE(announces(b, kVip));
  b.configuration("{'services': {'advertiseClusterIPs': true}}");
  EXPECT_TRUE(announces(b, "10.96.0.7/32"));  // no external load balancer's business
  b.node(1,
         "{'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}],"
         " 'conditions': [{'type': 'NetworkUnavailable', 'status': 'True'}]}}");
  EXPECT_FALSE(announces(b, kVip));
}

TEST(Service, HeadlessOrExternalNameHasNothingToAnnounce) {
  auto b = cluster("{'spec': {'clusterIP': 'None', 'externalIPs': ['192.0.2.9']}}");
  b.service("name", "{'spec': {'type': 'ExternalName', 'externalName': 'x.example'}}").endpoints("web", 1, 1);
  b.configuration("{'services': {'advertiseExternalIPs': true, 'externalIPRanges': ['192.0.2.0/24']}}");
  EXPECT_FALSE(announces(b, "192.0.2.9/32"));
}

TEST(Service, SharingAnAddressKeepsItAsLongAsOneOfThemIsReady) {
  auto b = cluster();
  b.service("dns", kBalanced).endpoints("web", 1, 0).endpoints("dns", 1, 0);
  EXPECT_TRUE(announces(b, kVip));
  EXPECT_TRUE(announces(b.endpoints("web", 0, 0), kVip));
  EXPECT_FALSE(announces(b.endpoints("dns", 0, 0), kVip));
}

TEST(Aggregate, StandsForItsAddressesButNotForPolicyLocal) {
  auto b = cluster();
  b.configuration("{'services': {'aggregationLength': 24}}").endpoints("web", 1, 0);
  const Planned plan(b.world);
  EXPECT_TRUE(plan.originated("192.0.2.0/24"));
  EXPECT_FALSE(plan.originated(kVip));
  EXPECT_TRUE(plan.originated("192.0.2.0/24")->drop_forwarded);
  b.service("web", kBalancedLocal).endpoints("web", 1, 1);
  const Planned local(b.world);
  ASSERT_TRUE(local.originated(kVip));
  EXPECT_FALSE(local.originated(kVip)->drop_forwarded) << "nothing but its own address is announced";
  EXPECT_FALSE(local.originated("192.0.2.0/24"));
}

TEST(Aggregate, InWhichPodsOrNodesHaveAddressesIsNotDroppedAndSaysSo) {
  auto b = cluster("{'spec': {'clusterIPs': ['10.244.7.9']}}");
  b.configuration(
      "{'pods': {'ranges': ['10.244.0.0/17']}, 'services': {'advertiseClusterIPs': true, 'clusterIPRanges': "
      "['10.244.0.0/16'], 'aggregationLength': 24}}");
  b.endpoints("web", 1, 1).service("vip", kBalanced).endpoints("vip", 1, 1);
  const Planned plan(b.world);
  ASSERT_TRUE(plan.originated("10.244.7.0/24"));
  ASSERT_TRUE(plan.originated("192.0.2.0/24"));
  EXPECT_FALSE(plan.originated("10.244.7.0/24")->drop_forwarded);
  EXPECT_TRUE(plan.originated("192.0.2.0/24")->drop_forwarded);
  EXPECT_FALSE(plan.condition("UnusedAddressesDropped").status);
  EXPECT_THAT(plan.condition("UnusedAddressesDropped").message, HasSubstr("10.244.7.0/24"));
  b.node(2, "{'status': {'addresses': [{'type': 'InternalIP', 'address': '192.0.2.200'}]}}");
  EXPECT_FALSE(Planned(b.world).originated("192.0.2.0/24")->drop_forwarded);
}

TEST(Aggregate, IsDroppedWithoutAWordWhereNothingStandsAgainstIt) {
  auto b = cluster();
  b.configuration("{'services': {'aggregationLength': 24}}").endpoints("web", 1, 0);
  for (const auto& condition : Planned(b.world).desired.conditions) EXPECT_NE(condition.type, "UnusedAddressesDropped");
}

TEST(Aggregate, NeverReachesBeyondWhatMayBeAnnounced) {
  auto b = cluster();
  b.configuration("{'services': {'aggregationLength': 16}}").endpoints("web", 1, 0);
  const Planned plan(b.world);
  EXPECT_TRUE(plan.originated(kVip));
  EXPECT_FALSE(plan.originated("192.0.0.0/16"));
}

TEST(Aggregate, IsABlackholeOnlyWhereConfigurationSaysSo) {
  auto b = cluster();
  b.configuration("{'services': {'aggregationLength': 24, 'unusedAddresses': 'Blackhole'}}").endpoints("web", 1, 0);
  const Planned plan(b.world);
  EXPECT_TRUE(plan.originated("192.0.2.0/24")->blackhole);
  EXPECT_FALSE(plan.originated("192.0.2.0/24")->drop_forwarded);
  b.configuration("{'services': {'aggregationLength': 24, 'unusedAddresses': 'Ignore'}}");
  EXPECT_FALSE(Planned(b.world).originated("192.0.2.0/24")->blackhole);
  EXPECT_FALSE(Planned(b.world).originated("192.0.2.0/24")->drop_forwarded);
}

TEST(Aggregate, ThatIsAPodRangeIsThePodRange) {
  auto b = cluster("{'spec': {'clusterIPs': ['10.244.1.9']}}");
  b.configuration(
      "{'services': {'advertiseClusterIPs': true, 'clusterIPRanges': ['10.244.0.0/16'], 'aggregationLength': 24}}");
  b.endpoints("web", 1, 1);
  const Planned plan(b.world);
  ASSERT_TRUE(plan.originated("10.244.1.0/24"));
  EXPECT_TRUE(plan.originated("10.244.1.0/24")->blackhole);
}

TEST(Advertisement, SelectsServicesNamespacesAndNodes) {
  auto b = cluster("{'metadata': {'labels': {'app': 'web'}}, 'spec': {'clusterIPs': ['10.96.0.7']}}");
  b.endpoints("web", 1, 1).service("db", "{'spec': {'clusterIPs': ['10.96.0.8']}}").endpoints("db", 1, 1);
  b.advertisement("a", "{'advertise': ['ClusterIP'], 'serviceSelector': {'matchLabels': {'app': 'web'}}}");
  EXPECT_TRUE(announces(b, "10.96.0.7/32"));
  EXPECT_FALSE(announces(b, "10.96.0.8/32"));
  b.advertisement("a", "{'advertise': ['ClusterIP'], 'namespaces': ['prod']}");
  EXPECT_FALSE(announces(b, "10.96.0.7/32"));
  b.advertisement("a", "{'advertise': ['ClusterIP'], 'nodeSelector': {'matchLabels': {'edge': ''}}}");
  EXPECT_FALSE(announces(b, "10.96.0.7/32"));
}

TEST(Advertisement, ForSomePeersIsToldToNoOther) {
  auto b = cluster();
  b.peer("edge", "{'address': '10.0.0.253', 'remoteAs': 65001}", "{'labels': {'zone': 'edge'}}").endpoints("web", 1, 1);
  b.configuration("{'services': {'advertiseLoadBalancerIPs': false}, 'communities': {'rack': '65000:7'}}");
  b.advertisement(
      "a",
      "{'advertise': ['LoadBalancerIP'], 'peers': ['tor'], 'communities': ['rack', 'no-export'], 'localPref': 200}");
  const Planned plan(b.world);
  const auto told = plan.told("tor", kVip);
  ASSERT_TRUE(told);
  EXPECT_THAT(told->communities, testing::UnorderedElementsAre(community("65000:7"), community("no-export")));
  EXPECT_EQ(told->local_pref, 200U);
  EXPECT_FALSE(plan.told("edge", kVip));
  EXPECT_TRUE(plan.told("edge", "10.244.1.0/24"));
  b.advertisement("b", "{'advertise': ['LoadBalancerIP'], 'peerSelector': {'matchLabels': {'zone': 'edge'}}}");
  EXPECT_TRUE(Planned(b.world).told("edge", kVip));
  EXPECT_TRUE(Planned(b.world).told("edge", kVip)->communities.empty());
}

TEST(Advertisement, ForAllPeersAddsUpItsAttributesWithOthers) {
  auto b = cluster();
  b.endpoints("web", 1, 1)
      .advertisement("a", "{'advertise': ['LoadBalancerIP'], 'communities': ['65000:1'], 'localPref': 50}");
  b.advertisement("b", "{'advertise': ['LoadBalancerIP', 'PodCIDR'], 'communities': ['65000:2'], 'localPref': 150}");
  const Planned plan(b.world);
  EXPECT_THAT(plan.told("tor", kVip)->communities, ElementsAre(community("65000:1"), community("65000:2")));
  EXPECT_EQ(plan.told("tor", kVip)->local_pref, 150U);
  EXPECT_THAT(plan.told("tor", "10.244.1.0/24")->communities, ElementsAre(community("65000:2")));
  EXPECT_TRUE(plan.document["policies"]["announce:tor"].empty());  // all of it stands in originate
}

TEST(Advertisement, WithACommunityNobodyKnowsIsNotInEffect) {
  auto b = cluster();
  b.endpoints("web", 1, 1).configuration("{'services': {'advertiseLoadBalancerIPs': false}}");
  b.advertisement("a", "{'advertise': ['LoadBalancerIP'], 'communities': ['rack']}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.originated(kVip));
  EXPECT_THAT(plan.condition("BGPConfigured").message,
              HasSubstr("BGPAdvertisement a: /spec/communities: \"rack\" is neither"));
}

TEST(Advertisement, OfPodRangesMayBeForSomePeersButNodesAreAlwaysTold) {
  auto b = cluster();
  b.peer("edge", "{'address': '10.0.0.253', 'remoteAs': 65001}").configuration("{'pods': {'advertiseCIDRs': false}}");
  b.advertisement("a", "{'advertise': ['PodCIDR'], 'peers': ['edge'], 'communities': ['65000:9']}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.told("tor", "10.244.1.0/24"));
  EXPECT_FALSE(plan.told("tor", "10.244.1.5/32"));
  EXPECT_FALSE(plan.told("tor", "10.244.2.5/32"));  // a pod that moved here
  EXPECT_THAT(plan.told("edge", "10.244.1.0/24")->communities, ElementsAre(community("65000:9")));
  EXPECT_TRUE(plan.told("node:n2", "10.244.1.0/24"));
  EXPECT_TRUE(plan.told("node:n2", "10.244.2.5/32"));
}

TEST(Advertisement, OfPodRoutesIsToldToItsPeersOnly) {
  auto b = cluster();
  b.peer("edge", "{'address': '10.0.0.253', 'remoteAs': 65001}");
  b.advertisement("a", "{'advertise': ['PodRoute'], 'peers': ['edge'], 'communities': ['65000:9']}");
  const Planned plan(b.world);
  EXPECT_EQ(plan.conf.originate.pod_routes, config::PodRoutes::All);
  EXPECT_THAT(plan.told("edge", "10.244.1.5/32")->communities, ElementsAre(community("65000:9")));
  EXPECT_FALSE(plan.told("tor", "10.244.1.5/32"));
  EXPECT_FALSE(plan.told("node:n2", "10.244.1.5/32"));
  EXPECT_TRUE(plan.told("tor", "10.244.2.5/32"));  // outside the node's ranges it has no other way
  b.configuration("{'pods': {'routes': 'all'}}");
  EXPECT_TRUE(Planned(b.world).told("tor", "10.244.1.5/32"));
  EXPECT_TRUE(Planned(b.world).told("node:n2", "10.244.1.5/32"));
}

TEST(Mesh, IsToldOfServicesOnlyWhereAnAdvertisementSaysSo) {
  auto b = cluster();
  b.endpoints("web", 1, 1).service("db", "{'spec': {'clusterIPs': ['10.96.0.8']}}").endpoints("db", 1, 1);
  b.configuration("{'services': {'advertiseClusterIPs': true}}");  // of ClusterIPs no range is known
  const Planned plan(b.world);
  EXPECT_TRUE(plan.told("tor", kVip) && plan.told("tor", "10.96.0.8/32"));
  EXPECT_FALSE(plan.told("node:n2", kVip) || plan.told("node:n2", "10.96.0.8/32"));
  EXPECT_FALSE(plan.takes("node:n2", "192.0.2.8/32"));
  EXPECT_TRUE(plan.takes("node:n2", "10.244.2.0/24"));
  b.advertisement("a", "{'advertise': ['LoadBalancerIP'], 'toMesh': true}");
  const Planned told(b.world);
  EXPECT_TRUE(told.told("node:n2", kVip));
  EXPECT_FALSE(told.told("node:n2", "10.96.0.8/32"));
  EXPECT_TRUE(told.takes("node:n2", "192.0.2.8/32"));
}

TEST(Needs, AreServicesOnlyWhereTheirAddressesCanBeAnnounced) {
  using model::Kind;
  Builder b;
  b.node(1);
  EXPECT_FALSE(needs_of(b.world, "n1").kinds.contains(Kind::Service));
  b.pool("p", "{'addresses': ['192.0.2.0/24']}");
  EXPECT_TRUE(needs_of(b.world, "n1").kinds.contains(Kind::EndpointSlice));
  b.configuration("{'services': {'advertiseLoadBalancerIPs': false}}");
  EXPECT_FALSE(needs_of(b.world, "n1").kinds.contains(Kind::Service));  // whoever assigns from the pool watches them
  EXPECT_FALSE(needs_of(b.world, "n1").kinds.contains(Kind::EndpointSlice));
  b.advertisement("a", "{'advertise': ['ClusterIP']}");
  EXPECT_TRUE(needs_of(b.world, "n1").kinds.contains(Kind::EndpointSlice));
}

TEST(Needs, ThatWereNotHeardOfYetHoldBgpdBackButNotTheNode) {
  auto b = cluster();
  b.world.listed.erase(model::Kind::EndpointSlice);
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.bgpd_json);  // all Services would look as if nothing were behind them
  EXPECT_TRUE(plan.desired.node_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("has not said yet which EndpointSlices there are"));
  EXPECT_TRUE(plan.desired.events.empty()) << "each agent begins so; that nobody need look into";
}

TEST(Guard, KeepsRoutersFromAnnouncingClusterIpsOfKnownRanges) {
  // The next cluster on the same routers has 10.96.0.0/12 as well, and announces addresses in it.
  Builder b;
  b.node(1).node(2).configuration(
      "{'pods': {'ranges': ['10.244.0.0/16']}, 'services': {"
      "'clusterIPRanges': ['10.96.0.0/12', '10.96.0.0/16', 'fd00:96::/108'],"
      " 'externalIPRanges': ['203.0.113.0/24'], 'loadBalancerIPRanges': ['192.0.2.0/24']}}");
  b.pool("public", "{'addresses': ['198.51.100.0/24']}");
  EXPECT_EQ(Planned(b.world).conf.guard.ranges, (std::vector{net("10.96.0.0/12"), net("fd00:96::/108")}))
      << "other nodes' pods and load balancers' addresses may come by way of a router";
  b.advertisement("mesh", "{'advertise': ['ClusterIP'], 'toMesh': true}");
  EXPECT_TRUE(Planned(b.world).conf.guard.ranges.empty()) << "nodes of another AS tell of them";
}

TEST(Guard, IsEmptyWhereNoRangeIsGiven) {
  Builder b;
  b.node(1);
  EXPECT_TRUE(Planned(b.world).conf.guard.ranges.empty());
  b.configuration("{'services': {'clusterIPRanges': ['0.0.0.0/0', '::/0']}}");
  EXPECT_TRUE(Planned(b.world).conf.guard.ranges.empty()) << "a default route is no range to bgpd";
}

}  // namespace
}  // namespace slash32::agent::plan
