// Policies: what matches, what is set, which term decides.
#include "bgpd/policy/policy.h"

#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

using config::PolicyOutcome;
using config::PolicyTerm;

PolicyTerm term(PolicyOutcome then, const std::function<void(PolicyTerm&)>& change = [](auto&) {}) {
  PolicyTerm t;
  t.then = then;
  change(t);
  return t;
}

config::CommunityPattern exactly(Community c) { return {{c >> 16, c >> 16}, {c & 0xFFFF, c & 0xFFFF}}; }

PolicyResult run(const config::Policy& policy, const PathAttributes& attributes = route({65001}),
                 const std::string& prefix = "10.1.0.0/16") {
  static Policies policies;
  static const std::vector<std::string> kNames{"p"};
  policies["p"] = policy;
  return evaluate(policies, kNames,
                  {.prefix = net(prefix),
                   .source = config::RouteSource::Ebgp,
                   .neighbor = "tor1",
                   .peer_type = config::PeerType::Ebgp},
                  std::make_shared<const PathAttributes>(attributes), kOwnAs);
}

bool matches(const std::function<void(config::PolicyMatch&)>& change, const PathAttributes& attributes = route({65001}),
             const std::string& prefix = "10.1.0.0/16") {
  return run({term(PolicyOutcome::Accept, [&](PolicyTerm& t) { change(t.match); })}, attributes, prefix).accepted;
}

TEST(Policy, RejectsWhatNoTermDecides) {
  EXPECT_FALSE(run({}).accepted);
  EXPECT_EQ(run({}).describe(), "no term matched");
  EXPECT_FALSE(run({term(PolicyOutcome::Next)}).accepted);
}

TEST(Policy, SaysWhichTermDecided) {
  const PolicyResult result = run(
      {term(PolicyOutcome::Next), term(PolicyOutcome::Reject, [](PolicyTerm& t) { t.name = "nothing from there"; })});
  EXPECT_FALSE(result.accepted);
  EXPECT_EQ(result.term, 1U);
  EXPECT_EQ(result.describe(), "policy 'p', term 2 'nothing from there'");
}

TEST(Policy, MatchesPrefixRanges) {
  const auto range = [](config::PolicyMatch& m) { m.prefixes = {{net("10.0.0.0/8"), 16, 24}}; };
  EXPECT_TRUE(matches(range));
  EXPECT_FALSE(matches(range, route({65001}), "10.0.0.0/8"));
  EXPECT_FALSE(matches(range, route({65001}), "10.1.1.1/32"));
  EXPECT_FALSE(matches(range, route({65001}), "11.1.0.0/16"));
}

TEST(Policy, MatchesOneOfAKindAndEveryKind) {
  const PathAttributes a = but(route({65001, 65002}), [](auto& r) {
    r.communities = {5};
    r.large_communities = {{1, 2, 3}};
  });
  EXPECT_TRUE(matches([](auto& m) { m.communities = {exactly(4), exactly(5)}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.communities = {exactly(4)}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.large_communities = {{{1, 1}, {2, 2}, {3, 3}}}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.as_path_contains = {Asn{65002}}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.as_path_contains = {Asn{65003}}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.neighbors = {"tor2", "tor1"}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.neighbors = {"tor2"}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.sources = {config::RouteSource::Ebgp}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.sources = {config::RouteSource::Local}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.families = {AddressFamily::IPv6}; }, a));
  EXPECT_FALSE(matches(
      [](auto& m) {
        m.communities = {exactly(5)};
        m.neighbors = {"tor2"};
      },
      a));
}

TEST(Policy, MatchesOriginNextHopPeerTypeAndPath) {
  const PathAttributes a = but(route({65001, 65002}), [](auto& r) { r.origin = Origin::Incomplete; });
  EXPECT_TRUE(matches([](auto& m) { m.origins = {config::RouteOrigin::Igp, config::RouteOrigin::Incomplete}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.origins = {config::RouteOrigin::Igp}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.next_hops = {net("192.0.2.0/24")}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.next_hops = {net("192.0.2.2/32"), net("2001:db8::/32")}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.peer_types = {config::PeerType::Ebgp}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.peer_types = {config::PeerType::Ibgp, config::PeerType::Client}; }, a));
  EXPECT_TRUE(matches([](auto& m) { m.neighbors = {"t*"}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.neighbors = {"tor"}; }, a));
  EXPECT_TRUE(
      matches([](auto& m) { m.as_paths = {{}, {{{.any_sequence = true, .repeated = false, .choices = {}}}}}; }, a));
  EXPECT_FALSE(matches([](auto& m) { m.as_paths = {{}}; }, a));
}

TEST(Policy, NamesEveryConditionThatDoesNotHold) {
  config::PolicyMatch match;
  match.families = {AddressFamily::IPv6};
  match.origins = {config::RouteOrigin::Igp};
  match.communities = {exactly(7)};
  const PolicyRoute seen{.prefix = net("10.0.0.0/8"),
                         .source = config::RouteSource::Ebgp,
                         .neighbor = "tor1",
                         .peer_type = config::PeerType::Ebgp};
  EXPECT_EQ(failed_conditions(match, seen, route({65001})), (std::vector<std::string_view>{"family", "community"}));
}

TEST(Policy, TellsEveryTermItTried) {
  const Policies policies{
      {"p",
       {term(PolicyOutcome::Next, [](PolicyTerm& t) { t.set.med = 5; }),
        term(PolicyOutcome::Reject, [](PolicyTerm& t) { t.match.families = {AddressFamily::IPv6}; }),
        term(PolicyOutcome::Accept), term(PolicyOutcome::Reject)}}};
  std::vector<TermTrace> trace;
  const std::vector<std::string> names{"p"};
  evaluate(policies, names,
           {.prefix = net("10.0.0.0/8"),
            .source = config::RouteSource::Ebgp,
            .neighbor = "tor1",
            .peer_type = config::PeerType::Ebgp},
           std::make_shared<const PathAttributes>(route({65001})), kOwnAs, &trace);
  ASSERT_EQ(trace.size(), 3U);
  EXPECT_TRUE(trace[0].matched);
  EXPECT_FALSE(trace[1].matched);
  EXPECT_EQ(trace[1].before->med, 5U);
  EXPECT_TRUE(trace[2].matched);
}

TEST(Policy, AddsToAMedWithinItsBounds) {
  const auto med = [](std::optional<std::uint32_t> before, std::int64_t more) {
    return run({term(PolicyOutcome::Accept, [&](PolicyTerm& t) { t.set.add_med = more; })},
               but(route({65001}), [&](auto& r) { r.med = before; }))
        .attributes->med;
  };
  EXPECT_EQ(med(10, 5), 15U);
  EXPECT_EQ(med(10, -20), 0U);
  EXPECT_EQ(med(std::nullopt, 7), 7U);
  EXPECT_EQ(med(4294967290U, 100), 4294967295U);
  EXPECT_EQ(run({term(PolicyOutcome::Accept, [](PolicyTerm& t) { t.set.remove_med = true; })},
                but(route({65001}), [](auto& r) { r.med = 5; }))
                .attributes->med,
            std::nullopt);
}

TEST(Policy, SetsRemovesAndAddsCommunitiesOfEveryKindInThisOrder) {
  const ExtendedCommunity one{0, 2, 0, 1, 0, 0, 0, 1}, two{0, 2, 0, 1, 0, 0, 0, 2};
  const PathAttributes a = but(route({65001}), [&](auto& r) {
    r.communities = {0x00010001, 0x00010002, 0x00020001};
    r.large_communities = {{1, 1, 1}, {2, 2, 2}};
    r.extended_communities = {one};
  });
  const PolicyResult result = run({term(PolicyOutcome::Accept,
                                        [&](PolicyTerm& t) {
                                          t.set.communities.remove = {{{1, 1}, {}}};
                                          t.set.communities.add = {0x00010005};
                                          t.set.large_communities.remove = {{{1, 1}, {}, {}}};
                                          t.set.extended_communities.replace.emplace();
                                          t.set.extended_communities.add = {two};
                                        })},
                                  a);
  EXPECT_EQ(result.attributes->communities, (std::vector<Community>{0x00020001, 0x00010005}));
  EXPECT_EQ(result.attributes->large_communities, (std::vector<LargeCommunity>{{2, 2, 2}}));
  EXPECT_EQ(result.attributes->extended_communities, std::vector<ExtendedCommunity>{two});
}

TEST(Policy, OfExportSeesThePeerThatIsToldAndThePeerThatSaid) {
  World w;
  RibSettings settings = World::settings();
  settings.policies["clients"] = {term(PolicyOutcome::Accept, [](PolicyTerm& t) {
    t.match.peer_types = {config::PeerType::Client};
    t.match.neighbors = {"e*"};
  })};
  w.rib.reconfigure(settings);
  RibPeer member = client(2), plain = ibgp(3);
  member.export_policies = plain.export_policies = std::vector<std::string>{"clients"};
  w.up(1, ebgp(1));
  w.up(2, member);
  w.up(3, plain);
  w.up(4, client(4));
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.say(4, announce({"10.2.0.0/16"}, route({}, "192.0.2.4")));
  w.settle();
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16")) << "said by i4";
  EXPECT_FALSE(w.heard[3].knows("10.1.0.0/16")) << "no client";
}

TEST(Policy, LaterTermsSeeWhatEarlierOnesSet) {
  const PolicyResult result = run({term(PolicyOutcome::Next, [](PolicyTerm& t) { t.set.communities.add = {9}; }),
                                   term(PolicyOutcome::Accept, [](PolicyTerm& t) {
                                     t.match.communities = {exactly(9)};
                                     t.set.local_pref = 300;
                                   })});
  ASSERT_TRUE(result.accepted);
  EXPECT_EQ(result.attributes->communities, std::vector<Community>{9});
  EXPECT_EQ(result.attributes->local_pref, 300U);
}

TEST(Policy, SetsEverythingItCan) {
  const PathAttributes a = but(route({65001}), [](auto& r) { r.communities = {1, 2}; });
  const PolicyResult result = run({term(PolicyOutcome::Accept,
                                        [](PolicyTerm& t) {
                                          t.set.med = 4;
                                          t.set.communities.remove = {exactly(1)};
                                          t.set.communities.add = {2, 3};
                                          t.set.large_communities.add = {{1, 1, 1}};
                                          t.set.prepend = 2;
                                        })},
                                  a);
  EXPECT_EQ(result.attributes->med, 4U);
  EXPECT_EQ(result.attributes->communities, (std::vector<Community>{2, 3}));
  EXPECT_EQ(result.attributes->large_communities.size(), 1U);
  EXPECT_EQ(result.attributes->as_path, as_path({64512, 64512, 65001}));
  EXPECT_EQ(run({term(PolicyOutcome::Accept, [](PolicyTerm& t) { t.set.communities.replace.emplace(); })}, a)
                .attributes->communities,
            std::vector<Community>{});
}

TEST(Policy, LeavesTheArgumentAloneWhenNothingIsSet) {
  const auto attributes = std::make_shared<const PathAttributes>(route({65001}));
  const Policies policies{{"p", {term(PolicyOutcome::Accept)}}};
  const PolicyResult result = evaluate(policies, {"p"},
                                       {.prefix = net("10.0.0.0/8"),
                                        .source = config::RouteSource::Local,
                                        .neighbor = {},
                                        .peer_type = config::PeerType::Ebgp},
                                       attributes, std::nullopt);
  EXPECT_EQ(result.attributes, attributes);
}

TEST(Policy, PrependsTowardsExternalPeersOnly) {
  World w;
  RibSettings settings = World::settings();
  settings.policies["far"] = {term(PolicyOutcome::Accept, [](PolicyTerm& t) { t.set.prepend = 2; })};
  w.rib.reconfigure(settings);
  RibPeer outside = ebgp(1), inside = ibgp(2);
  outside.export_policies = inside.export_policies = std::vector<std::string>{"far"};
  w.up(1, outside);
  w.up(2, inside);
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(w.heard[1]["10.244.1.0/24"].as_path, as_path({64512, 64512, 64512}));
  EXPECT_EQ(w.heard[2]["10.244.1.0/24"].as_path, as_path({}));  // RFC 4271 section 5.1.2 a)
}

TEST(Policy, AMedSetOnExportIsSentAndALearnedOneIsNot) {
  World w;
  RibSettings settings = World::settings();
  settings.policies["med"] = {term(PolicyOutcome::Accept,
                                   [](PolicyTerm& t) {
                                     t.match.prefixes = {{net("10.1.0.0/16"), 16, 16}};
                                     t.set.med = 42;
                                   }),
                              term(PolicyOutcome::Accept)};
  w.rib.reconfigure(settings);
  RibPeer outside = ebgp(2);
  outside.export_policies = std::vector<std::string>{"med"};
  w.up(1, ebgp(1));
  w.up(2, outside);
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, but(route({65001}), [](auto& a) { a.med = 7; })));
  w.settle();
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].med, 42U);
  EXPECT_EQ(w.heard[2]["10.2.0.0/16"].med, std::nullopt);
}

}  // namespace
}  // namespace slash32::bgp::test
