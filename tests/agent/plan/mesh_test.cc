// Sessions between nodes.
#include <gmock/gmock.h>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Mesh, IsFullWithoutAnyConfiguration) {
  Builder b;
  b.node(1).node(2).node(3);
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("node:n2", "node:n3"));
  EXPECT_EQ(plan.conf.local_as, Asn{64512});
  EXPECT_EQ(plan.conf.router_id, RouterId{0x0a000001});
  EXPECT_EQ(plan.neighbor("node:n2").local_address, ip("10.0.0.1"));
  EXPECT_TRUE(plan.condition("BGPConfigured").status) << plan.condition("BGPConfigured").message;
}

TEST(Mesh, IsOffWhereConfigurationSaysSo) {
  Builder b;
  b.node(1).node(2).configuration("{'mesh': {'enabled': false}}");
  EXPECT_TRUE(Planned(b.world).names().empty());
}

TEST(Mesh, OfReflectorsHasClientsWhoSpeakWithThemOnly) {
  Builder b;
  b.configuration("{'reflectors': {'nodeSelector': {'matchLabels': {'rr': 'yes'}}, 'clusterId': '9.9.9.9'}}");
  b.node(1)
      .node(2)
      .node(3, "{'metadata': {'labels': {'rr': 'yes'}}}")
      .node(4, "{'metadata': {'labels': {'rr': 'yes'}}}");
  const Planned client(b.world, "n1");
  EXPECT_THAT(client.names(), ElementsAre("node:n3", "node:n4"));
  EXPECT_FALSE(client.conf.cluster_id);
  const Planned reflector(b.world, "n3");
  EXPECT_THAT(reflector.names(), ElementsAre("node:n1", "node:n2", "node:n4"));
  EXPECT_TRUE(reflector.neighbor("node:n1").route_reflector_client);
  EXPECT_FALSE(reflector.neighbor("node:n4").route_reflector_client);
  EXPECT_EQ(reflector.conf.cluster_id, RouterId{0x09090909});
  EXPECT_TRUE(reflector.told("node:n1", "10.244.2.0/24", config::RouteSource::Ibgp));  // it reflects
  EXPECT_FALSE(client.told("node:n3", "10.244.2.0/24", config::RouteSource::Ibgp));
}

TEST(Mesh, WithoutANodeThatReflectsIsFullAndSaysSo) {
  Builder b;
  b.configuration("{'reflectors': {'nodeSelector': {'matchLabels': {'rr': 'yes'}}}}").node(1).node(2);
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("node:n2"));
  EXPECT_THAT(plan.condition("BGPConfigured").message, HasSubstr("no node matches"));
}

TEST(Mesh, TakesANodesOwnAsRouterIdAndAddress) {
  Builder b;
  b.node(1, "{'metadata': {'annotations': {'slash32.io/as': '65001', 'slash32.io/router-id': '1.1.1.1'}}}");
  b.node(2, "{'metadata': {'annotations': {'slash32.io/as': '65002', 'slash32.io/address': '10.9.9.2'}}}");
  const Planned plan(b.world);
  EXPECT_EQ(plan.conf.local_as, Asn{65001});
  EXPECT_EQ(plan.conf.router_id, RouterId{0x01010101});
  EXPECT_EQ(plan.neighbor("node:n2").remote_as.asn, Asn{65002});
  EXPECT_EQ(plan.neighbor("node:n2").address, ip("10.9.9.2"));
  EXPECT_TRUE(plan.takes("node:n2", "10.244.2.0/24"));  // eBGP between nodes needs a policy, and has one
  EXPECT_TRUE(plan.told("node:n2", "10.244.1.0/24"));
}

TEST(Mesh, LeavesOutANodeWhoseInternalIpNoNeighbourCanHave) {
  for (const std::string odd : {"0.1.2.3", "224.0.0.5", "240.0.0.1", "::ffff:10.0.0.2", "ff02::1", "fe80::2", "::"}) {
    SCOPED_TRACE(odd);
    Builder b;
    const auto status = "{'status': {'addresses': [{'type': 'InternalIP', 'address': '";
    b.node(1, std::string(status) + "10.0.0.1'}, {'type': 'InternalIP', 'address': 'fd00::1'}]}}");
    b.node(2, status + odd + "'}]}}").node(3);
    const Planned plan(b.world);
    EXPECT_THAT(plan.names(), ElementsAre("node:n3")) << plan.all_waiting();
    EXPECT_THAT(plan.said_of("node:n2").problem, HasSubstr("InternalIP"));
    EXPECT_FALSE(plan.condition("BGPConfigured").status);
  }
}

TEST(Mesh, KeepsASpecialInternalIpThatBgpdTakes) {
  Builder b;
  const auto status = "{'status': {'addresses': [{'type': 'InternalIP', 'address': '";
  b.node(1, std::string(status) + "169.254.7.1'}]}}").node(2, std::string(status) + "169.254.7.2'}]}}");
  EXPECT_THAT(Planned(b.world).names(), ElementsAre("node:n2"));
}

TEST(Mesh, LeavesOutANodeWhoseAnnotationIsWrongAndSaysSo) {
  Builder b;
  b.node(1).node(2, "{'metadata': {'annotations': {'slash32.io/as': 'x'}}}").node(3);
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("node:n3"));
  EXPECT_THAT(plan.said_of("node:n2").problem, HasSubstr("/metadata/annotations/slash32.io~1as"));
  const Planned own(b.world, "n2");  // and changes nothing where it is its own
  EXPECT_FALSE(own.desired.bgpd_json);
  EXPECT_TRUE(own.desired.node_json);
  EXPECT_THAT(own.all_waiting(), HasSubstr("must be an AS number"));
}

TEST(Mesh, IsOverIpv6WhereANodeHasNoIpv4) {
  Builder b;
  const char* dual =
      "{'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}, {'type': 'InternalIP', 'address': "
      "'fd00::1'}]}}";
  const char* six = "{'status': {'addresses': [{'type': 'InternalIP', 'address': 'fd00::2'}]}}";
  b.node(1, dual).node(2, six).node(3);
  const Planned plan(b.world);
  EXPECT_EQ(plan.neighbor("node:n2").address, ip("fd00::2"));
  EXPECT_EQ(plan.neighbor("node:n2").local_address, ip("fd00::1"));
  EXPECT_EQ(plan.neighbor("node:n3").address, ip("10.0.0.3"));
  const Planned other(b.world, "n2");
  EXPECT_THAT(other.said_of("node:n3").problem, HasSubstr("no InternalIP of one family"));
  EXPECT_FALSE(other.conf.router_id);  // bgpd chooses
}

TEST(Mesh, HasItsOwnSettingsOverTheDefaults) {
  Builder b;
  b.node(1)
      .node(2)
      .secret("mesh", "s3cret")
      .configuration(
          "{'listenPort': 1790, 'neighborDefaults': {'holdTime': 30, 'gracefulRestart': {'restartTime': 60}},"
          " 'mesh': {'holdTime': 9, 'bfd': {}, 'passwordSecret': {'name': 'mesh'}}}");
  const Planned plan(b.world);
  const auto& neighbor = plan.neighbor("node:n2");
  EXPECT_EQ(neighbor.hold_time, Seconds{9});
  EXPECT_EQ(neighbor.graceful_restart.restart_time, Seconds{60});
  EXPECT_TRUE(neighbor.bfd);
  EXPECT_EQ(neighbor.port, 1790);
  EXPECT_EQ(plan.conf.listen[0].port, 1790);
  EXPECT_EQ(plan.desired.secret_files.at(*neighbor.password_file), "s3cret");
}

TEST(Mesh, ThatCannotBeAsConfiguredChangesNothing) {
  Builder b;
  b.node(1).node(2).configuration("{'mesh': {'holdTime': 9, 'keepaliveTime': 4}}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.bgpd_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("BGPConfiguration default: /spec/mesh: must be at most a third"));
}

TEST(Mesh, OfTwoNodesWithOneAddressHasTheFirst) {
  Builder b;
  b.node(1).node(2).node(3, "{'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.2'}]}}");
  b.node(4, "{'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}]}}");
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("node:n2"));
  EXPECT_EQ(plan.said_of("node:n3").problem, "its address is that of Node n2");
  EXPECT_EQ(plan.said_of("node:n4").problem, "its address is this node's own");
}

TEST(Mesh, NamesNodesWithinWhatBgpdTakes) {
  Builder b;
  b.node(1);
  for (const char* tail : {"a", "b"}) {
    model::Node node;
    node.meta.key.name = std::string(100, 'x') + tail;
    node.internal_ips = {ip(std::string("10.0.1.") + (*tail == 'a' ? "1" : "2"))};
    b.world.nodes[node.meta.key.name] = node;
  }
  const auto names = Planned(b.world).names();
  ASSERT_EQ(names.size(), 2U);
  EXPECT_NE(names[0], names[1]);
  EXPECT_EQ(names[0].size(), 64U);
}

TEST(Mesh, TakesTheDefaultsOfABrokenConfigurationForNothing) {
  Builder b;
  b.node(1).node(2);
  b.world.left_out.push_back({model::Kind::BgpConfiguration, {"", "default"}, "/spec/localAs: must be"});
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.bgpd_json || plan.desired.node_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("BGPConfiguration default: /spec/localAs: must be"));
  b.configuration("{'localAs': 65000}");  // as it was before
  EXPECT_EQ(Planned(b.world).conf.local_as, Asn{65000});
}

}  // namespace
}  // namespace slash32::agent::plan
