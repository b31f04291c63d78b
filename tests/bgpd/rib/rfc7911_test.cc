// RFC 7911: several paths to a prefix from one peer, and to one.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

/// The same prefixes as announce(), each under this path id.
Update with_id(Update update, PathId id) {
  for (auto& reach : update.announced) reach.path_ids.assign(reach.prefixes.size(), id);
  update.withdrawn_path_ids.assign(update.withdrawn.size(), id);
  return update;
}

const char* const kNet = "10.1.0.0/16";

struct Rfc7911 : testing::Test {
  void say(PeerId peer, PathId id, std::initializer_list<std::uint32_t> path, const char* hop = "192.0.2.1") {
    w.say(peer, with_id(announce({kNet}, route(path, hop)), id));
    w.settle();
  }
  void take_back(PeerId peer, PathId id) {
    w.say(peer, with_id(withdraw({kNet}), id));
    w.settle();
  }
  RibPeer taker(unsigned n, std::uint8_t paths) {
    RibPeer peer = ebgp(n);
    peer.add_path = {paths, paths};
    return peer;
  }
  const std::map<PathId, PathAttributes>& told(PeerId id) { return w.heard[id].paths[net(kNet)]; }
  std::optional<PathId> id_of(PeerId peer, std::uint32_t second_as) {
    for (const auto& [id, attributes] : told(peer))
      if (attributes.as_path.segments.at(0).asns.at(1) == Asn{second_as}) return id;
    return std::nullopt;
  }
  World w;
};

// ---------------------------------------------------------------- from a peer

TEST_F(Rfc7911, PathsOfOnePeerStandBesideEachOtherAndShareTheKernelRoute) {
  w.up(1, ebgp(1));
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  EXPECT_EQ(w.paths(kNet).size(), 2U);
  EXPECT_EQ(w.gateways(kNet), (std::vector{ip("192.0.2.11"), ip("192.0.2.12")}));
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 2U);
}

TEST_F(Rfc7911, AnEqualIdReplacesItsOwnPathOnly) {
  w.up(1, ebgp(1));
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  say(1, 2, {65001}, "192.0.2.13");
  EXPECT_EQ(w.gateways(kNet), (std::vector{ip("192.0.2.11"), ip("192.0.2.13")}));
}

TEST_F(Rfc7911, AWithdrawalTakesTheNamedPathAndOneOfAnUnknownIdTakesNone) {
  w.up(1, ebgp(1));
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  take_back(1, 3);
  EXPECT_EQ(w.paths(kNet).size(), 2U);
  take_back(1, 1);
  EXPECT_EQ(w.gateways(kNet), std::vector{ip("192.0.2.12")});
  take_back(1, 2);
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(Rfc7911, TheLowestIdWinsWhicheverCameFirst) {
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  say(1, 9, {65001, 65100});
  say(1, 4, {65001, 65200});
  EXPECT_EQ(w.heard[2][kNet].as_path, as_path({64512, 65001, 65200}));
  EXPECT_THAT(w.why_not(kNet, 1), testing::AnyOf("", "higher path identifier"));
  take_back(1, 4);
  EXPECT_EQ(w.heard[2][kNet].as_path, as_path({64512, 65001, 65100}));
}

TEST_F(Rfc7911, APeerThatNumbersItsPathsOtherwiseAfterItsRestartKeepsThemAndItsLimit) {
  RibPeer peer = ebgp(1);
  peer.max_prefixes_in = 3;
  w.up(1, peer);
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  w.down(1, kBoth);
  w.up(1, peer, kBoth);
  say(1, 8, {65001}, "192.0.2.12");
  say(1, 7, {65001}, "192.0.2.11");
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 2U);
  EXPECT_EQ(w.gateways(kNet), (std::vector{ip("192.0.2.11"), ip("192.0.2.12")}));
  w.say(1, end_of_rib(AddressFamily::IPv4));
  w.settle();
  EXPECT_EQ(w.gateways(kNet).size(), 2U) << "all were said again";
}

TEST_F(Rfc7911, StalePathsMakeRoomWhereOthersCameInTheirPlace) {
  RibPeer peer = ebgp(1);
  peer.max_prefixes_in = 2;
  w.up(1, peer);
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  w.down(1, kBoth);
  w.up(1, peer, kBoth);
  say(1, 8, {65001}, "192.0.2.13");
  say(1, 9, {65001}, "192.0.2.14");
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 2U);
  EXPECT_EQ(w.gateways(kNet), (std::vector{ip("192.0.2.13"), ip("192.0.2.14")}));
}

TEST_F(Rfc7911, ALostSessionTakesAllPathsAndAKeptOneSweepsThoseNotSaidAgain) {
  w.up(1, ebgp(1));
  say(1, 1, {65001}, "192.0.2.11");
  say(1, 2, {65001}, "192.0.2.12");
  w.down(1, kBoth);
  w.settle();
  EXPECT_EQ(w.gateways(kNet).size(), 2U) << "retained";
  w.up(1, ebgp(1), kBoth);
  say(1, 2, {65001}, "192.0.2.12");
  EXPECT_EQ(w.gateways(kNet).size(), 2U);
  w.say(1, end_of_rib(AddressFamily::IPv4));
  w.settle();
  EXPECT_EQ(w.gateways(kNet), std::vector{ip("192.0.2.12")});
  w.down(1);
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

TEST_F(Rfc7911, EveryPathCountsForMaxPrefixes) {
  RibPeer peer = ebgp(1);
  peer.max_prefixes_in = 2;
  w.up(1, peer);
  say(1, 1, {65001});
  say(1, 2, {65001});
  EXPECT_TRUE(w.rib.update(1, with_id(announce({kNet}, route({65001})), 3)));
}

TEST_F(Rfc7911, OfOnePeersPathsToAPrefixOnlySixtyFourAreKept) {
  w.up(1, ebgp(1));
  for (PathId id = 1; id <= 70; ++id) w.say(1, with_id(announce({kNet}, route({65001})), id));
  w.settle();
  EXPECT_EQ(w.paths(kNet).size(), 64U);
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).too_many, 6U);
  for (PathId id = 1; id <= 70; ++id) w.say(1, with_id(withdraw({kNet}), id));
  w.settle();
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

// ---------------------------------------------------------------- to a peer

struct Rfc7911Send : Rfc7911 {
  Rfc7911Send() {
    for (PeerId id = 1; id <= 3; ++id) w.up(id, ebgp(id));
  }
};

TEST_F(Rfc7911Send, AllPathsAreToldEachUnderItsOwnId) {
  w.up(9, taker(9, 64));
  for (PeerId id = 1; id <= 3; ++id) say(id, 0, {65000 + id});
  EXPECT_EQ(told(9).size(), 3U);
  std::set<std::uint32_t> from;
  for (const auto& [id, attributes] : told(9)) from.insert(attributes.as_path.segments.at(0).asns.at(1).value);
  EXPECT_EQ(from, (std::set<std::uint32_t>{65001, 65002, 65003}));
  EXPECT_EQ(w.rib.counts(9, AddressFamily::IPv4).advertised, 3U);
  EXPECT_EQ(w.heard[2].table.size(), 1U) << "the others hear the best one as ever";
}

TEST_F(Rfc7911Send, WhoComesLaterIsToldTheSameAndThenEndOfRib) {
  for (PeerId id = 1; id <= 3; ++id) say(id, 0, {65000 + id});
  w.up(9, taker(9, 64));
  w.settle();
  w.up(10, taker(10, 64));
  w.settle();
  EXPECT_EQ(told(9).size(), 3U);
  EXPECT_EQ(told(9), told(10));
  EXPECT_EQ(w.heard[10].end_of_rib.size(), 2U);
  EXPECT_EQ(w.heard[10].updates.back().end_of_rib.has_value(), true) << "behind every path";
}

TEST_F(Rfc7911Send, APathKeepsItsIdWhenOthersComeAndGo) {
  w.up(9, taker(9, 64));
  for (PeerId id = 1; id <= 3; ++id) say(id, 0, {65000 + id});
  const auto second = id_of(9, 65002);
  const auto third = id_of(9, 65003);
  take_back(1, 0);
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_EQ(id_of(9, 65002), second);
  EXPECT_EQ(id_of(9, 65003), third);
  say(1, 0, {65001, 65100});
  EXPECT_EQ(id_of(9, 65002), second);
  EXPECT_EQ(id_of(9, 65003), third);
  EXPECT_EQ(w.heard[9].pointless, 0U);
  EXPECT_EQ(w.heard[9].repeated, 0U);
}

TEST_F(Rfc7911Send, OnlyTheBestAreToldWhereANumberSaysSo) {
  w.up(9, taker(9, 2));
  say(1, 0, {65001, 65100, 65101});
  say(2, 0, {65002, 65100});
  say(3, 0, {65003});
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_FALSE(id_of(9, 65001));
  take_back(3, 0);
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_TRUE(id_of(9, 65001)) << "the next one takes its place";
}

TEST_F(Rfc7911Send, APathIsNotToldToWhomItCameFrom) {
  w.up(9, taker(9, 64));
  say(1, 0, {65001});
  say(9, 5, {65009});
  EXPECT_EQ(told(9).size(), 1U);
  EXPECT_TRUE(id_of(9, 65001));
  EXPECT_EQ(w.heard[2][kNet].as_path.segments.at(0).asns.size(), 2U);
}

TEST_F(Rfc7911Send, SeveralPathsOfOnePeerArePassedOnUnderIdsOfOurOwn) {
  w.up(9, taker(9, 64));
  say(1, 700, {65001, 65100});
  say(1, 701, {65001, 65200});
  EXPECT_EQ(told(9).size(), 2U);
  for (const auto& [id, attributes] : told(9)) EXPECT_LE(id, 64U);
  take_back(1, 700);
  ASSERT_EQ(told(9).size(), 1U);
  EXPECT_EQ(told(9).begin()->second.as_path, as_path({64512, 65001, 65200}));
}

TEST_F(Rfc7911Send, OneFamilyMayHaveItAndTheOtherNot) {
  RibPeer peer = ebgp(9);
  peer.add_path = {0, 64};
  w.up(9, peer);
  for (PeerId id = 1; id <= 2; ++id) w.say(id, announce({"2001:db8:1::/48"}, route({65000 + id}, "2001:db8::1")));
  w.settle();
  EXPECT_EQ(w.heard[9].paths[net("2001:db8:1::/48")].size(), 2U);
}

TEST_F(Rfc7911Send, ARouteRefreshSaysEveryPathAgain) {
  w.up(9, taker(9, 64));
  for (PeerId id = 1; id <= 3; ++id) say(id, 0, {65000 + id});
  w.heard[9].paths.clear();
  w.rib.refresh(9, AddressFamily::IPv4);
  w.settle();
  EXPECT_EQ(told(9).size(), 3U);
}

TEST_F(Rfc7911Send, AnotherNumberOfPathsSaysOnlyTheDifference) {
  w.up(9, taker(9, 64));
  say(1, 0, {65001, 65100, 65101});
  say(2, 0, {65002, 65100});
  say(3, 0, {65003});
  const auto before = told(9);
  w.rib.peer_changed(9, taker(9, 2));
  w.settle();
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_FALSE(id_of(9, 65001));
  w.rib.peer_changed(9, taker(9, 64));
  w.settle();
  EXPECT_EQ(told(9).size(), 3U);
  EXPECT_EQ(w.heard[9].pointless, 0U);
}

TEST_F(Rfc7911Send, TheNumberOfAdvertisedPathsHasALimitToo) {
  RibPeer peer = taker(9, 64);
  peer.max_prefixes_out = 2;
  w.up(9, peer);
  for (PeerId id = 1; id <= 3; ++id) say(id, 0, {65000 + id});
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_EQ(w.rib.counts(9, AddressFamily::IPv4).held_back, 1U);
  take_back(1, 0);
  EXPECT_EQ(told(9).size(), 2U);
  EXPECT_EQ(w.rib.counts(9, AddressFamily::IPv4).held_back, 0U);
}

TEST_F(Rfc7911Send, WhatComesAndGoesInAnyOrderLeavesEverybodyWithTheTruth) {
  for (PeerId id = 9; id <= 11; ++id) w.up(id, taker(id, 64));
  unsigned seed = 1;
  std::set<std::pair<PeerId, PathId>> there;
  for (int step = 0; step < 400; ++step) {
    seed = seed * 1103515245 + 12345;
    const PeerId from = 1 + (seed >> 16) % 3;
    const PathId id = (seed >> 20) % 4;
    const std::uint32_t as = 65100 + (seed >> 24) % 5;
    if ((seed >> 28) % 3 == 0) {
      w.say(from, with_id(withdraw({kNet}), id));
      there.erase({from, id});
    } else {
      w.say(from, with_id(announce({kNet}, route({65000 + from, as, 65200 + id})), id));
      there.insert({from, id});
    }
    if (step % 7 == 0) w.settle(200);
    if (step == 150) w.down(10);
    if (step == 250) w.up(10, taker(10, 64));
    if (step == 300) w.rib.refresh(11, AddressFamily::IPv4);
  }
  w.settle(200);
  for (PeerId id = 9; id <= 11; ++id) {
    EXPECT_EQ(told(id).size(), there.size());
    EXPECT_EQ(told(id), told(9));
  }
  for (const auto& [from, id] : there) w.say(from, with_id(withdraw({kNet}), id));
  w.settle();
  EXPECT_TRUE(told(9).empty());
  EXPECT_EQ(w.rib.prefixes(), 0U);
}

}  // namespace
}  // namespace slash32::bgp::test
