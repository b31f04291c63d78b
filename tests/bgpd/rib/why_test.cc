// Why a path won or lost, and why a neighbour was not told: every reason is export's own.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr Community kNoExport = 0xffffff01;
constexpr Community kNoAdvertise = 0xffffff02;
constexpr std::string_view kPrefix = "10.1.0.0/16";

struct Why : testing::Test {
  Withheld of(PeerId id, std::string_view prefix = kPrefix) { return w.rib.why_not_told(id, net(prefix)).why; }
  void learn(PeerId from, PathAttributes attributes) {
    w.say(from, announce({std::string(kPrefix)}, std::move(attributes)));
    w.settle();
  }
  PathView best() {
    for (const PathView& view : w.paths(kPrefix))
      if (view.best) return view;
    return {};
  }
  World w;
};

TEST_F(Why, ToldIsNoReason) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  learn(1, route({65001}));
  EXPECT_EQ(of(2), Withheld::No);
  EXPECT_EQ(w.rib.why_not_told(2, net(kPrefix)).text(), "");
  EXPECT_EQ(of(1), Withheld::SplitHorizon);
  EXPECT_EQ(of(9), Withheld::NoSession);
  EXPECT_EQ(of(2, "10.9.0.0/16"), Withheld::NoPath);
}

// The path is still marked as refused by a policy that is not there any more.
TEST_F(Why, IsAnsweredBetweenTheLossOfAnImportPolicyAndTheRoutesNextTurn) {
  auto peer = ebgp(1);
  peer.import_policies = std::vector<std::string>{"no such policy"};
  w.up(1, peer);
  learn(1, route({65001}));
  const auto why = w.why_not(kPrefix, 1);
  ASSERT_TRUE(why.ends_with(": policy 'no such policy', term 1 'there is no such policy'")) << why;
  peer.import_policies.reset();
  w.rib.peer_changed(1, peer);
  EXPECT_EQ(w.why_not(kPrefix, 1), why.substr(0, why.find(':')));
}

TEST_F(Why, EveryRuleOfExportSaysItsName) {
  auto no_v4 = ebgp(3);
  no_v4.families = {AddressFamily::IPv6};
  auto no_address = ebgp(4);
  no_address.local_v4.reset();
  auto no_policy = ebgp(5);
  no_policy.export_policies.reset();
  auto refusing = ebgp(6);
  refusing.export_policies = std::vector<std::string>{"no such policy"};
  auto strict = ebgp(7);
  strict.allow_as_set = false;
  w.up(1, ibgp(1));
  w.up(2, ibgp(2));
  PeerId id = 3;
  for (const auto& peer : {no_v4, no_address, no_policy, refusing, strict}) w.up(id++, peer);
  learn(1, but(route({65001}), [](auto& a) { a.as_path.segments.push_back({SegmentType::AsSet, {Asn{65002}}}); }));
  EXPECT_EQ(of(2), Withheld::NotReflected);
  EXPECT_EQ(of(3), Withheld::FamilyNotNegotiated);
  EXPECT_EQ(of(4), Withheld::NoOwnAddress);
  EXPECT_EQ(of(5), Withheld::NoPolicy);
  EXPECT_EQ(of(6), Withheld::Policy);
  EXPECT_EQ(w.rib.why_not_told(6, net(kPrefix)).text(),
            "export policy: policy 'no such policy', term 1 'there is no such policy'");
  EXPECT_EQ(of(7), Withheld::AsSet);
}

TEST_F(Why, CommunitiesAndRolesSayTheirNames) {
  auto to_provider = ebgp(2);
  to_provider.role = BgpRole::Customer;
  w.up(1, ebgp(1));
  w.up(2, to_provider);
  w.up(3, ibgp(3));
  learn(1, but(route({65001}), [](auto& a) { a.communities = {kNoExport}; }));
  EXPECT_EQ(of(2), Withheld::NoExport);
  EXPECT_EQ(of(3), Withheld::No);
  learn(1, but(route({65001}), [](auto& a) { a.communities = {kNoAdvertise}; }));
  EXPECT_EQ(of(3), Withheld::NoAdvertise);
  learn(1, but(route({65001}), [](auto& a) { a.only_to_customer = Asn{65001}; }));
  EXPECT_EQ(of(2), Withheld::OnlyToCustomer);
}

TEST_F(Why, WhatIsTooLongSaysSo) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  learn(1, but(route({65001}), [](auto& a) { a.unknown = {{0xd0, 200, std::vector<std::uint8_t>(4090)}}; }));
  EXPECT_EQ(of(2), Withheld::TooLong);
  EXPECT_EQ(w.rib.counts(2, AddressFamily::IPv4).too_long, 1U) << "asking does not count";
}

TEST_F(Why, ANeighborThatIsTheNextHopIsNotTold) {
  w.up(1, ibgp(1));
  auto client_two = client(2);
  w.up(2, client_two);
  learn(1, route({}, "192.0.2.2"));
  EXPECT_EQ(of(2), Withheld::OwnNextHop);
}

TEST_F(Why, WithSeveralPathsItIsTheReasonOfOneThatIsNotItsOwn) {
  auto several = ebgp(2);
  several.add_path = {2, 2};
  w.up(1, ebgp(1));
  w.up(2, several);
  learn(2, route({65002}));
  w.say(1, announce({std::string(kPrefix)}, but(route({65001, 65003}), [](auto& a) { a.communities = {kNoExport}; })));
  w.settle();
  EXPECT_EQ(best().peer, 2U);
  EXPECT_EQ(of(2), Withheld::NoExport);
}

TEST_F(Why, KeysAreAnInterfaceAndAllDifferent) {
  std::set<std::string_view> keys, texts;
  for (int i = 0; i <= static_cast<int>(Withheld::NotYet); ++i) {
    keys.insert(key_of(static_cast<Withheld>(i)));
    texts.insert(to_string(static_cast<Withheld>(i)));
  }
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(Withheld::NotYet) + 1);
  EXPECT_EQ(texts.size(), keys.size());
  EXPECT_EQ(key_of(Withheld::NoExport), "noExport");
}

TEST_F(Why, ASinglePathWinsForBeingAlone) {
  w.up(1, ebgp(1));
  learn(1, route({65001}));
  EXPECT_EQ(best().step, "onlyPath");
  EXPECT_EQ(best().won_by, "the only usable path");
}

TEST_F(Why, TheBestOneSaysWhatItsLastRivalLostBy) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ebgp(3));
  learn(1, route({65001}));
  learn(2, route({65002, 65009}));
  EXPECT_EQ(best().step, "asPathLength");
  EXPECT_EQ(best().won_by, "shorter AS_PATH");
  learn(3, route({65003}));
  EXPECT_EQ(best().step, "routerId") << "two were left until then";
  for (const PathView& view : w.paths(kPrefix)) {
    if (view.peer == 2U) EXPECT_EQ(view.step, "asPathLength");
    if (view.peer == 3U) EXPECT_EQ(view.step, "routerId");
    EXPECT_EQ(view.won_by.empty(), !view.best);
  }
}

TEST_F(Why, ARefusedPathIsNoRival) {
  auto refusing = ebgp(2);
  refusing.import_policies = std::vector<std::string>{"no such policy"};
  w.up(1, ebgp(1));
  w.up(2, refusing);
  learn(1, route({65001}));
  learn(2, route({65002}));
  EXPECT_EQ(best().step, "onlyPath");
  for (const PathView& view : w.paths(kPrefix))
    if (view.peer == 2U) EXPECT_EQ(view.step, "notEligible");
}

}  // namespace
}  // namespace slash32::bgp::test
