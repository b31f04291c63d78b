// What policy says of next hop and kernel: metric, blackhole (RFC 7999), next hop on import and on export.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

config::PolicyTerm setting(const std::function<void(config::PolicySet&)>& change) {
  config::PolicyTerm term;
  term.then = config::PolicyOutcome::Accept;
  change(term.set);
  return term;
}

/// Neighbour 1 imports, and neighbours 2 (eBGP) and 3 (iBGP) export, by the policy "p".
struct PolicyWorld : World {
  explicit PolicyWorld(const std::function<void(config::PolicySet&)>& change, bool on_import = true) {
    RibSettings with = World::settings();
    with.policies["p"] = {setting(change)};
    rib.reconfigure(with);
    RibPeer from = ebgp(1), outside = ebgp(2), inside = ibgp(3);
    (on_import ? from.import_policies : outside.export_policies) = std::vector<std::string>{"p"};
    if (!on_import) inside.export_policies = std::vector<std::string>{"p"};
    up(1, from);
    up(2, outside);
    up(3, inside);
  }
  void learn(std::string_view next_hop = "192.0.2.1") {
    say(1, announce({"10.1.0.0/16"}, route({65001}, next_hop)));
    settle();
  }
};

TEST(PolicyKernel, AMetricGoesToTheKernelAndToNoNeighbour) {
  PolicyWorld w([](auto& set) { set.kernel_metric = 700; });
  w.learn();
  EXPECT_EQ(w.kernel_routes[net("10.1.0.0/16")].metric, 700U);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].marks, PolicyMarks{});
}

TEST(PolicyKernel, AMetricOnExportMeansNothing) {
  PolicyWorld w([](auto& set) { set.kernel_metric = 700; }, /*on_import=*/false);
  w.learn();
  EXPECT_EQ(w.kernel_routes[net("10.1.0.0/16")].metric, 0U);
}

TEST(PolicyKernel, ABlackholeNeedsNoNextHopAndIsPassedOn) {
  PolicyWorld w([](auto& set) { set.blackhole = true; });
  w.hops[ip("198.51.100.1")] = {.resolved = false, .oif = {}, .igp_cost = 0};
  w.learn("198.51.100.1");
  const FibDelta& route = w.kernel_routes[net("10.1.0.0/16")];
  EXPECT_TRUE(route.blackhole);
  EXPECT_TRUE(route.next_hops.empty());
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
}

TEST(PolicyKernel, ABlackholeTakesNoPartInAMultipathRoute) {
  PolicyWorld w([](auto& set) { set.blackhole = true; });
  w.learn();
  w.say(2, announce({"10.1.0.0/16"}, route({65002}, "192.0.2.2")));
  w.settle();
  EXPECT_TRUE(w.kernel_routes[net("10.1.0.0/16")].blackhole) << "the best path's";
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 65001})));  // loses now
  w.settle();
  EXPECT_FALSE(w.kernel_routes[net("10.1.0.0/16")].blackhole);
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.2")});
}

TEST(PolicyKernel, TakingTheMetricBackChangesTheRoute) {
  PolicyWorld w([](auto& set) { set.kernel_metric = 700; });
  w.learn();
  RibSettings plain = World::settings();
  plain.policies["p"] = {setting([](auto&) {})};
  w.rib.reconfigure(plain);
  w.settle();
  EXPECT_EQ(w.kernel_routes[net("10.1.0.0/16")].metric, 0U);
}

TEST(PolicyNextHop, OnImportThePathIsResolvedThroughIt) {
  PolicyWorld w([](auto& set) { set.next_hop.v4 = ip("192.0.2.77"); });
  w.learn();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.77")});
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].next_hop, ip("192.0.2.254")) << "our own towards eBGP, as ever";
}

TEST(PolicyNextHop, OfTheOtherFamilyChangesNothing) {
  PolicyWorld w([](auto& set) { set.next_hop.v6 = ip("2001:db8::77"); });
  w.learn();
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.1")});
}

TEST(PolicyNextHop, OnExportItIsSentAsItIs) {
  PolicyWorld w([](auto& set) { set.next_hop.v4 = ip("192.0.2.77"); }, /*on_import=*/false);
  w.learn();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].next_hop, ip("192.0.2.77"));
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].next_hop, ip("192.0.2.77"));
  EXPECT_EQ(w.gateways("10.1.0.0/16"), std::vector{ip("192.0.2.1")});
}

TEST(PolicyNextHop, IsNeverTheNeighboursOwnAddress) {  // RFC 4271 section 5.1.3
  PolicyWorld w([](auto& set) { set.next_hop.v4 = ip("192.0.2.2"); }, /*on_import=*/false);
  w.learn();
  EXPECT_FALSE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_TRUE(w.heard[3].knows("10.1.0.0/16"));
}

TEST(PolicyNextHop, SelfNamesUsTowardsIbgp) {
  PolicyWorld w([](auto& set) { set.next_hop.self = true; }, /*on_import=*/false);
  w.learn();
  EXPECT_EQ(w.heard[3]["10.1.0.0/16"].next_hop, ip("192.0.2.254"));
}

}  // namespace
}  // namespace slash32::bgp::test
