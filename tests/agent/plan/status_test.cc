// What is said back to the API.
#include "agent/plan/status.h"

#include <gmock/gmock.h>

#include "agent/plan/ranges.h"
#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(NodeStatus, HasPeersAlwaysAndNodesWhileTheyAreDown) {
  Builder b;
  b.node(1).node(2).node(3).peer("tor", "{'address': '10.0.0.254', 'remoteAs': 65000}");
  const PlanOptions options{.node_name = "n1"};
  const auto desired = make_plan(b.world, options);
  const std::map<std::string, SessionView> sessions = {{"tor", {"Established", "2026-01-01T00:00:00Z", "", 3, 1}},
                                                       {"node:n2", {"Established", "", "", 1, 1}},
                                                       {"node:n3", {"Connect", "", "hold timer", 0, 0}}};
  const auto object = node_status_object(desired, options, {.uid = {}, .sessions = sessions, .conditions = {}}, nullptr,
                                         "2026-01-02T00:00:00Z");
  EXPECT_EQ(object["metadata"]["name"], "n1");
  const auto& status = object["status"];
  EXPECT_EQ(status["sessions"], (nlohmann::json{{"established", 2}, {"configured", 3}}));
  ASSERT_EQ(status["neighbors"].size(), 2U);
  EXPECT_EQ(status["neighbors"][0]["name"], "tor");
  EXPECT_EQ(status["neighbors"][0]["received"], 3);
  EXPECT_EQ(status["neighbors"][1]["reason"], "hold timer");
  EXPECT_EQ(status["localAs"], 64512);
}

TEST(NodeStatus, HasTheIdentityThatTheSpeakerIsGiven) {
  Builder b;
  b.node(1).node(2, "{'metadata': {'annotations': {'slash32.io/as': '65002', 'slash32.io/router-id': '192.0.2.2'}}}");
  const auto status_of = [&](const std::string& node) {
    const PlanOptions options{.node_name = node};
    return node_status_object(make_plan(b.world, options), options, {}, nullptr, "")["status"];
  };
  EXPECT_EQ(status_of("n1")["routerId"], "10.0.0.1");
  EXPECT_EQ(status_of("n2")["routerId"], "192.0.2.2");
  EXPECT_EQ(status_of("n2")["localAs"], 65002);
}

TEST(NodeStatus, KeepsTheTimeOfAConditionThatStands) {
  Builder b;
  b.node(1);
  const PlanOptions options{.node_name = "n1"};
  const auto first = node_status_object(make_plan(b.world, options), options, {}, nullptr, "t1");
  const auto second = node_status_object(make_plan(b.world, options), options, {}, first, "t2");
  EXPECT_EQ(first, second);
  b.peer("tor", "{'interface': 'eth0', 'remoteAs': 1, 'multihop': 3}");
  const auto third = node_status_object(make_plan(b.world, options), options, {}, second, "t3");
  for (const auto& condition : third["status"]["conditions"])
    EXPECT_EQ(condition["lastTransitionTime"], condition["type"] == "BGPConfigured" ? "t3" : "t1");
}

TEST(NodeStatus, SaysWhatAgentAndSpeakerKnowOfThemselves) {
  Builder b;
  b.node(1);
  const PlanOptions options{.node_name = "n1"};
  NodeView view{.uid = "u-1", .sessions = {}, .conditions = {}};
  view.conditions = {ready_condition({"no conflist yet"}, {"no conflist yet", "not watching Node: HTTP 403"}),
                     speaker_condition(std::vector<std::string>{"kernel.maxRoutes is reached", "no state file"})};
  const auto object = node_status_object(make_plan(b.world, options), options, view, nullptr, "t1");
  const auto& conditions = object["status"]["conditions"];
  EXPECT_EQ(conditions[0],
            quoted("{'type': 'Ready', 'status': 'False', 'reason': 'NotReady', 'lastTransitionTime': 't1',"
                   " 'message': 'no conflist yet; not watching Node: HTTP 403'}"));
  EXPECT_EQ(conditions[1],
            quoted("{'type': 'SpeakerHealthy', 'status': 'False', 'reason': 'Conditions',"
                   " 'lastTransitionTime': 't1', 'message': 'kernel.maxRoutes is reached; no state file'}"));
  EXPECT_EQ(conditions[2]["type"], "NodeConfigured");
  EXPECT_EQ(speaker_condition(std::nullopt).reason, "NoAnswer");
  EXPECT_TRUE(speaker_condition(std::vector<std::string>{}).status);
  EXPECT_EQ(ready_condition({}, {"10-other.conflist sorts before ours"}).reason, "ReadyWithTroubles");
}

TEST(NodeStatus, IsOwnedByItsNodeAndGoesWithIt) {
  Builder b;
  b.node(1);
  const PlanOptions options{.node_name = "n1"};
  const auto desired = make_plan(b.world, options);
  const auto object =
      node_status_object(desired, options, {.uid = "u-1", .sessions = {}, .conditions = {}}, nullptr, "");
  EXPECT_EQ(object["metadata"]["ownerReferences"],
            quoted("[{'apiVersion': 'v1', 'kind': 'Node', 'name': 'n1', 'uid': 'u-1'}]"));
  EXPECT_FALSE(node_status_object(desired, options, {}, nullptr, "")["metadata"].contains("ownerReferences"))
      << "one without a uid is refused";
}

TEST(PeerCondition, SaysWhatIsWrongOnEveryNode) {
  Builder b;
  b.node(1).node(2);
  b.peer("good", "{'address': '10.0.0.254', 'remoteAs': 65000, 'passwordSecret': {'name': 'x'}}");
  b.peer("signed", "{'address': '10.0.0.253', 'remoteAs': 1, 'tcpAo': {'keys': [{'id': 1, 'secret': {'name': 'x'}}]}}");
  b.peer("unsigned", "{'address': '10.0.0.252', 'remoteAs': 1, 'tcpAo': {'keys': [{'secret': {'name': 'x'}}]}}");
  b.peer("gateway", "{'defaultGateway': 'ipv4', 'remoteAs': 65000}");
  b.peer("nobody", "{'address': '10.0.0.254', 'remoteAs': 1, 'nodeSelector': {'matchLabels': {'x': 'y'}}}");
  b.peer("interface", "{'interface': 'eth0', 'remoteAs': 1}");
  b.peer("far", "{'interface': 'eth0', 'remoteAs': 1, 'multihop': 3}");
  b.peer("filter", "{'address': '10.0.0.254', 'remoteAs': 1, 'importFilters': ['f']}");
  b.peer("client", "{'address': '10.0.0.254', 'remoteAs': 1, 'routeReflectorClient': true}");
  b.world.left_out.push_back({model::Kind::BgpPeer, {"", "broken"}, "/spec/remoteAs: is missing"});
  const auto conditions = peer_conditions(b.world);
  EXPECT_TRUE(conditions.at("good").status) << conditions.at("good").message;
  EXPECT_EQ(conditions.at("good").message, "selects 2 nodes");
  EXPECT_TRUE(conditions.at("signed").status) << conditions.at("signed").message;
  EXPECT_EQ(conditions.at("unsigned").message, "/spec/tcpAo/keys/0/sendId: is missing");
  EXPECT_TRUE(conditions.at("gateway").status) << conditions.at("gateway").message;
  EXPECT_EQ(conditions.at("nobody").reason, "NoNodes");
  EXPECT_TRUE(conditions.at("interface").status) << conditions.at("interface").message;
  EXPECT_THAT(conditions.at("far").message, HasSubstr("/spec/multihop: cannot be"));
  EXPECT_THAT(conditions.at("filter").message, HasSubstr("there is no BGPFilter \"f\""));
  EXPECT_THAT(conditions.at("client").message, HasSubstr("/spec/routeReflectorClient: only an iBGP"));
  EXPECT_EQ(conditions.at("broken").message, "/spec/remoteAs: is missing");
}

TEST(PoolStatus, HasCountsThatTheApiCanTake) {
  Builder b;
  b.pool("p", "{'addresses': ['2001:db8::/32']}").pool("q", "{'addresses': ['192.0.2.0/24']}");
  const auto plan = plan_load_balancers(b.world);
  const auto counters = pool_counters(plan);
  EXPECT_EQ(counters.at("p")["total"], std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(counters.at("q"), (nlohmann::json{{"total", 256}, {"used", 0}, {"free", 256}}));
  EXPECT_TRUE(pool_conditions(b.world, plan).at("q").status);
}

TEST(Ranges, JoinHalvesAndDropWhatIsInside) {
  EXPECT_THAT(joined({net("10.0.1.0/24"), net("10.0.0.0/24"), net("10.0.0.128/25"), net("10.0.2.0/24")}),
              ElementsAre(net("10.0.0.0/23"), net("10.0.2.0/24")));
  EXPECT_THAT(joined({net("0.0.0.0/1"), net("128.0.0.0/1")}), ElementsAre(net("0.0.0.0/0")));
  EXPECT_THAT(joined({net("255.255.255.255/32"), net("::/128"), net("::1/128")}),
              ElementsAre(net("255.255.255.255/32"), net("::/127")));
}

TEST(Ranges, HaveOneCoverAFamily) {
  EXPECT_THAT(covers({net("10.244.1.0/24"), net("10.244.9.0/24"), net("fd00::/64")}),
              ElementsAre(net("10.244.0.0/20"), net("fd00::/64")));
  EXPECT_TRUE(covers({}).empty());
}

}  // namespace
}  // namespace slash32::agent::plan
