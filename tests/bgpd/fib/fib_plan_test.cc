// The plan as a pure function: one row a rule, and properties over tiny domains.
#include "bgpd/fib/fib_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace slash32::bgp {
namespace {

RouteKey key(const char* prefix, std::uint32_t metric = 512) {
  return {.table = netlink::kMainTable, .prefix = *Prefix::parse(prefix), .metric = metric};
}

FibNextHop hop(const char* gateway, int link) { return {*IpAddress::parse(gateway), IfIndex{link}}; }

RouteValue via(std::vector<FibNextHop> hops) {
  RouteValue value;
  value.next_hops = std::move(hops);
  return value;
}

TEST(FibPlan, CreatesWhatIsMissing) {
  const auto value = via({hop("10.0.0.1", 2)});
  EXPECT_THAT(plan({{key("10.1.0.0/24"), value}}, {}, {}),
              testing::ElementsAre(FibOperation{FibVerb::Create, key("10.1.0.0/24"), value}));
}

TEST(FibPlan, TouchesNothingThatIsIdentical) {
  const auto value = via({hop("10.0.0.1", 2)});
  EXPECT_TRUE(plan({{key("10.1.0.0/24"), value}}, {{key("10.1.0.0/24"), value}}, {}).empty());
}

TEST(FibPlan, ReplacesOursInPlaceRatherThanDeletingIt) {
  const auto value = via({hop("10.0.0.2", 2)});
  EXPECT_THAT(plan({{key("10.1.0.0/24"), value}}, {{key("10.1.0.0/24"), via({hop("10.0.0.1", 2)})}}, {}),
              testing::ElementsAre(FibOperation{FibVerb::Replace, key("10.1.0.0/24"), value}));
}

TEST(FibPlan, DeletesWhatNobodyWantsBeforeAnythingElse) {
  const auto value = via({hop("10.0.0.1", 2)});
  const auto ops = plan({{key("10.1.0.0/24"), value}}, {{key("10.2.0.0/24"), value}}, {});
  ASSERT_EQ(ops.size(), 2U);
  EXPECT_EQ(ops[0].verb, FibVerb::Delete);
  EXPECT_EQ(ops[1].verb, FibVerb::Create);
}

TEST(FibPlan, AStrangersRouteInThePlaceIsAConflict) {
  const auto ops = plan({{key("10.1.0.0/24"), via({hop("10.0.0.1", 2)})}}, {}, {key("10.1.0.0/24")});
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(ops[0].verb, FibVerb::Conflict);
}

TEST(FibPlan, AStrangersRouteWithAnotherMetricIsNoConflict) {
  const auto ops = plan({{key("10.1.0.0/24"), via({hop("10.0.0.1", 2)})}}, {}, {key("10.1.0.0/24", 100)});
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(ops[0].verb, FibVerb::Create);
}

TEST(FibPlan, OursBesideAStrangersIsNeverReplacedButMayBeDeleted) {
  EXPECT_EQ(decide({.desired = true, .ours = true, .identical = false, .foreign = true}), FibVerb::Conflict);
  EXPECT_EQ(decide({.desired = true, .ours = true, .identical = true, .foreign = true}), FibVerb::Nothing);
  EXPECT_EQ(decide({.desired = false, .ours = true, .identical = false, .foreign = true}), FibVerb::Delete);
  EXPECT_EQ(decide({.desired = false, .ours = false, .identical = false, .foreign = true}), FibVerb::Nothing);
}

TEST(FibPlan, OrderAndRepetitionOfNextHopsMeanNothing) {
  EXPECT_EQ(canonical({hop("10.0.0.2", 2), hop("10.0.0.1", 2), hop("10.0.0.2", 2)}),
            canonical({hop("10.0.0.1", 2), hop("10.0.0.2", 2)}));
}

/// A kernel as a map: applies a plan with the kernel's own rules.
struct FakeKernel {
  std::map<RouteKey, RouteValue> ours;
  std::map<RouteKey, RouteValue> foreign;

  void apply(const FibOperation& op) {
    if (op.verb == FibVerb::Conflict) return;
    ASSERT_FALSE(op.verb != FibVerb::Delete && foreign.contains(op.key)) << "a stranger's place was written";
    ASSERT_EQ(ours.contains(op.key), op.verb != FibVerb::Create) << "EEXIST or ENOENT";
    if (op.verb == FibVerb::Delete) {
      ours.erase(op.key);
    } else {
      ours[op.key] = op.value;
    }
  }
};

TEST(FibPlan, AppliedGivesWhatIsDesiredAndThenPlansOnlyConflicts) {
  constexpr unsigned kSeed = 20260101;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  const auto some = [&](unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random); };
  const std::vector<RouteKey> keys{key("10.1.0.0/24"), key("10.1.0.0/24", 100), key("10.1.0.0/25"), key("fd00::/64")};
  const std::vector<RouteValue> values{via({hop("10.0.0.1", 2)}), via({hop("10.0.0.2", 2)}),
                                       via({hop("10.0.0.1", 2), hop("10.0.0.2", 3)})};
  for (int round = 0; round < 5000; ++round) {
    FakeKernel kernel;
    std::map<RouteKey, RouteValue> desired;
    std::set<RouteKey> foreign;
    for (const RouteKey& k : keys) {
      if (some(2) == 0) desired[k] = values[some(3)];
      if (const auto there = some(3); there == 0)
        kernel.ours[k] = values[some(3)];
      else if (there == 1)
        kernel.foreign[k] = values[some(3)];
    }
    for (const auto& [k, v] : kernel.foreign) foreign.insert(k);
    const auto strangers = kernel.foreign;
    for (const auto& op : plan(desired, kernel.ours, foreign)) ASSERT_NO_FATAL_FAILURE(kernel.apply(op));
    EXPECT_EQ(kernel.foreign, strangers);
    for (const RouteKey& k : keys) {
      const bool expected = desired.contains(k) && !foreign.contains(k);
      ASSERT_EQ(kernel.ours.contains(k), expected);
      if (!expected) continue;
      ASSERT_EQ(kernel.ours.at(k), desired.at(k));
    }
    for (const auto& op : plan(desired, kernel.ours, foreign)) ASSERT_EQ(op.verb, FibVerb::Conflict);
  }
}

}  // namespace
}  // namespace slash32::bgp
