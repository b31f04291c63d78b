// node.json and the node's own ranges.
#include <gmock/gmock.h>

#include "config/node_conf.h"
#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

config::NodeConf node_conf(const Desired& desired) {
  EXPECT_TRUE(desired.node_json);
  const auto conf = config::parse_node_conf(desired.node_json.value_or("{}"));
  EXPECT_TRUE(conf) << (conf ? "" : conf.error().message);
  return conf ? *conf : config::NodeConf{};
}

TEST(NodeFile, HasEveryPodCidrOfBothFamilies) {
  Builder b;
  b.node(1).node(2);
  b.world.mtu = Mtu{1450};
  const Planned plan(b.world);
  const auto conf = node_conf(plan.desired);
  EXPECT_EQ(conf.node_name, "n1");
  EXPECT_THAT(conf.pod_cidrs, ElementsAre(net("10.244.1.0/24"), net("fd00:244:1::/64")));
  EXPECT_EQ(conf.mtu, Mtu{1450});
  EXPECT_TRUE(conf.masquerade);
  EXPECT_THAT(conf.masquerade_exempt, Contains(net("10.244.2.0/24")));  // the other node's pods
  EXPECT_THAT(conf.masquerade_exempt, Contains(net("10.0.0.2/32")));    // and the other node
  EXPECT_TRUE(plan.desired.waiting.empty()) << plan.all_waiting();
  EXPECT_TRUE(plan.condition("NodeConfigured").status);
}

TEST(NodeFile, WaitsForPodCidrsAndSaysWhatIsMissing) {
  Builder b;
  b.node(1, "{'spec': {}}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.node_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("Node n1 has no podCIDR"));
  EXPECT_FALSE(plan.condition("NodeConfigured").status);
  ASSERT_EQ(plan.desired.events.size(), 1U);
  EXPECT_EQ(plan.desired.events[0].reason, "PodCIDRMissing");
  EXPECT_TRUE(plan.desired.bgpd_json);  // sessions need no pods
}

TEST(NodeFile, WaitsForItsNodeAndForLists) {
  Builder b;
  b.node(2);
  EXPECT_THAT(Planned(b.world).all_waiting(), HasSubstr("Node n1 is not there"));
  b.node(1);
  b.world.listed.erase(model::Kind::Node);
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.node_json || plan.desired.bgpd_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("has not said yet which Nodes there are"));
}

TEST(NodeFile, OfANodeThatCannotBeReadStaysAndSaysWhy) {
  Builder b;
  b.node(2);
  b.world.left_out.push_back({model::Kind::Node, {"", "n1"}, "/spec/podCIDRs/0: must be"});
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.node_json || plan.desired.bgpd_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("Node n1: /spec/podCIDRs/0: must be"));
}

TEST(NodeFile, OfAChangedPodCidrHasTheNewRangeAndTheOldOneIsAnnouncedWhileAPodLivesInIt) {
  Builder b;
  b.node(1, "{'spec': {'podCIDRs': ['10.250.1.0/24']}}");
  b.world.live_pod_ranges = {net("10.244.1.0/24"), net("10.250.1.0/24")};
  const Planned both(b.world);
  EXPECT_THAT(node_conf(both.desired).pod_cidrs, ElementsAre(net("10.250.1.0/24")));
  ASSERT_TRUE(both.originated("10.244.1.0/24") && both.originated("10.250.1.0/24"));
  EXPECT_TRUE(both.originated("10.244.1.0/24")->blackhole);
  b.world.live_pod_ranges = {};
  EXPECT_FALSE(Planned(b.world).originated("10.244.1.0/24"));
}

TEST(NodeFile, ThatItsReaderWouldRefuseIsNotWritten) {
  Builder b;
  b.node(1, "{'spec': {'podCIDRs': ['10.244.1.0/24', '10.244.1.0/25']}}");
  const Planned plan(b.world);
  EXPECT_FALSE(plan.desired.node_json);
  EXPECT_THAT(plan.all_waiting(), HasSubstr("overlaps"));
}

TEST(Masquerade, IsOffWhereConfigurationSaysSo) {
  Builder b;
  b.node(1).configuration("{'masquerade': {'enabled': false}}");
  const auto conf = node_conf(Planned(b.world).desired);
  EXPECT_FALSE(conf.masquerade);
  EXPECT_TRUE(conf.masquerade_exempt.empty());
}

TEST(Masquerade, ExemptsConfiguredRangesInPlaceOfTheNodes) {
  Builder b;
  b.node(1).node(2).configuration(
      "{'pods': {'ranges': ['10.244.0.0/16']}, 'masquerade': {'exemptNodes': false, 'exempt': ['172.16.0.0/12']}}");
  EXPECT_THAT(node_conf(Planned(b.world).desired).masquerade_exempt,
              ElementsAre(net("10.244.0.0/16"), net("172.16.0.0/12")));
}

TEST(Masquerade, OfAnAdminsNetworkWithoutTheClustersRangesSaysWhatANodeThatJoinsMeets) {
  Builder b;
  b.node(1);
  const auto said = [&](bool keeps_tables) {
    std::string out;
    for (const auto& one : make_plan(b.world, {.node_name = "n1", .keeps_tables = keeps_tables}).conditions)
      if (one.type == "PodRangesGiven") out = one.status ? "true" : one.message;
    return out;
  };
  EXPECT_THAT(said(false), HasSubstr("pods.ranges"));
  EXPECT_EQ(said(true), "") << "the agent sees to it";
  b.configuration("{'pods': {'ranges': ['10.244.0.0/16']}}");
  EXPECT_EQ(said(false), "");
  b.configuration("{'masquerade': {'enabled': false}}");
  EXPECT_EQ(said(false), "");
}

TEST(Masquerade, OfAThousandNodesStaysWithinWhatAFileMayHave) {
  Builder b;
  b.node(1);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    model::Node node;
    node.meta.key.name = "m" + std::to_string(i);
    node.pod_cidrs = {Prefix(IpAddress::v4(0x0af50000 + 512 * i), 24)};  // no two side by side
    node.internal_ips = {IpAddress::v4(0x0a000000 + 2 * (i + 100))};
    b.world.nodes[node.meta.key.name] = node;
  }
  const Planned plan(b.world);
  const auto conf = node_conf(plan.desired);
  EXPECT_LE(conf.masquerade_exempt.size(), 256U);
  for (const auto& [name, node] : b.world.nodes)
    for (const auto& range : node.pod_cidrs)
      EXPECT_TRUE(std::ranges::any_of(conf.masquerade_exempt, [&](const Prefix& p) { return p.contains(range); }))
          << range.to_string();
  EXPECT_THAT(plan.condition("NodeConfigured").message, HasSubstr("masquerade.exempt"));
  EXPECT_THAT(plan.names(), Contains("node:m999"));
}

}  // namespace
}  // namespace slash32::agent::plan
