// The decision process (RFC 4271 section 9.1.2.2), one row a letter; and that the order of arrival does not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "bgpd/rib/decision.h"
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp {
namespace {

struct Route {
  PathAttributes attributes;
  Candidate candidate;
};

Route base() {
  Route r;
  r.attributes = test::route({65001, 65010});
  r.attributes.med = 50;
  r.attributes.local_pref = 100;
  r.candidate.external = true;
  r.candidate.igp_cost = 5;
  r.candidate.router_id = RouterId{2};
  r.candidate.peer_address = test::ip("192.0.2.2");
  return r;
}

template <class Change>
Route base_but(Change change) {
  Route r = base();
  change(r);
  return r;
}

std::optional<std::size_t> decide_routes(std::vector<Route>& routes, std::vector<Candidate>& candidates) {
  candidates.clear();
  for (Route& r : routes) {
    candidates.push_back(r.candidate);
    candidates.back().attributes = &r.attributes;
  }
  return decide(candidates);
}

struct TieBreak {
  const char* name;
  Route loser;
  DecisionStep step;
  bool multipath = false;  // the loser may forward beside the best
};

class Rfc4271_9_1_2 : public testing::TestWithParam<TieBreak> {};

TEST_P(Rfc4271_9_1_2, BaseWinsInEitherOrder) {
  std::vector<Candidate> c;
  std::vector<Route> first{base(), GetParam().loser};
  EXPECT_EQ(decide_routes(first, c), 0U);
  EXPECT_EQ(c[1].lost, GetParam().step);
  EXPECT_EQ(c[1].multipath, GetParam().multipath);
  std::vector<Route> second{GetParam().loser, base()};
  EXPECT_EQ(decide_routes(second, c), 1U);
  EXPECT_EQ(c[0].lost, GetParam().step);
  EXPECT_TRUE(c[1].multipath);
}

INSTANTIATE_TEST_SUITE_P(
    TieBreaks, Rfc4271_9_1_2,
    testing::Values(
        TieBreak{"lower_local_pref", base_but([](Route& r) { r.attributes.local_pref = 99; }), DecisionStep::LocalPref},
        TieBreak{"absent_local_pref_counts_as_100_and_ties", base_but([](Route& r) {
                   r.attributes.local_pref.reset();
                   r.candidate.router_id = RouterId{3};
                 }),
                 DecisionStep::RouterId, true},
        TieBreak{"a_longer_as_path", base_but([](Route& r) { r.attributes.as_path.prepend(Asn{65001}); }),
                 DecisionStep::AsPathLength},
        TieBreak{"b_higher_origin", base_but([](Route& r) { r.attributes.origin = Origin::Egp; }),
                 DecisionStep::Origin},
        TieBreak{"c_higher_med_same_as", base_but([](Route& r) { r.attributes.med = 60; }), DecisionStep::Med},
        TieBreak{"c_med_of_another_as_does_not_count", base_but([](Route& r) {
                   r.attributes = test::route({65002, 65010});
                   r.attributes.med = 1;
                   r.candidate.router_id = RouterId{3};
                 }),
                 DecisionStep::RouterId, true},
        TieBreak{"d_internal", base_but([](Route& r) { r.candidate.external = false; }), DecisionStep::External},
        TieBreak{"e_higher_igp_cost", base_but([](Route& r) { r.candidate.igp_cost = 6; }), DecisionStep::IgpCost},
        TieBreak{"f_higher_bgp_identifier", base_but([](Route& r) { r.candidate.router_id = RouterId{3}; }),
                 DecisionStep::RouterId, true},
        TieBreak{"g_higher_peer_address", base_but([](Route& r) { r.candidate.peer_address = test::ip("192.0.2.3"); }),
                 DecisionStep::PeerAddress, true},
        TieBreak{"ineligible", base_but([](Route& r) {
                   r.attributes.local_pref = 500;
                   r.candidate.eligible = false;
                 }),
                 DecisionStep::NotEligible}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc4271_9_1_2_2c, NoMedIsTheLowestMed) {
  std::vector<Candidate> c;
  std::vector<Route> routes{base(), base_but([](Route& r) { r.attributes.med.reset(); })};
  EXPECT_EQ(decide_routes(routes, c), 1U);
}

TEST(Rfc4271_9_1_2, OurOwnRouteWinsWhateverTheOthersClaim) {
  std::vector<Candidate> c;
  std::vector<Route> routes{base_but([](Route& r) { r.attributes.local_pref = 4000000000; }), Route{}};
  routes[1].candidate.local = true;
  EXPECT_EQ(decide_routes(routes, c), 1U);
  EXPECT_EQ(c[0].lost, DecisionStep::Local);
}

TEST(Rfc4271_9_1_2, NothingEligibleIsNothing) {
  std::vector<Candidate> c;
  std::vector<Route> routes{base_but([](Route& r) { r.candidate.eligible = false; })};
  EXPECT_EQ(decide_routes(routes, c), std::nullopt);
  routes.clear();
  EXPECT_EQ(decide_routes(routes, c), std::nullopt);
}

TEST(Rfc4456_9, OriginatorIdStandsForTheBgpIdentifier) {
  std::vector<Candidate> c;
  const auto internal = [](std::uint32_t peer, std::optional<std::uint32_t> originator) {
    return base_but([&](Route& r) {
      r.candidate.external = false;
      r.candidate.router_id = RouterId{peer};
      if (originator) r.attributes.originator_id = RouterId{*originator};
    });
  };
  std::vector<Route> routes{internal(2, 9), internal(3, std::nullopt)};
  EXPECT_EQ(decide_routes(routes, c), 1U);
  EXPECT_EQ(c[0].lost, DecisionStep::RouterId);
}

TEST(Rfc4456_9, ShorterClusterListWins) {
  std::vector<Candidate> c;
  const auto internal = [](std::size_t clusters) {
    return base_but([&](Route& r) {
      r.candidate.external = false;
      r.attributes.originator_id = RouterId{7};
      r.attributes.cluster_list.assign(clusters, RouterId{1});
    });
  };
  std::vector<Route> routes{internal(2), internal(1)};
  EXPECT_EQ(decide_routes(routes, c), 1U);
  EXPECT_EQ(c[0].lost, DecisionStep::ClusterListLength);
}

TEST(Multipath, InternalPathsOfAnotherNeighbouringAsStayOut) {
  std::vector<Candidate> c;
  const auto internal = [](std::uint32_t as, std::uint32_t id) {
    return base_but([&](Route& r) {
      r.candidate.external = false;
      r.attributes.as_path = test::as_path({as, 65010});
      r.candidate.router_id = RouterId{id};
    });
  };
  std::vector<Route> routes{internal(65001, 1), internal(65002, 2), internal(65001, 3)};
  EXPECT_EQ(decide_routes(routes, c), 0U);
  EXPECT_FALSE(c[1].multipath);
  EXPECT_TRUE(c[2].multipath);
}

TEST(Multipath, ExternalPathsOfOneLengthShareUnlessTheirAsPathsAreToBeEqual) {
  const auto external = [](std::initializer_list<std::uint32_t> path, std::uint32_t id) {
    return base_but([&](Route& r) {
      r.attributes.as_path = test::as_path(path);
      r.candidate.router_id = RouterId{id};
    });
  };
  std::vector<Route> routes{external({65001, 65010}, 1), external({65002, 65010}, 2), external({65001, 65010}, 3)};
  std::vector<Candidate> c;
  EXPECT_EQ(decide_routes(routes, c), 0U);
  EXPECT_TRUE(c[1].multipath);
  EXPECT_TRUE(c[2].multipath);
  EXPECT_EQ(decide(c, MultipathAsPath::Same), 0U);
  EXPECT_TRUE(c[0].multipath);
  EXPECT_FALSE(c[1].multipath);
  EXPECT_TRUE(c[2].multipath);
  EXPECT_EQ(c[1].lost, DecisionStep::RouterId) << "the choice of the best one is the same";
}

TEST(Multipath, ARefusedPathBesideTheBestIsAskedForNothing) {  // it has no attributes
  for (const bool external : {false, true}) {
    Route best = base_but([&](Route& r) { r.candidate.external = external; });
    Candidate refused;
    refused.eligible = false;
    std::vector<Candidate> c{best.candidate, refused};
    c[0].attributes = &best.attributes;
    for (const auto as_path : {MultipathAsPath::SameLength, MultipathAsPath::Same}) {
      EXPECT_EQ(decide(c, as_path), 0U);
      EXPECT_FALSE(c[1].multipath);
    }
  }
}

TEST(Multipath, OneLengthIsNotOneContent) {  // an AS_SET counts as one AS, a sequence in another order is another path
  const auto with = [](AsPath path, std::uint32_t id) {
    return base_but([&](Route& r) {
      r.attributes.as_path = std::move(path);
      r.candidate.router_id = RouterId{id};
    });
  };
  AsPath set = test::as_path({65001});
  set.segments.push_back({SegmentType::AsSet, {Asn{65010}}});
  std::vector<Route> routes{with(test::as_path({65001, 65010}), 1), with(set, 2),
                            with(test::as_path({65010, 65001}), 3)};
  std::vector<Candidate> c;
  EXPECT_EQ(decide_routes(routes, c), 0U);
  EXPECT_TRUE(c[1].multipath && c[2].multipath);
  EXPECT_EQ(decide(c, MultipathAsPath::Same), 0U);
  EXPECT_FALSE(c[1].multipath || c[2].multipath);
}

// Tiny domains, or ties never happen. Peer addresses differ, so that there is always one winner.
Route random_route(std::mt19937& random, std::uint32_t number) {
  const auto pick = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  return base_but([&](Route& r) {
    r.attributes = test::route({65001 + pick(2), 65010});
    if (pick(3) == 0) r.attributes.as_path.prepend(Asn{65001 + pick(2)});
    if (pick(2) == 0) r.attributes.med = pick(3);
    if (pick(4) == 0) r.attributes.local_pref = 100 + pick(2);
    r.attributes.origin = pick(3) == 0 ? Origin::Incomplete : Origin::Igp;
    r.candidate.external = pick(2) == 0;
    r.candidate.igp_cost = pick(2);
    r.candidate.router_id = RouterId{pick(3)};
    r.candidate.eligible = pick(6) != 0;
    r.candidate.peer_address = IpAddress::v4(number);
  });
}

TEST(Rfc4271_9_1_2, ResultDoesNotDependOnTheOrderOfArrival) {
  constexpr unsigned kSeed = 20240521;
  std::mt19937 random{kSeed};
  for (int round = 0; round < 2000; ++round) {
    std::vector<Route> routes;
    for (std::uint32_t i = 0; i < 2 + random() % 4; ++i) routes.push_back(random_route(random, i));
    std::vector<std::string> stories;
    for (int shuffle = 0; shuffle < 6; ++shuffle) {
      std::vector<Candidate> c;
      const auto best = decide_routes(routes, c);
      std::map<std::uint32_t, std::string> by_peer;
      for (std::size_t i = 0; i < c.size(); ++i)
        by_peer[c[i].peer_address.v4_value()] =
            std::string{to_string(c[i].lost)} + (c[i].multipath ? "+" : "-") + (best == i ? "*" : "");
      std::ostringstream story;
      for (const auto& [peer, text] : by_peer) story << peer << text << ' ';
      stories.push_back(story.str());
      std::ranges::shuffle(routes, random);
    }
    for (const std::string& story : stories)
      ASSERT_EQ(story, stories.front()) << "seed " << kSeed << " round " << round;
  }
}

}  // namespace
}  // namespace slash32::bgp
