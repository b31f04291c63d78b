// RFC 7313 section 4 in the RIB: a neighbour's refresh sweeps what it did not say again; ours has a beginning, every
// route, and an end.
#include "bgpd/wire/route_refresh.h"
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr auto k4 = AddressFamily::IPv4;
constexpr auto k6 = AddressFamily::IPv6;

// ---------------------------------------------------------------- what a neighbour refreshes

struct Rfc7313In : testing::Test {
  Rfc7313In() {
    w.up(1, ebgp(1));
    w.up(2, ebgp(2));
    w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
    w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
    w.settle();
    heard_before = w.heard[2].messages;
    deltas_before = w.deltas;
  }
  void begin(AddressFamily family) { w.rib.peer_refreshes(1, {family, RefreshKind::Begin}); }
  void end(AddressFamily family) {
    w.rib.peer_refreshes(1, {family, RefreshKind::End});
    w.settle();
  }
  bool nobody_noticed() { return w.heard[2].messages == heard_before && w.deltas == deltas_before; }
  World w;
  std::size_t heard_before = 0, deltas_before = 0;
};

TEST_F(Rfc7313In, WhatIsSaidAgainStaysAndDisturbsNobody) {
  begin(k4);
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  end(k4);
  EXPECT_TRUE(nobody_noticed());
}

TEST_F(Rfc7313In, WhatIsNotSaidAgainGoesWithTheEndOfItsFamily) {
  begin(k4);
  begin(k6);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_TRUE(nobody_noticed()) << "until the end everything is in use";
  end(k4);
  EXPECT_TRUE(w.heard[2].knows("10.1.0.0/16"));
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_TRUE(w.heard[2].knows("2001:db8:1::/48"));
  EXPECT_EQ(w.kernel.size(), 2U);
}

TEST_F(Rfc7313In, WhatIsSaidDifferentlyOrNewlyStays) {
  begin(k4);
  w.say(1, announce({"10.1.0.0/16"}, route({65001, 65009})));
  w.say(1, announce({"10.3.0.0/16"}, route({65001})));
  end(k4);
  EXPECT_EQ(w.heard[2]["10.1.0.0/16"].as_path, as_path({64512, 65001, 65009}));
  EXPECT_TRUE(w.heard[2].knows("10.3.0.0/16"));
  EXPECT_FALSE(w.heard[2].knows("10.2.0.0/16"));
}

TEST_F(Rfc7313In, ASecondBeginningMarksEverythingAgain) {
  begin(k4);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  begin(k4);
  end(k4);
  EXPECT_TRUE(w.paths("10.1.0.0/16").empty());
}

struct Rfc7313Cost : Rfc7313In {
  static std::vector<std::string> many() {
    std::vector<std::string> out;
    for (int i = 0; i < 1000; ++i)
      out.push_back("20." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24");
    return out;
  }
};

TEST_F(Rfc7313Cost, BeginningsOverAndOverDoNotWalkTheTableEachTime) {
  w.say(1, announce(many(), route({65001})));
  w.settle();
  begin(k4);
  const auto once = w.rib.visits();
  EXPECT_GE(once, 1000U);
  for (int i = 0; i < 100; ++i) {
    begin(k4);
    w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  }
  EXPECT_LE(w.rib.visits(), once + 100) << "one for each announcement at most";
  end(k4);
  EXPECT_EQ(w.rib.counts(1, k4).received, 1U) << "all the same only what was said since the last one stays";
}

TEST_F(Rfc7313Cost, WhatComesAndGoesInARefreshDoesNotPileUp) {
  begin(k4);
  for (int i = 0; i < 200; ++i) {
    w.say(1, announce({"10.9.0.0/16"}, route({65001})));
    w.say(1, withdraw({"10.9.0.0/16"}));
  }
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  begin(k4);
  w.say(1, announce({"10.2.0.0/16"}, route({65001})));
  end(k4);
  EXPECT_TRUE(w.paths("10.1.0.0/16").empty()) << "marked again";
  EXPECT_FALSE(w.paths("10.2.0.0/16").empty());
}

TEST_F(Rfc7313Cost, EndOfRibWithNothingStaleWalksNothing) {
  w.say(1, announce(many(), route({65001})));
  w.say(1, end_of_rib(k4));
  EXPECT_EQ(w.rib.visits(), 0U);
  w.down(1, kBoth);
  w.up(1, ebgp(1), kBoth);
  w.say(1, announce(many(), route({65001})));
  w.say(1, end_of_rib(k4));
  const auto once = w.rib.visits();
  EXPECT_GE(once, 1000U);
  for (int i = 0; i < 100; ++i) w.say(1, end_of_rib(k4));
  EXPECT_EQ(w.rib.visits(), once);
}

TEST_F(Rfc7313In, ARestartInTheMiddleRetainsEverything) {
  begin(k4);
  w.down(1, kBoth);
  w.settle();
  EXPECT_TRUE(nobody_noticed()) << "not said again yet is not stale from an earlier restart";
  w.up(1, ebgp(1), kBoth);
  w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
  w.say(1, end_of_rib(k4));
  end(k4);
  EXPECT_TRUE(w.paths("10.1.0.0/16").at(0).best);
  EXPECT_TRUE(w.paths("10.2.0.0/16").at(0).best) << "the end of a refresh that the old session began";
}

TEST_F(Rfc7313In, AnotherNeighboursPathsAreNotTouched) {
  w.say(2, announce({"10.2.0.0/16"}, route({65002})));
  begin(k4);
  end(k4);
  EXPECT_EQ(w.best("10.2.0.0/16"), 2U);
  EXPECT_EQ(w.rib.counts(1, k4).received, 0U);
}

// ---------------------------------------------------------------- what we refresh

/// What came, in order: "begin4", "end6", prefixes, "-prefix", "eor4".
std::vector<std::string> script(const std::vector<std::uint8_t>& bytes, const DecodeContext& context) {
  std::vector<std::string> out;
  const auto digit = [](AddressFamily f) { return f == k4 ? "4" : "6"; };
  for (std::size_t at = 0; at < bytes.size();) {
    const auto rest = std::span{bytes}.subspan(at);
    const auto header = decode_header(rest.first<kHeaderSize>());
    EXPECT_TRUE(header);
    const auto body = rest.subspan(kHeaderSize, header->size - kHeaderSize);
    at += header->size;
    if (header->type == MessageType::RouteRefresh) {
      const auto refresh = std::get<RouteRefresh>(*decode_route_refresh(body));
      out.push_back((refresh.kind == RefreshKind::Begin ? "begin" : "end") + std::string{digit(refresh.family)});
      continue;
    }
    const auto update = decode_update(body, context);
    EXPECT_TRUE(update);
    for (const Prefix& prefix : update->withdrawn) out.push_back("-" + prefix.to_string());
    for (const auto& reach : update->announced)
      for (std::size_t i = 0; i < reach.prefixes.size(); ++i)
        out.push_back(reach.prefixes[i].to_string() +
                      (reach.path_ids.empty() ? "" : "#" + std::to_string(reach.path_ids[i])));
    if (update->end_of_rib) out.push_back(std::string{"eor"} + digit(*update->end_of_rib));
  }
  return out;
}

struct Rfc7313Out : testing::Test {
  Rfc7313Out() {
    w.up(1, ebgp(1));
    w.up(3, ebgp(3));
    w.say(1, announce({"10.1.0.0/16", "10.2.0.0/16"}, route({65001})));
    w.say(1, announce({"2001:db8:1::/48"}, route({65001}, "2001:db8::1")));
    w.settle();
  }
  void up(std::uint8_t paths = 0) {
    RibPeer peer = ebgp(2);
    peer.enhanced_refresh = true;
    peer.add_path = {paths, 0};
    if (paths > 0) context.add_path = {k4};
    context.families = kBoth;
    w.rib.peer_up(2, peer, {});
  }
  /// Everything for neighbour 2, in pieces of about `max_bytes`.
  std::vector<std::string> take(std::size_t max_bytes = 65536) {
    while (w.rib.run(100)) {
    }
    std::vector<std::uint8_t> all;
    while (w.rib.has_output(2)) {
      const auto out = w.rib.take_output(2, max_bytes);
      all.insert(all.end(), out.bytes.begin(), out.bytes.end());
    }
    return script(all, context);
  }
  World w;
  DecodeContext context;
};

TEST_F(Rfc7313Out, ARequestIsAnsweredBetweenBeginAndEnd) {
  up();
  (void)take();
  w.rib.refresh(2, k4);
  EXPECT_EQ(take(), (std::vector<std::string>{"begin4", "10.1.0.0/16", "10.2.0.0/16", "end4"}));
  w.rib.refresh(2, k6);
  EXPECT_EQ(take(), (std::vector<std::string>{"begin6", "2001:db8:1::/48", "end6"}));
}

TEST_F(Rfc7313Out, NothingToSayIsSaidAsWell) {
  w.say(1, withdraw({"10.1.0.0/16", "10.2.0.0/16"}));
  up();
  (void)take();
  w.rib.refresh(2, k4);
  EXPECT_EQ(take(), (std::vector<std::string>{"begin4", "end4"}));
}

TEST_F(Rfc7313Out, ItDoesNotBeginBeforeEndOfRib) {
  up();
  w.rib.hold_end_of_rib(true);
  w.rib.refresh(2, k4);
  EXPECT_EQ(take(), (std::vector<std::string>{"10.1.0.0/16", "10.2.0.0/16", "2001:db8:1::/48"}));
  w.rib.hold_end_of_rib(false);
  EXPECT_EQ(take(), (std::vector<std::string>{"eor4", "eor6", "begin4", "10.1.0.0/16", "10.2.0.0/16", "end4"}));
}

TEST_F(Rfc7313Out, TheEndWaitsForTheLastPiece) {
  up();
  (void)take();
  for (int i = 0; i < 600; ++i)
    w.say(1, announce({"20." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24"}, route({65001})));
  (void)take();
  w.rib.refresh(2, k4);
  const auto said = take(/*max_bytes=*/100);
  ASSERT_EQ(said.size(), 604U);
  EXPECT_EQ(said.front(), "begin4");
  EXPECT_EQ(said.back(), "end4");
}

TEST_F(Rfc7313Out, ARequestInTheMiddleIsAnsweredAfterwards) {
  up();
  (void)take();
  w.rib.refresh(2, k4);
  const auto first = script(w.rib.take_output(2, 1).bytes, context);
  EXPECT_EQ(first.front(), "begin4");
  w.rib.refresh(2, k4);
  w.rib.refresh(2, k4);
  auto said = take();
  EXPECT_EQ(std::ranges::count(said, "begin4"), 1) << "once for both";
  EXPECT_EQ(std::ranges::count(said, "end4"), 2);
  EXPECT_EQ(said.back(), "end4");
}

TEST_F(Rfc7313Out, WhatChangesMeanwhileIsSaidOnce) {
  up();
  (void)take();
  w.rib.refresh(2, k4);
  w.say(1, withdraw({"10.1.0.0/16"}));
  auto said = take();
  EXPECT_EQ(said.front(), "begin4");
  EXPECT_EQ(said.back(), "end4");
  EXPECT_EQ(std::ranges::count(said, "-10.1.0.0/16"), 1);
  EXPECT_EQ(std::ranges::count(said, "10.1.0.0/16"), 0);
}

TEST_F(Rfc7313Out, EveryPathOfAddPathIsBetween) {
  w.say(3, announce({"10.1.0.0/16"}, route({65003})));
  up(4);
  (void)take();
  w.rib.refresh(2, k4);
  const auto said = take();
  EXPECT_EQ(said.front(), "begin4");
  EXPECT_EQ(said.back(), "end4");
  EXPECT_EQ(said.size(), 5U) << "two paths of one prefix, one of the other";
}

TEST_F(Rfc7313Out, NewSettingsInTheMiddleBeginItAnew) {
  up();
  (void)take();
  w.rib.refresh(2, k4);
  (void)w.rib.take_output(2, 1);
  RibPeer peer = ebgp(2);
  peer.enhanced_refresh = true;
  peer.local_v4 = ip("192.0.2.253");
  w.rib.peer_changed(2, peer);
  const auto said = take();
  EXPECT_EQ(said.back(), "end4");
  const auto begin = std::ranges::find(said, "begin4");
  ASSERT_NE(begin, said.end());
  EXPECT_EQ(std::count(begin, said.end(), "10.1.0.0/16"), 1);
  EXPECT_EQ(std::count(begin, said.end(), "10.2.0.0/16"), 1);
}

TEST_F(Rfc7313Out, APlainRequestSurvivesNewSettings) {
  RibPeer peer = ebgp(2);
  context.families = kBoth;
  w.rib.peer_up(2, peer, {});
  (void)take();
  w.rib.refresh(2, k4);
  peer.max_message_size = 65535;  // another group, in which every route is encoded the same
  w.rib.peer_changed(2, peer);
  EXPECT_EQ(take(), (std::vector<std::string>{"10.1.0.0/16", "10.2.0.0/16"})) << "IPv4 again, and nothing else";
}

TEST_F(Rfc7313Out, AnEndOfRibThatWasMarkedSurvivesNewSettings) {
  for (int i = 0; i < 600; ++i)
    w.say(1, announce({"20." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24"}, route({65001})));
  w.settle();
  up();
  const auto with_next_hop = [&](std::string_view hop) {
    RibPeer peer = ebgp(2);
    peer.local_v4 = ip(hop);
    w.rib.peer_changed(2, peer);
  };
  std::vector<std::string> said;
  const auto piece = [&] {
    for (auto& one : script(w.rib.take_output(2, 100).bytes, context)) said.push_back(one);
  };
  for (int i = 0; i < 3; ++i) piece();
  with_next_hop("192.0.2.253");
  for (int i = 0; i < 3; ++i) piece();
  with_next_hop("192.0.2.252");
  for (auto& one : take()) said.push_back(one);
  EXPECT_EQ(std::ranges::count(said, "eor4"), 1);
  EXPECT_EQ(std::ranges::count(said, "eor6"), 1);
}

}  // namespace
}  // namespace slash32::bgp::test
