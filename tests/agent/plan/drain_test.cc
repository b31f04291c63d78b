// When a node's speaker drains, and what becomes of Services' routes then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::HasSubstr;

constexpr const char* kCordoned = "{'spec': {'podCIDRs': ['10.244.1.0/24'], 'unschedulable': true}}";

bool drains(const Builder& b) { return Planned(b.world).conf.drain; }

std::string annotated(const std::string& value) {
  return "{'metadata': {'annotations': {'slash32.io/drain': '" + value + "'}}," + std::string(kCordoned).substr(1);
}

std::string ready(const std::string& status, const std::string& message) {
  return "{'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}], 'conditions': [{'type': "
         "'MemoryPressure', 'status': 'False'}, {'type': 'Ready', 'status': '" +
         status + "', 'message': '" + message + "'}]}}";
}

TEST(Drain, ACordonDrainsUnlessTheConfigurationForbidsItAndUncordoningEndsIt) {
  Builder b;
  b.node(1, kCordoned);
  EXPECT_TRUE(drains(b)) << "so does kubectl drain begin";
  b.configuration("{'drainOnCordon': false}");
  EXPECT_FALSE(drains(b));
  b.configuration("{}");
  EXPECT_TRUE(drains(b));
  EXPECT_EQ(Planned(b.world).condition("Draining").reason, "Cordoned");
  b.node(1);
  EXPECT_FALSE(drains(b));
  for (const auto& condition : Planned(b.world).desired.conditions) EXPECT_NE(condition.type, "Draining");
}

TEST(Drain, OfAnotherNodeIsNotOurs) {
  Builder b;
  b.node(1).node(2, kCordoned);
  EXPECT_FALSE(drains(b));
}

TEST(Drain, AnAnnotationAsksForItAndForbidsIt) {
  Builder b;
  b.node(1, annotated("true"));
  EXPECT_TRUE(drains(b));
  EXPECT_EQ(Planned(b.world).condition("Draining").reason, "Annotated");
  b.node(1, annotated("false"));
  EXPECT_FALSE(drains(b));
}

TEST(Drain, AnAnnotationThatIsNeitherIsSaidAndCountsAsNone) {
  Builder b;
  b.node(1, annotated("yes")).configuration("{'drainOnCordon': false}");
  const Planned plan(b.world);
  ASSERT_TRUE(plan.desired.bgpd_json) << "the rest of the plan does not wait for it";
  EXPECT_FALSE(plan.conf.drain);
  EXPECT_FALSE(plan.condition("Draining").status);
  EXPECT_EQ(plan.condition("Draining").reason, "InvalidAnnotation");
  EXPECT_THAT(plan.condition("Draining").message, HasSubstr("slash32.io~1drain"));
  EXPECT_THAT(plan.condition("Draining").message, HasSubstr("must be \"true\" or \"false\""));
  EXPECT_EQ(std::ranges::count(plan.desired.events, "InvalidDrainAnnotation", &Event::reason), 1);
  b.configuration("{}");
  EXPECT_TRUE(drains(b)) << "what else asks for it still does";
  EXPECT_THAT(Planned(b.world).condition("Draining").message, HasSubstr("slash32.io~1drain"));
}

TEST(Drain, AnAnnotationThatIsNeitherLeavesTheOtherNodesAlone) {
  Builder b;
  b.node(1).node(2, annotated("yes"));
  const Planned plan(b.world);
  ASSERT_EQ(plan.desired.neighbors.size(), 1U);
  EXPECT_TRUE(plan.desired.neighbors[0].configured) << plan.desired.neighbors[0].problem;
  EXPECT_EQ(std::ranges::count(plan.desired.events, "InvalidDrainAnnotation", &Event::reason), 0);
}

TEST(Drain, GracefulNodeShutdownDrainsWithoutBeingAskedFor) {
  Builder b;
  b.node(1, ready("False", "node is shutting down"));
  EXPECT_TRUE(drains(b));
  EXPECT_EQ(Planned(b.world).condition("Draining").reason, "ShuttingDown");
  b.node(1, ready("False", "container runtime network not ready"));
  EXPECT_FALSE(drains(b));
  b.node(1, ready("True", "kubelet is posting ready status"));
  EXPECT_FALSE(drains(b));
}

class DrainedService : public testing::Test {
 protected:
  void service(const std::string& policy, std::uint32_t all, std::uint32_t here) {
    b_.node(1)
        .pool("public", "{'addresses': ['192.0.2.0/24']}")
        .service("web",
                 "{'spec': {'type': 'LoadBalancer', 'clusterIP': '10.96.0.9', 'externalTrafficPolicy': '" + policy +
                     "', 'ports': [{'port': 80}]}, 'status': {'loadBalancer': {'ingress': [{'ip': '192.0.2.7'}]}}}")
        .endpoints("web", all, here);
  }
  bool is_withdrawn() {
    const Planned plan(b_.world);
    const auto* one = plan.originated("192.0.2.7/32");
    EXPECT_NE(one, nullptr);
    return one != nullptr && one->withdrawn_by_drain;
  }
  Builder b_;
};

TEST_F(DrainedService, OfPolicyClusterIsWithdrawnSinceOthersAnnounceItAsWell) {
  service("Cluster", 1, 1);
  EXPECT_TRUE(is_withdrawn());
}

TEST_F(DrainedService, OfPolicyLocalIsWithdrawnWhereAnotherNodeHasAnEndpoint) {
  service("Local", 2, 1);
  EXPECT_TRUE(is_withdrawn());
}

TEST_F(DrainedService, OfPolicyLocalStaysAsTheLastResortWhileItsOnlyEndpointsAreHere) {
  service("Local", 2, 2);
  EXPECT_FALSE(is_withdrawn());
}

TEST_F(DrainedService, OfACordonedNodeStaysAsTheLastResortSinceAllNodesMayBeCordonedAtOnce) {
  service("Cluster", 1, 1);
  b_.node(1, kCordoned);
  EXPECT_TRUE(drains(b_));
  EXPECT_FALSE(is_withdrawn());
  b_.node(1);
  EXPECT_TRUE(is_withdrawn()) << "of a drain that somebody orders by hand";
}

TEST_F(DrainedService, OfANodeThatIsAnnotatedOrShutDownIsWithdrawnThoughItIsCordonedToo) {
  service("Cluster", 1, 1);
  b_.node(1, annotated("true"));
  EXPECT_TRUE(is_withdrawn());
  b_.node(1, ready("False", "node is shutting down"));
  EXPECT_TRUE(drains(b_));
  EXPECT_TRUE(is_withdrawn());
}

TEST_F(DrainedService, PodRangesStay) {
  service("Cluster", 1, 1);
  const Planned plan(b_.world);
  EXPECT_FALSE(plan.originated("10.244.1.0/24")->withdrawn_by_drain);
}

}  // namespace
}  // namespace slash32::agent::plan
