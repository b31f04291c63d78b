// RFC 4271 section 5, of a route on its way through: Partial stays, and who attaches an optional transitive attribute
// to a route that is not its own sets it.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

config::PolicyTerm setting(const std::function<void(config::PolicySet&)>& change) {
  config::PolicyTerm term;
  term.then = config::PolicyOutcome::Accept;
  change(term.set);
  return term;
}

/// What neighbour 2 hears of 10.1.0.0/16 where it is told by policy `set`, and neighbour 1 said `said`.
PathAttributes told(const PathAttributes& said, const std::vector<config::PolicyTerm>& policy) {
  World w;
  RibSettings settings = World::settings();
  settings.policies["set"] = policy;
  w.rib.reconfigure(settings);
  w.up(1, ebgp(1));
  RibPeer other = ebgp(2);
  other.export_policies = {{"set"}};
  w.up(2, other);
  w.say(1, announce({"10.1.0.0/16"}, said));
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  return w.heard[2].knows("10.1.0.0/16") ? w.heard[2]["10.1.0.0/16"] : PathAttributes{};
}

constexpr Community kOne = 0xfde90001;
constexpr Community kTwo = 0xfde90002;

PathAttributes with_one(std::uint8_t partial) {
  return but(route({65001}), [&](auto& a) {
    a.communities = {kOne};
    a.partial = partial;
  });
}

TEST(Rfc4271_5, PartialStaysThroughThePoliciesThatLeaveTheAttributeAlone) {
  EXPECT_EQ(told(with_one(partial::kCommunities), {setting([](auto&) {})}).partial, partial::kCommunities);
  EXPECT_EQ(told(with_one(0), {setting([](auto&) {})}).partial, 0);
}

TEST(Rfc4271_5, PartialStaysWhereThePolicyChangesTheValue) {
  const auto replace = setting([](auto& set) { set.communities.replace = std::vector{kTwo}; });
  EXPECT_EQ(told(with_one(partial::kCommunities), {replace}).communities, std::vector{kTwo});
  EXPECT_EQ(told(with_one(partial::kCommunities), {replace}).partial, partial::kCommunities);
  EXPECT_EQ(told(with_one(0), {replace}).partial, 0) << "the originator attached it";
}

TEST(Rfc4271_5, AnAttributeThatPolicyAttachesToALearnedRouteIsPartial) {
  const auto add = setting([](auto& set) { set.communities.add = {kTwo}; });
  EXPECT_EQ(told(route({65001}), {add}).partial, partial::kCommunities);
  EXPECT_EQ(told(with_one(0), {add}).partial, 0) << "it was there";
}

TEST(Rfc4271_5, AnAttributeThatIsGoneHasNoPartial) {
  const auto none = setting([](auto& set) { set.communities.replace = std::vector<Community>{}; });
  EXPECT_EQ(told(with_one(partial::kCommunities), {none}).partial, 0);
}

TEST(Rfc4271_5, WhatWeAttachToOurOwnRoutesIsNotPartial) {
  World w;
  RibSettings settings = World::settings();
  settings.policies["set"] = {setting([](auto& set) { set.communities.add = {kTwo}; })};
  w.rib.reconfigure(settings);
  RibPeer other = ebgp(2);
  other.export_policies = {{"set"}};
  other.draining = true;  // adds GRACEFUL_SHUTDOWN
  w.up(2, other);
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  ASSERT_TRUE(w.heard[2].knows("10.244.1.0/24"));
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].communities.size(), 2U);
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].partial, 0);
}

TEST(Rfc4271_5, GracefulShutdownOnALearnedRouteWithoutCommunitiesIsPartial) {
  World w;
  w.up(1, ebgp(1));
  RibPeer other = ebgp(2);
  other.draining = true;
  w.up(2, other);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(1, announce({"10.2.0.0/16"}, with_one(0)));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].partial, partial::kCommunities);
  EXPECT_EQ(w.heard[2]["10.2.0.0/16"].partial, 0);
}

TEST(Rfc4271_5, TheOtcThatWeAttachToALearnedRouteIsPartial) {
  World w;
  RibPeer customer = ebgp(1);
  customer.role = BgpRole::Provider;  // ours
  w.up(1, customer);
  RibPeer below = ebgp(2);
  below.role = BgpRole::Provider;
  w.up(2, below);
  RibPeer provider = ebgp(3);
  provider.role = BgpRole::Customer;
  w.up(3, provider);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(3, announce({"10.3.0.0/16"}, route({65003})));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].only_to_customer, kOwnAs);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].partial, partial::kOnlyToCustomer) << "on egress";
  EXPECT_EQ(w.heard[2]["10.3.0.0/16"].only_to_customer, Asn{65003});
  EXPECT_EQ(w.heard[2]["10.3.0.0/16"].partial, partial::kOnlyToCustomer) << "on ingress";
}

}  // namespace
}  // namespace slash32::bgp::test
