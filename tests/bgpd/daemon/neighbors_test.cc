// Who may call: ranges with keys.
#include "common/log.h"
#include "tests/bgpd/daemon/neighbors_world.h"

namespace slash32::bgp {
namespace {

using testing::kHere;
using testing::NeighborsTest;

TEST_F(NeighborsTest, ARangeWhosePasswordFileIsMissingAcceptsNobodyUntilItIsThere) {
  settings().password_file = folder_ + "/key";
  configure();
  ASSERT_EQ(neighbors_->held_ranges().size(), 1U);
  EXPECT_NE(neighbors_->held_ranges().begin()->second.find("passwordFile"), std::string::npos);
  call();
  EXPECT_TRUE(neighbors_->all().empty()) << "accepted without a key";

  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret\n"));
  LoopTimer look(loop_);  // the range looks again on its own
  std::function<void()> until_free = [&] {
    if (!neighbors_->held_ranges().empty()) return look.after(Milliseconds{20}, until_free);
    EXPECT_EQ(keys_[conf_.dynamic_neighbors[0].range], "secret");
    call();
    EXPECT_EQ(neighbors_->all().size(), 1U);
    loop_.post([&] { neighbors_.reset(); });
  };
  until_free();
  loop_.run();
}

TEST_F(NeighborsTest, WhoCallsFromARangeKeepsItsPlaceAsLongAsDelayOpenNeeds) {
  settings().delay_open = Seconds{40};
  configure();
  call();
  ASSERT_EQ(neighbors_->all().size(), 1U);
  ASSERT_TRUE(only().retry.due());
  EXPECT_GT(*only().retry.due(), loop_.now() + Seconds{60}) << "it would go before its OPEN is due";
}

TEST_F(NeighborsTest, CallsThatAreRefusedAreCountedByWhy) {
  add_static(std::nullopt);
  conf_.neighbors[0].address = kHere;
  conf_.neighbors[0].local_address = IpAddress::v4(0x7F000005);
  configure();
  call();
  call();
  EXPECT_EQ(neighbors_->refused_calls().at("misplaced"), 2U);
  conf_.neighbors[0].local_address.reset();
  configure();
  only().session->stop(cease_with_text(cease::kAdministrativeReset, ""));
  call();
  EXPECT_EQ(neighbors_->refused_calls().at("notNow"), 1U);
  ASSERT_TRUE(neighbors_->disable(only().id, ""));
  call();
  EXPECT_EQ(neighbors_->refused_calls().at("held"), 1U);
  conf_.neighbors.clear();
  conf_.dynamic_neighbors[0].limit = 0;
  configure();
  call();
  EXPECT_EQ(neighbors_->refused_calls().at("rangeFull"), 1U);
  conf_.dynamic_neighbors.clear();
  configure();
  call();
  EXPECT_EQ(neighbors_->refused_calls().at("unknown"), 1U);
}

TEST_F(NeighborsTest, CallsThatAreRefusedAreToldOnceHoweverManyThereAre) {
  std::vector<std::string> lines;
  const auto before = log::set_sink([&](log::Level, const std::string& line) {
    if (line.find("refused") != std::string::npos) lines.push_back(line);
  });
  conf_.dynamic_neighbors[0].limit = 0;
  configure();
  for (int i = 0; i < 20; ++i) call();
  log::set_sink(before);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("127.0.0.0/8"), std::string::npos) << lines[0];
  EXPECT_EQ(neighbors_->refused_calls().at("rangeFull"), 20U);
}

TEST_F(NeighborsTest, ACallToAnotherAddressOrByAnotherLinkIsRefusedAndNoted) {
  conf_.dynamic_neighbors[0].settings.local_address = kHere;
  conf_.dynamic_neighbors[0].settings.bind_interface = "lo";
  configure();
  call();
  EXPECT_EQ(neighbors_->all().size(), 1U) << "where it is expected";
  settings().bind_interface = "eth77";
  configure();
  call();
  EXPECT_TRUE(neighbors_->all().empty());
  settings().bind_interface.reset();
  settings().local_address = IpAddress::v4(0x7F000005);
  configure();
  call();
  EXPECT_TRUE(neighbors_->all().empty());
  conf_.dynamic_neighbors.clear();
  add_static(std::nullopt);
  conf_.neighbors[0].address = kHere;
  conf_.neighbors[0].local_address = IpAddress::v4(0x7F000005);
  configure();
  call();
  call();
  EXPECT_EQ(only().misplaced_calls, 2U);
  EXPECT_EQ(only().last_misplaced_call, "called 127.0.0.1, not localAddress 127.0.0.5");
}

TEST_F(NeighborsTest, BfdOfAConfiguredNeighborComesChangesAndGoesWithoutAReset) {
  add_static(std::nullopt);
  configure();
  const auto id = neighbors_->all().begin()->first;
  EXPECT_TRUE(bfd_orders_.empty());
  conf_.neighbors[0].bfd = config::BfdConf{};
  configure();
  configure();
  ASSERT_EQ(bfd_orders_.size(), 1U) << "told once";
  EXPECT_EQ(bfd_orders_[0].first, id);
  EXPECT_EQ(bfd_orders_[0].second->target.remote, conf_.neighbors[0].address);
  conf_.neighbors[0].bfd->min_rx = Milliseconds{50};
  configure();
  ASSERT_EQ(bfd_orders_.size(), 2U);
  EXPECT_EQ(bfd_orders_[1].second->settings.required_min_rx, Milliseconds{50});
  conf_.neighbors[0].bfd.reset();
  configure();
  ASSERT_EQ(bfd_orders_.size(), 3U);
  EXPECT_EQ(bfd_orders_[2].second, std::nullopt);
  EXPECT_EQ(neighbors_->all().begin()->first, id) << "the neighbour was reset";
}

TEST_F(NeighborsTest, BfdOfANeighborThatIsRemovedOrDisabledEnds) {
  add_static(std::nullopt);
  conf_.neighbors[0].bfd = config::BfdConf{};
  configure();
  conf_.neighbors[0].enabled = false;
  configure();
  ASSERT_EQ(bfd_orders_.size(), 2U);
  EXPECT_EQ(bfd_orders_[1], (std::pair{bfd_orders_[0].first, std::optional<BfdOrder>{}}));
  conf_.neighbors[0].enabled = true;
  configure();
  conf_.neighbors.clear();
  configure();
  ASSERT_EQ(bfd_orders_.size(), 4U);
  EXPECT_EQ(bfd_orders_[3], (std::pair{bfd_orders_[2].first, std::optional<BfdOrder>{}}));
}

TEST_F(NeighborsTest, WhatBfdSaysIsKeptForShowAndOfNobodyElse) {
  add_static(std::nullopt);
  conf_.neighbors[0].bfd = config::BfdConf{};
  configure();
  const auto& neighbor = *neighbors_->all().begin()->second;
  neighbors_->bfd_told(neighbor.id + 1, {}, true);
  EXPECT_EQ(neighbor.bfd, std::nullopt);
  const BfdState up{.state = bfd::State::Up, .remote_state = bfd::State::Up, .trouble = {}};
  neighbors_->bfd_told(neighbor.id, up, false);
  EXPECT_EQ(neighbor.bfd, up);
  const BfdState down{.diagnostic = bfd::Diagnostic::ControlDetectionTimeExpired, .trouble = {}};
  neighbors_->bfd_told(neighbor.id, down, true);  // no session is there that could end
  EXPECT_EQ(neighbor.bfd, down);
  EXPECT_TRUE(died_.empty()) << "nothing was learned from it";
  EXPECT_EQ(neighbor.session->status().last_error, "");
  conf_.neighbors[0].bfd.reset();
  configure();
  neighbors_->bfd_told(neighbor.id, up, false);  // was on its way
  EXPECT_EQ(neighbor.bfd, std::nullopt);
}

TEST_F(NeighborsTest, ADynamicNeighborIsWatchedWhileEstablishedAndAFailureEndsItsSession) {
  settings().bfd = config::BfdConf{};
  settings().graceful_restart.notification = true;  // RFC 8538, and so a Hard Reset
  configure();
  auto listener = Listener::open(loop_, {kHere, 0}, [&](UniqueFd fd, const Endpoint& remote, const Endpoint& local) {
    neighbors_->accepted(std::move(fd), remote, local);
    EXPECT_TRUE(bfd_orders_.empty()) << "before Established";
  });
  ASSERT_TRUE(listener);
  auto theirs = conf_;
  theirs.local_as = Asn{65002};
  auto them = settings();
  them.remote_as.asn = Asn{65001};
  them.passive = false;
  std::optional<NeighborSession> client;
  const auto end = [&] {
    client.reset();
    neighbors_.reset();
    listener = fail(1, "done");
  };
  const auto fail_it = [&] {  // our side is Established as well
    ASSERT_EQ(bfd_orders_.size(), 1U);
    const auto& target = bfd_orders_[0].second->target;
    EXPECT_EQ(target.remote, kHere);
    EXPECT_EQ(target.local, kHere) << "as the session's";
    settings().bfd->min_rx = Milliseconds{50};
    configure();
    ASSERT_EQ(bfd_orders_.size(), 2U);
    EXPECT_TRUE(neighbors_->all().begin()->second->up) << "changed live";
    const BfdState down{.diagnostic = bfd::Diagnostic::ControlDetectionTimeExpired, .trouble = {}};
    neighbors_->bfd_told(bfd_orders_[0].first, down, false);
    EXPECT_TRUE(died_.empty()) << "down is no failure: the peer may have said so";
    neighbors_->bfd_told(bfd_orders_[0].first, down, true);
    EXPECT_EQ(died_, (std::vector{std::pair{kHere, true}})) << "the next hop's death before the session's end";
    EXPECT_EQ(neighbors_->all().begin()->second->session->status().last_error,
              "BFD: control detection time expired; sent Cease/Hard Reset (Cease/BFD Down)");
  };
  LoopTimer look(loop_);
  std::function<void()> until_watched = [&] {
    if (bfd_orders_.empty()) return look.after(Milliseconds{10}, until_watched);
    fail_it();
  };
  client.emplace(loop_, peer_settings(theirs, them, RouterId{2}), *listener->bound(), SocketOptions{},
                 SessionEvents{.up = [&](const Session&, const Endpoint&) { until_watched(); },
                               .down =
                                   [&](const act::SessionDown& down) {
                                     EXPECT_EQ(down.reason, "received Cease/Hard Reset (Cease/BFD Down)");
                                     ASSERT_EQ(bfd_orders_.size(), 3U);
                                     EXPECT_EQ(bfd_orders_[2].second, std::nullopt);
                                     loop_.post(end);
                                   },
                               .stale_expired = [](const auto&) {},
                               .long_lived_stale = [](const auto&) {},
                               .update = [](const Update&) {},
                               .refresh = [](const RouteRefresh&) {},
                               .output = [](std::size_t) { return SessionEvents::Output{}; }});
  client->start();
  loop_.run();
  EXPECT_EQ(bfd_orders_.size(), 3U);
}

TEST_F(NeighborsTest, ADynamicNeighborThatSentTooManyPrefixesRests) {
  settings().max_prefixes.in = 1;
  configure();
  auto listener = Listener::open(loop_, {kHere, 0}, [&](UniqueFd fd, const Endpoint& remote, const Endpoint& local) {
    neighbors_->accepted(std::move(fd), remote, local);
  });
  ASSERT_TRUE(listener);
  auto theirs = conf_;
  theirs.local_as = Asn{65002};
  auto them = settings();
  them.remote_as.asn = Asn{65001};
  them.passive = false;
  PathAttributes attributes;
  attributes.as_path.segments = {{SegmentType::AsSequence, {Asn{65002}}}};
  attributes.next_hop = *IpAddress::parse("10.0.0.1");
  const auto block = encode_attribute_block(attributes, AddressFamily::IPv4, {});
  ASSERT_TRUE(block);
  int downs = 0;
  std::optional<NeighborSession> client;
  bool sent = false;
  client.emplace(loop_, peer_settings(theirs, them, RouterId{2}), *listener->bound(), SocketOptions{},
                 SessionEvents{.up = [&](const Session&, const Endpoint&) { loop_.post([&] { client->pull(); }); },
                               .down =
                                   [&](const act::SessionDown&) {
                                     ++downs;
                                     loop_.post([&] {  // behind what the other side still had to do
                                       ASSERT_EQ(neighbors_->all().size(), 1U) << "forgotten, and free to call again";
                                       const auto& resting = *neighbors_->all().begin()->second;
                                       EXPECT_NE(resting.held.find("maxPrefixes.in"), std::string::npos);
                                       call();
                                       EXPECT_EQ(neighbors_->all().size(), 1U);
                                       client.reset();
                                       neighbors_.reset();
                                       listener = fail(1, "done");
                                     });
                                   },
                               .stale_expired = [](const auto&) {},
                               .long_lived_stale = [](const auto&) {},
                               .update = [](const Update&) {},
                               .refresh = [](const RouteRefresh&) {},
                               .output =
                                   [&](std::size_t) {
                                     SessionEvents::Output out;
                                     if (std::exchange(sent, true)) return out;
                                     const std::vector many{*Prefix::parse("10.1.0.0/24", true),
                                                            *Prefix::parse("10.2.0.0/24", true)};
                                     EXPECT_TRUE(encode_announcements(*block, many, 4096, out.bytes));
                                     out.messages = 1;
                                     return out;
                                   }});
  client->start();
  loop_.run();
  EXPECT_EQ(downs, 1);
}

}  // namespace
}  // namespace slash32::bgp
