// BGPPeers and their filters.
#include <gmock/gmock.h>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using config::RouteSource;
using testing::ElementsAre;
using testing::HasSubstr;

Builder one_node() {
  Builder b;
  b.node(1, "{'metadata': {'labels': {'rack': 'a'}}}");
  return b;
}

TEST(Peer, OfTheNodesRackIsItsNeighbour) {
  auto b = one_node();
  b.peer("tor-a", "{'address': '10.0.0.254', 'remoteAs': 65000, 'nodeSelector': {'matchLabels': {'rack': 'a'}}}");
  b.peer("tor-b", "{'address': '10.0.1.254', 'remoteAs': 65000, 'nodeSelector': {'matchLabels': {'rack': 'b'}}}");
  EXPECT_THAT(Planned(b.world).names(), ElementsAre("tor-a"));
}

TEST(Peer, HasEverySettingThatBgpdHas) {
  auto b = one_node();
  b.secret("tor", "key")
      .peer(
          "tor",
          "{'address': '10.0.0.254', 'remoteAs': 'external', 'localAs': 65100, 'port': 1179, 'passive': true,"
          " 'description': 'rack a', 'sourceAddress': 'NodeAddress', 'holdTime': 9, 'keepaliveTime': 3, "
          "'connectRetryTime': 0.5,"
          " 'ttlSecurity': 1, 'families': ['ipv4'], 'addPath': {'receive': true, 'send': 'all'}, 'bfd': {'minTx': 50},"
          " 'gracefulRestart': {'enabled': false}, 'maxPrefixes': {'in': 10}, 'allowOwnAs': 1, 'nextHop': 'self',"
          " 'role': 'customer', 'roleStrict': true, 'enforceFirstAs': false, 'allow': ['default'], 'gracefulShutdown': "
          "false, 'allowAsSet': "
          "true,"
          " 'passwordSecret': {'name': 'tor'}}");
  const Planned plan(b.world);
  const auto& n = plan.neighbor("tor");
  EXPECT_EQ(n.remote_as.kind, config::RemoteAsKind::External);
  EXPECT_EQ(n.local_as, Asn{65100});
  EXPECT_EQ(n.port, 1179);
  EXPECT_EQ(n.local_address, ip("10.0.0.1"));
  EXPECT_EQ(n.connect_retry_time, Milliseconds{500});
  EXPECT_EQ(n.ttl_security, 1);
  EXPECT_EQ(n.add_path.send, config::AddPathConf::kAll);
  EXPECT_EQ(n.bfd->min_tx, Milliseconds{50});
  EXPECT_FALSE(n.graceful_restart.enabled);
  EXPECT_EQ(n.role, BgpRole::Customer);
  EXPECT_EQ(n.enforce_first_as, false);
  EXPECT_TRUE(n.allow.default_route);
  EXPECT_EQ(plan.desired.secret_files.at(*n.password_file), "key");
}

TEST(Peer, HasAFileForEachKeyOfTcpAo) {
  auto b = one_node();
  b.secret("tor", "first");
  b.peer("tor",
         "{'address': '10.0.0.254', 'remoteAs': 1, 'tcpAo': {'keys': ["
         " {'id': 1, 'secret': {'name': 'tor'}},"
         " {'sendId': 2, 'receiveId': 3, 'algorithm': 'aes-128-cmac-96', 'secret': {'name': 'next'}}]}}");
  const Planned plan(b.world);
  const auto& keys = plan.neighbor("tor").tcp_ao;
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].send_id, 1);
  EXPECT_EQ(keys[1].receive_id, 3);
  EXPECT_EQ(keys[1].algorithm, TcpAoAlgorithm::AesCmac);
  EXPECT_EQ(plan.desired.secret_files.at(keys[0].key_file), "first");
  EXPECT_NE(keys[0].key_file, keys[1].key_file);
  EXPECT_EQ(plan.desired.secret_files.size(), 1U);
  EXPECT_THAT(plan.said_of("tor").problem, HasSubstr("Secret \"next\" with the entry \"password\" is missing"));
  EXPECT_EQ(needs_of(b.world, "n1").secrets, (std::set<std::string>{"next", "tor"}));
}

TEST(Peer, WithOneIdentifierForTwoKeysIsLeftOutWithItsComplaint) {
  auto b = one_node();
  b.peer("tor",
         "{'address': '10.0.0.254', 'remoteAs': 1, 'tcpAo': {'keys': ["
         " {'id': 1, 'secret': {'name': 'a'}}, {'id': 1, 'secret': {'name': 'b'}}]}}");
  const Planned plan(b.world);
  EXPECT_TRUE(plan.conf.neighbors.empty());
  EXPECT_THAT(plan.said_of("tor").problem, HasSubstr("/spec/tcpAo/keys/1: has an identifier of key 0"));
}

TEST(Peer, WithoutItsSecretIsHeldDownVisibly) {
  auto b = one_node();
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 1, 'passwordSecret': {'name': 'tor', 'key': 'md5'}}");
  const Planned plan(b.world);
  EXPECT_TRUE(plan.neighbor("tor").password_file);
  EXPECT_TRUE(plan.desired.secret_files.empty());
  EXPECT_THAT(plan.said_of("tor").problem, HasSubstr("Secret \"tor\" with the entry \"md5\" is missing"));
  EXPECT_EQ(needs_of(b.world, "n1").secrets, std::set<std::string>{"tor"});
}

TEST(Peer, OnAnInterfaceIsUnnumbered) {
  auto b = one_node();
  b.peer("tor", "{'interface': 'eth0', 'remoteAs': 'external', 'sourceAddress': 'NodeAddress'}");
  b.peer("tor-again", "{'interface': 'eth0', 'remoteAs': 'external'}");
  b.peer("tor-far", "{'interface': 'eth1', 'remoteAs': 'external', 'multihop': 3}");
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("tor"));
  EXPECT_EQ(plan.neighbor("tor").interface, "eth0");
  EXPECT_FALSE(plan.neighbor("tor").local_address) << "it must be a link-local one";
  EXPECT_EQ(plan.said_of("tor").address, "eth0");
  EXPECT_THAT(plan.said_of("tor-again").problem, HasSubstr("its address is that of BGPPeer tor"));
  EXPECT_THAT(plan.said_of("tor-far").problem, HasSubstr("/spec/multihop: cannot be"));
}

TEST(Peer, AtTheDefaultGatewayFollowsIt) {
  auto b = one_node();
  b.peer("gw", "{'defaultGateway': 'ipv6', 'remoteAs': 'external'}");
  EXPECT_THAT(Planned(b.world).said_of("gw").problem, HasSubstr("no default gateway"));
  b.world.default_gateways = {{ip("10.0.0.254"), "eth0"}, {ip("fe80::1"), "eth1"}, {ip("fd00::fe"), "eth0"}};
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("gw_fd00::fe", "gw_fe80::1"));
  EXPECT_EQ(plan.neighbor("gw_fe80::1").bind_interface, "eth1");
}

TEST(Peer, ThatCannotBeIsLeftOutAndTheOthersStay) {
  auto b = one_node();
  b.peer("bad", "{'address': '10.0.0.253', 'remoteAs': 1, 'ttlSecurity': 1, 'multihop': 3}");
  b.peer("good", "{'address': '10.0.0.254', 'remoteAs': 1}");
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("good"));
  EXPECT_THAT(plan.said_of("bad").problem, HasSubstr("/spec/multihop: excludes ttlSecurity"));
}

TEST(Peer, MadeLaterDoesNotTakeAnAddress) {
  auto b = one_node();
  b.peer("a-new", "{'address': '10.0.0.254', 'remoteAs': 2}", "{'creationTimestamp': '2026-02-01T00:00:00Z'}");
  b.peer("old", "{'address': '10.0.0.254', 'remoteAs': 1}", "{'creationTimestamp': '2026-01-01T00:00:00Z'}");
  const Planned plan(b.world);
  EXPECT_THAT(plan.names(), ElementsAre("old"));
  EXPECT_EQ(plan.said_of("a-new").problem, "its address is that of BGPPeer old");
}

TEST(Peer, AtANodesAddressStandsInTheMeshsPlace) {
  Builder b;
  b.node(1).node(2).peer("pair", "{'address': '10.0.0.2', 'remoteAs': 'internal', 'holdTime': 3}");
  EXPECT_THAT(Planned(b.world, "n1").names(), ElementsAre("pair"));
  EXPECT_THAT(Planned(b.world, "n2").names(), ElementsAre("node:n1"));  // it does not peer with itself
}

TEST(Filter, DecidesBeforeTheDefault) {
  auto b = one_node();
  b.filter("no-lab", "[{'match': {'prefix': [{'prefix': '10.66.0.0/16', 'le': 32}]}, 'then': 'reject'}]");
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000, 'importFilters': ['no-lab'], 'defaultImport': 'Accept'}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.takes("tor", "10.66.1.0/24"));
  EXPECT_TRUE(plan.takes("tor", "10.67.1.0/24"));
}

TEST(Filter, ThatNamesANeighbourElsewhereIsNoMistakeHere) {
  auto b = one_node();
  b.filter("f",
           "[{'match': {'neighbor': ['tor-of-rack-z']}, 'then': 'accept'},"
           " {'match': {'neighbor': ['tor-of-rack-z', 'node:*', 'tor'], 'family': ['ipv4']}, 'then': 'accept'},"
           " {'match': {'neighbor': 'gw'}, 'then': 'accept'}]");
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000, 'importFilters': ['f']}");
  b.peer("gw", "{'defaultGateway': 'ipv4', 'remoteAs': 65000, 'importFilters': ['f']}");
  b.world.default_gateways = {{ip("10.0.0.253"), "eth0"}};
  const Planned plan(b.world);
  EXPECT_TRUE(plan.takes("tor", "10.67.1.0/24"));
  EXPECT_FALSE(plan.takes("tor", "2001:db8::/64"));  // the first term is not one for everybody
  EXPECT_TRUE(plan.takes("gw_10.0.0.253", "2001:db8::/64"));
  EXPECT_EQ(plan.document["policies"]["filter:f"].size(), 2U);
}

TEST(Filter, ThatIsMissingLetsNothingPassAndTouchesNoSession) {
  auto b = one_node();
  b.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000, 'exportFilters': ['f'], 'defaultImport': 'Accept'}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.told("tor", "10.244.1.0/24"));
  EXPECT_TRUE(plan.takes("tor", "10.67.1.0/24"));
  EXPECT_THAT(plan.said_of("tor").problem, HasSubstr("there is no BGPFilter \"f\""));
}

TEST(Peer, OfEbgpSaysNothingThatIsTakenUnlessAsked) {
  auto b = one_node();
  b.peer("e", "{'address': '10.0.0.251', 'remoteAs': 65000}");
  b.peer("e-accept", "{'address': '10.0.0.252', 'remoteAs': 65000, 'defaultImport': 'Accept'}");
  b.peer("i", "{'address': '10.0.0.253', 'remoteAs': 'internal'}");
  b.peer("i-reject", "{'address': '10.0.0.254', 'remoteAs': 64512, 'defaultImport': 'Reject'}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.neighbor("e").import_policies);  // bgpd's status says "no policy" (RFC 8212)
  EXPECT_TRUE(plan.takes("e-accept", "10.67.1.0/24"));
  EXPECT_TRUE(plan.takes("i", "10.67.1.0/24"));
  EXPECT_FALSE(plan.takes("i-reject", "10.67.1.0/24"));
}

TEST(Peer, IsToldWhatTheNodeAnnouncesAndNoMoreUnlessAsked) {
  auto b = one_node();
  b.peer("own", "{'address': '10.0.0.251', 'remoteAs': 65000}");
  b.peer("all", "{'address': '10.0.0.252', 'remoteAs': 65000, 'defaultExport': 'All'}");
  b.peer("none", "{'address': '10.0.0.253', 'remoteAs': 65000, 'defaultExport': 'None'}");
  const Planned plan(b.world);
  EXPECT_TRUE(plan.told("own", "10.244.1.0/24"));
  EXPECT_FALSE(plan.told("own", "10.244.2.0/24", RouteSource::Ibgp));
  EXPECT_TRUE(plan.told("all", "10.244.2.0/24", RouteSource::Ibgp));
  EXPECT_FALSE(plan.told("none", "10.244.1.0/24"));
}

TEST(Peers, OfANodeThatReadsNoOtherAreTheSameWhereItLeadsAndKnowsThemAll) {
  Builder alone;
  alone.node(1).configuration("{'mesh': {'enabled': false}, 'masquerade': {'enabled': false}}");
  alone.peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000, 'defaultExport': 'All'}");
  auto leading = alone;
  leading.node(2).node(3);
  ASSERT_TRUE(Planned(alone.world).desired.bgpd_json);
  EXPECT_EQ(Planned(alone.world).desired, Planned(leading.world).desired);
}

}  // namespace
}  // namespace slash32::agent::plan
