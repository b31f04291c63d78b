// BGPPeers whose peers are nodes: peerSelector.
#include <gmock/gmock.h>

#include <random>

#include "agent/plan/status.h"
#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using config::RouteSource;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kRackA = "{'metadata': {'labels': {'rack': 'a'}}}";
const std::string kRackB = "{'metadata': {'labels': {'rack': 'b'}}}";
const std::string kReflectorA = "{'metadata': {'labels': {'rack': 'a', 'rr': 'yes'}}}";
const std::string kReflectorB = "{'metadata': {'labels': {'rack': 'b', 'rr': 'yes'}}}";

std::string reflectors_of_rack(const std::string& rack, const std::string& more = "") {
  return "{'nodeSelector': {'matchLabels': {'rack': '" + rack +
         "', 'rr': 'yes'}}, 'peerSelector': {'matchLabels': {'rack': '" + rack + "'}}, 'routeReflectorClient': true" +
         more + "}";
}

/// Two racks with a reflector each, n1 and n4, which speak with each other.
Builder racks() {
  Builder b;
  b.configuration("{'mesh': {'enabled': false}}");
  b.node(1, kReflectorA).node(2, kRackA).node(3, kRackA).node(4, kReflectorB).node(5, kRackB);
  b.peer("rack-a", reflectors_of_rack("a")).peer("rack-b", reflectors_of_rack("b"));
  b.peer("spine", "{'nodeSelector': {'matchLabels': {'rr': 'yes'}}, 'peerSelector': {'matchLabels': {'rr': 'yes'}}}");
  return b;
}

TEST(NodePeers, OfAReflectorAreItsRackAndTheOtherReflectors) {
  const auto b = racks();
  const Planned reflector(b.world, "n1");
  EXPECT_THAT(reflector.names(), ElementsAre("rack-a_n2", "rack-a_n3", "spine_n4"));
  const auto& client = reflector.neighbor("rack-a_n2");
  EXPECT_EQ(client.address, ip("10.0.0.2"));
  EXPECT_EQ(client.local_address, ip("10.0.0.1"));
  EXPECT_EQ(client.remote_as.asn, Asn{64512});
  EXPECT_TRUE(client.route_reflector_client);
  EXPECT_FALSE(reflector.neighbor("spine_n4").route_reflector_client);
  EXPECT_TRUE(reflector.told("rack-a_n2", "10.244.3.0/24", RouteSource::Ibgp));
  EXPECT_FALSE(reflector.told("spine_n4", "10.244.3.0/24", RouteSource::Ebgp));
  EXPECT_TRUE(reflector.takes("rack-a_n2", "10.244.2.0/24"));
  EXPECT_TRUE(reflector.condition("BGPConfigured").status) << reflector.condition("BGPConfigured").message;
}

TEST(NodePeers, OfAClientAreItsReflectorsAlone) {
  const auto b = racks();
  const Planned client(b.world, "n3");
  EXPECT_THAT(client.names(), ElementsAre("rack-a_n1"));
  EXPECT_FALSE(client.neighbor("rack-a_n1").route_reflector_client);
  EXPECT_TRUE(client.told("rack-a_n1", "10.244.3.0/24"));
  EXPECT_FALSE(client.told("rack-a_n1", "10.244.2.0/24", RouteSource::Ibgp));
  EXPECT_EQ(client.said_of("rack-a_n1").origin, "BGPPeer rack-a");
}

TEST(NodePeers, ThatBothSelectorsMatchAreNobodysClientsAndWaitForNobody) {
  auto b = racks();
  b.node(3, kReflectorA).peer("rack-a", reflectors_of_rack("a", ", 'passive': true"));
  const Planned reflector(b.world, "n1");
  EXPECT_FALSE(reflector.neighbor("rack-a_n3").route_reflector_client);
  EXPECT_FALSE(reflector.neighbor("rack-a_n3").passive);
  EXPECT_TRUE(reflector.neighbor("rack-a_n2").passive);
  EXPECT_FALSE(Planned(b.world, "n2").neighbor("rack-a_n1").passive) << "somebody must call";
  EXPECT_THAT(reflector.names(), ElementsAre("rack-a_n2", "rack-a_n3", "spine_n4")) << "spine wants n3 as well";
}

TEST(NodePeers, OfAnotherAsAreNoClients) {
  auto b = racks();
  b.node(2,
         "{'metadata': {'labels': {'rack': 'a'}, 'annotations': {'slash32.io/as': '65002', 'slash32.io/address': "
         "'10.9.9.2'}}}");
  const Planned reflector(b.world, "n1");
  const auto& other = reflector.neighbor("rack-a_n2");
  EXPECT_EQ(other.remote_as.asn, Asn{65002});
  EXPECT_EQ(other.address, ip("10.9.9.2"));
  EXPECT_FALSE(other.route_reflector_client);
  EXPECT_TRUE(reflector.takes("rack-a_n2", "10.244.2.0/24")) << "eBGP between nodes needs a policy, and has one";
}

TEST(NodePeers, HaveTheSettingsAndKeysOfTheirBgpPeerAtBothEnds) {
  auto b = racks();
  b.peer("rack-a", reflectors_of_rack("a", ", 'holdTime': 9, 'bfd': {'minTx': 50}, 'passwordSecret': {'name': 'key'}"));
  b.secret("key", "sesame");
  for (const std::string from : {"n1", "n3"}) {
    const Planned plan(b.world, from);
    const auto& n = plan.neighbor(from == "n1" ? "rack-a_n3" : "rack-a_n1");
    EXPECT_EQ(n.hold_time, Seconds{9});
    EXPECT_EQ(n.bfd->min_tx, Milliseconds{50});
    EXPECT_EQ(plan.desired.secret_files.at(*n.password_file), "sesame");
    EXPECT_EQ(needs_of(b.world, from).secrets, std::set<std::string>{"key"});
  }
  EXPECT_THAT(needs_of(b.world, "n5").secrets, IsEmpty());
}

TEST(NodePeers, StandInTheMeshsPlace) {
  auto b = racks();
  b.configuration("{}");
  const Planned plan(b.world, "n2");
  EXPECT_THAT(plan.names(), ElementsAre("rack-a_n1", "node:n3", "node:n4", "node:n5"));
}

TEST(NodePeers, AreToldOfServicesWhereAnAdvertisementSaysSo) {
  auto b = racks();
  b.configuration("{'mesh': {'enabled': false}, 'services': {'loadBalancerIPRanges': ['192.0.2.0/24']}}");
  b.service("web",
            "{'spec': {'type': 'LoadBalancer', 'clusterIP': '10.96.0.1', 'ports': [{'port': 80}]}, "
            "'status': {'loadBalancer': {'ingress': [{'ip': '192.0.2.1'}]}}}");
  b.endpoints("web", 1, 1);
  b.advertisement("all", "{'advertise': ['LoadBalancerIP']}");
  EXPECT_TRUE(Planned(b.world, "n3").originated("192.0.2.1/32"));
  EXPECT_FALSE(Planned(b.world, "n3").told("rack-a_n1", "192.0.2.1/32"));
  EXPECT_FALSE(Planned(b.world, "n1").takes("rack-a_n3", "192.0.2.1/32"));
  b.advertisement("all", "{'advertise': ['LoadBalancerIP'], 'toMesh': true}");
  EXPECT_TRUE(Planned(b.world, "n3").told("rack-a_n1", "192.0.2.1/32"));
  EXPECT_TRUE(Planned(b.world, "n1").takes("rack-a_n3", "192.0.2.1/32"));
}

TEST(NodePeers, AreFilteredAsTheirBgpPeerSays) {
  auto b = racks();
  b.filter("no-two", "[{'match': {'prefix': '10.244.2.0/24'}, 'then': 'reject'}]");
  b.peer("rack-a", reflectors_of_rack("a", ", 'importFilters': ['no-two'], 'exportFilters': ['no-two']"));
  const Planned plan(b.world, "n1");
  EXPECT_FALSE(plan.takes("rack-a_n3", "10.244.2.0/24"));
  EXPECT_TRUE(plan.takes("rack-a_n3", "10.244.3.0/24"));
  EXPECT_FALSE(plan.told("rack-a_n3", "10.244.2.0/24", RouteSource::Ibgp));
  b.peer("rack-a", reflectors_of_rack("a", ", 'defaultImport': 'Reject', 'defaultExport': 'Own'"));
  EXPECT_FALSE(Planned(b.world, "n1").takes("rack-a_n3", "10.244.3.0/24"));
  EXPECT_FALSE(Planned(b.world, "n1").told("rack-a_n3", "10.244.2.0/24", RouteSource::Ibgp));
  b.peer("rack-a", reflectors_of_rack("a", ", 'importFilters': ['none-such']"));
  EXPECT_FALSE(Planned(b.world, "n1").takes("rack-a_n3", "10.244.3.0/24"));
  EXPECT_THAT(Planned(b.world, "n1").said_of("rack-a_n3").problem, HasSubstr("there is no BGPFilter \"none-such\""));
}

TEST(NodePeers, ThatCannotBeAreLeftOutAndTheOthersStay) {
  auto b = racks();
  const std::string at = ", 'status': {'addresses': [{'type': 'InternalIP', 'address': '";
  b.node(2, "{'metadata': {'labels': {'rack': 'a'}}" + at + "fd00::2'}]}}");
  b.node(3, "{'metadata': {'labels': {'rack': 'a'}}" + at + "240.0.0.1'}]}}");
  b.node(6, kRackA);
  const Planned plan(b.world, "n1");
  EXPECT_THAT(plan.names(), ElementsAre("rack-a_n6", "spine_n4"));
  EXPECT_THAT(plan.said_of("rack-a_n2").problem,
              HasSubstr("Node n2: it and this node have no InternalIP of one family"));
  EXPECT_THAT(plan.said_of("rack-a_n3").problem, HasSubstr("Node n3: its InternalIP 240.0.0.1 is "));
  b.peer("rack-a", reflectors_of_rack("a", ", 'multihop': 2, 'ttlSecurity': 1"));
  EXPECT_THAT(Planned(b.world, "n1").names(), ElementsAre("spine_n4"));
  EXPECT_THAT(Planned(b.world, "n1").said_of("rack-a").problem, HasSubstr("/spec/multihop: excludes ttlSecurity"));
}

TEST(NodePeers, WithWhatOneEndAloneCanSayAreRefused) {
  const auto error_of = [](const std::string& spec) {
    const auto read = model::read_bgp_peer(Builder::object("p", "", "{'spec': {" + spec + "}}"));
    return read ? "" : read.error().message;
  };
  const std::string all = "'peerSelector': {}";
  EXPECT_EQ(error_of(all), "");
  for (const std::string one : {"'remoteAs': 1", "'localAs': 1", "'localAddress': '10.0.0.1'", "'role': 'peer'"})
    EXPECT_THAT(error_of(all + ", " + one), HasSubstr(": excludes peerSelector: "));
  EXPECT_THAT(error_of(all + ", 'address': '10.0.0.254'"),
              HasSubstr("exactly one of address, interface, defaultGateway, peer"));
  EXPECT_THAT(error_of(all + ", 'tcpAo': {'keys': [{'sendId': 1, 'receiveId': 2, 'secret': {'name': 'k'}}]}"),
              HasSubstr("/spec/tcpAo: needs id with peerSelector"));
  EXPECT_EQ(error_of("'address': '10.0.0.254'"), "/spec/remoteAs: is missing");
}

TEST(NodePeers, AreCountedInTheStatusOfTheirBgpPeer) {
  auto b = racks();
  b.peer("nobody", "{'peerSelector': {'matchLabels': {'rack': 'z'}}}");
  b.peer("itself",
         "{'nodeSelector': {'matchLabels': {'rack': 'b', 'rr': 'yes'}}, 'peerSelector': {'matchLabels': "
         "{'rack': 'b', 'rr': 'yes'}}}");
  b.peer("wrong", reflectors_of_rack("a", ", 'multihop': 2, 'ttlSecurity': 1"));
  const auto conditions = peer_conditions(b.world);
  EXPECT_TRUE(conditions.at("rack-a").status) << conditions.at("rack-a").message;
  EXPECT_EQ(conditions.at("rack-a").message, "selects 1 node, and as their peers 3 nodes");
  EXPECT_EQ(conditions.at("nobody").message, "/spec/peerSelector matches no node");
  EXPECT_EQ(conditions.at("itself").message, "/spec/peerSelector matches no other node than /spec/nodeSelector");
  EXPECT_EQ(conditions.at("itself").reason, "NoNodes");
  EXPECT_THAT(conditions.at("wrong").message, HasSubstr("/spec/multihop: excludes ttlSecurity"));
}

TEST(NodePeers, NeedEveryNodeToBeKnown) {
  Builder b;
  b.configuration("{'mesh': {'enabled': false}, 'masquerade': {'enabled': false}}");
  EXPECT_FALSE(reads_all_nodes(b.world, b.world.configurations.at("default")));
  b.peer("any", "{'peerSelector': {}}");
  EXPECT_TRUE(reads_all_nodes(b.world, b.world.configurations.at("default")));
}

/// Selectors of every kind, over nodes with any labels.
TEST(NodePeers, AgreeAtBothEndsWhateverIsSelected) {
  std::mt19937 engine(20261123);
  const auto yes = [&] { return engine() % 2 == 0; };
  const auto selector = [&](const char* key) {
    return std::string("'") + key + "': {" +
           (yes()   ? ""
            : yes() ? "'matchLabels': {'rack': 'a'}"
                    : "'matchLabels': {'rr': 'yes'}") +
           "}";
  };
  for (int round = 0; round < 200; ++round) {
    Builder b;
    b.configuration("{'mesh': {'enabled': false}}");
    for (int n = 1; n <= 5; ++n) b.node(n, yes() ? yes() ? kRackA : kReflectorA : yes() ? kRackB : kReflectorB);
    for (const std::string name : {"p", "q"})
      b.peer(name, "{" + selector("nodeSelector") + ", " + selector("peerSelector") + ", 'passive': true, " +
                       "'routeReflectorClient': true}");
    std::map<std::pair<std::string, std::string>, config::NeighborConf> ends;
    for (int n = 1; n <= 5; ++n)
      for (const auto& one : Planned(b.world, "n" + std::to_string(n)).conf.neighbors)
        ends[{one.local_address->to_string(), one.address.to_string()}] = one;
    for (const auto& [at, one] : ends) {
      const auto other = ends.find({at.second, at.first});
      ASSERT_NE(other, ends.end()) << at.first << " has " << at.second << ", which does not have it; round " << round;
      EXPECT_FALSE(one.route_reflector_client && other->second.route_reflector_client) << "round " << round;
      EXPECT_FALSE(one.passive && other->second.passive) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace slash32::agent::plan
