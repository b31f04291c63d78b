// Who may call: ranges with keys. Over the loopback; the listeners' keys are only noted down.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "bgpd/neighbors.h"
#include "bgpd/transport/listener.h"
#include "bgpd/wire/update.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

const IpAddress kHere = IpAddress::v4(0x7F000001);

class NeighborsTest : public testing::Test {
 protected:
  NeighborsTest() {
    char name[] = "/tmp/slash32-neighbors-XXXXXX";
    if (::mkdtemp(name) != nullptr) folder_ = name;
    conf_.local_as = Asn{65001};
    config::DynamicNeighborConf range{.range = *Prefix::parse("127.0.0.0/8", true), .settings = {}};
    range.settings.name = "pods";
    range.settings.remote_as.asn = Asn{65002};
    range.settings.passive = true;
    conf_.dynamic_neighbors = {range};
    rib_.emplace(rib_settings(conf_, RouterId{1}, false), [](const NextHop&) { return NextHopState{}; });
    neighbors_.emplace(Neighbors::Deps{.loop = &loop_,
                                       .rib = &*rib_,
                                       .watch = &*watch_,
                                       .clocks = &clocks_,
                                       .work = [] {},
                                       .set_listen_key = [this](const Prefix& peer, const std::string& key) -> Status {
                                         if (takes_no_key_) return fail(5, "no memory for keys");
                                         keys_[peer] = key;
                                         key_calls_.push_back(key);
                                         return ok();
                                       },
                                       .order_bfd =
                                           [this](PeerId peer, const std::optional<BfdOrder>& wanted) {
                                             bfd_orders_.emplace_back(peer, wanted);
                                           },
                                       .discover = [this](const auto& interfaces) { looked_at_ = interfaces; }},
                       std::nullopt);
  }
  ~NeighborsTest() override { std::filesystem::remove_all(folder_); }

  config::NeighborConf& settings() { return conf_.dynamic_neighbors[0].settings; }
  void add_static(const std::optional<std::string>& password_file) {
    auto& one = conf_.neighbors.emplace_back();
    one.name = "tor1";
    one.address = IpAddress::v4(0x7F000008);
    one.remote_as.asn = Asn{65002};
    one.passive = true;
    one.password_file = password_file;
  }
  void add_unnumbered() {
    auto& one = conf_.neighbors.emplace_back();
    one.name = one.interface.emplace("eth9");
    one.bind_interface = one.interface;
    one.address = IpAddress::v6({});
    one.remote_as.asn = Asn{65002};
    one.passive = true;
    one.bfd.emplace();
  }
  const Neighbor& only() const { return *neighbors_->all().begin()->second; }
  void configure() { neighbors_->configure(conf_, RouterId{1}); }
  /// One connection from the loopback, as the listener hands it out.
  void call() {
    auto listener = bind_listener({kHere, 0});
    ASSERT_TRUE(listener);
    ASSERT_TRUE(start_listening(listener->get(), {kHere, 0}));
    auto client = begin_connect(*local_endpoint(listener->get()), {});
    ASSERT_TRUE(client);
    UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
    ASSERT_TRUE(fd);
    neighbors_->accepted(std::move(fd), {kHere, 40000});
  }

  Loop loop_;
  Result<KernelWatch> watch_ = KernelWatch::open(TableId{254});
  StartClocks clocks_{false, Seconds{120}, {}};
  config::BgpdConf conf_;
  std::string folder_;
  std::map<Prefix, std::string> keys_;
  std::vector<std::string> key_calls_;
  std::vector<std::pair<PeerId, std::optional<BfdOrder>>> bfd_orders_;
  std::set<std::string> looked_at_;
  bool takes_no_key_ = false;
  std::optional<Rib> rib_;
  std::optional<Neighbors> neighbors_;
};

// ---------------------------------------------------------------- unnumbered ones

const IpAddress kRouter = *IpAddress::parse("fe80::1"), kOtherRouter = *IpAddress::parse("fe80::2");

TEST_F(NeighborsTest, AnUnnumberedNeighborWaitsUntilARouterIsHeardOnItsLink) {
  add_unnumbered();
  configure();
  EXPECT_EQ(looked_at_, std::set<std::string>{"eth9"});
  EXPECT_EQ(only().held, "waits for a router to advertise itself on eth9");
  EXPECT_TRUE(bfd_orders_.empty()) << "with nobody yet";
  neighbors_->router_heard("eth8", kRouter);
  EXPECT_FALSE(only().session);
  neighbors_->router_trouble("eth9", "interface eth9: there is none");
  EXPECT_EQ(only().held, "interface eth9: there is none");
  neighbors_->router_trouble("eth9", "");
  EXPECT_EQ(only().held, "waits for a router to advertise itself on eth9");
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().held, "");
  EXPECT_EQ(only().conf.address, kRouter);
  ASSERT_TRUE(only().session);
  EXPECT_EQ(only().session->remote().address, kRouter);
  EXPECT_TRUE(only().session->settings().extended_next_hop);
  ASSERT_EQ(bfd_orders_.size(), 1U);
  EXPECT_EQ(bfd_orders_[0].second->target.remote, kRouter);
  EXPECT_EQ(bfd_orders_[0].second->target.interface, "eth9");
}

TEST_F(NeighborsTest, AnotherRouterOnTheLinkTakesThePlaceOfOneWhoseSessionIsNotUp) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  const auto before = only().id;
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().id, before) << "said again";
  neighbors_->router_heard("eth9", kOtherRouter);
  ASSERT_EQ(neighbors_->all().size(), 1U);
  EXPECT_EQ(only().conf.address, kOtherRouter);
  EXPECT_NE(only().id, before) << "its next hops are others";
}

TEST_F(NeighborsTest, RoutersThatTakeTurnsAreFollowedOnceInAWhile) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  neighbors_->router_heard("eth9", kOtherRouter);
  const auto before = only().id;
  for (int i = 0; i < 100; ++i) {
    neighbors_->router_heard("eth9", kRouter);
    neighbors_->router_heard("eth9", kOtherRouter);
  }
  EXPECT_EQ(only().id, before);
}

TEST_F(NeighborsTest, ARouterThatIsConfiguredByItsAddressIsNoUnnumberedNeighborAsWell) {
  add_unnumbered();
  add_static({});
  conf_.neighbors.back().address = kRouter;
  conf_.neighbors.back().bind_interface = "eth9";
  configure();
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_TRUE(only().conf.address.is_unspecified());
  neighbors_->router_heard("eth9", kOtherRouter);
  EXPECT_EQ(only().conf.address, kOtherRouter);
}

TEST_F(NeighborsTest, AReloadKeepsTheRouterThatWasFound) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  const auto before = only().id;
  configure();
  EXPECT_EQ(only().id, before) << "nothing changed";
  conf_.neighbors[0].description = "live";
  configure();
  EXPECT_EQ(only().id, before);
  EXPECT_EQ(only().conf.address, kRouter);
  conf_.neighbors[0].hold_time = Seconds{30};
  configure();
  EXPECT_NE(only().id, before) << "a reset";
  EXPECT_EQ(only().conf.address, kRouter) << "without another advertisement";
  conf_.neighbors.clear();
  configure();
  EXPECT_TRUE(looked_at_.empty());
  EXPECT_TRUE(neighbors_->all().empty());
}

TEST_F(NeighborsTest, ADisabledUnnumberedNeighborIsWokenByNobody) {
  add_unnumbered();
  configure();
  ASSERT_TRUE(neighbors_->disable(only().id, "maintenance"));
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().held, "disabled by an operator: maintenance");
  EXPECT_FALSE(only().session);
  ASSERT_TRUE(neighbors_->enable(only().id));
  EXPECT_EQ(only().conf.address, kRouter);
  EXPECT_TRUE(only().session);
}

TEST_F(NeighborsTest, TheKeyOfAnUnnumberedNeighborIsSetForTheRouterThatWasFound) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_unnumbered();
  conf_.neighbors[0].password_file = folder_ + "/key";
  configure();
  EXPECT_TRUE(neighbors_->listen_keys(conf_).empty());
  EXPECT_TRUE(keys_.empty());
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "secret");
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{Prefix::host(kRouter), "secret"}}));
}

TEST_F(NeighborsTest, ARouterThatIsFollowedNoMoreLeavesNoKeyOnTheListeners) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_unnumbered();
  conf_.neighbors[0].password_file = folder_ + "/key";
  configure();
  neighbors_->router_heard("eth9", kRouter);
  neighbors_->router_heard("eth9", kOtherRouter);
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "");
  EXPECT_EQ(keys_[Prefix::host(kOtherRouter)], "secret");
}

TEST_F(NeighborsTest, ANeighborThatGoesLeavesItsKeyToAnotherOfTheSameAddressOnAnotherLink) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  for (const char* link : {"eth8", "eth9"}) {
    add_unnumbered();
    conf_.neighbors.back().name = conf_.neighbors.back().interface.emplace(link);
    conf_.neighbors.back().bind_interface = link;
    conf_.neighbors.back().password_file = folder_ + "/key";
  }
  configure();
  neighbors_->router_heard("eth8", kRouter);
  neighbors_->router_heard("eth9", kRouter);
  conf_.neighbors.erase(conf_.neighbors.begin());
  configure();
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "secret");
  conf_.neighbors.clear();
  configure();
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "");
}

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

TEST_F(NeighborsTest, TheKeyOfARangeGoesFromTheListenersWithItsPasswordFileOrTheRange) {
  const auto range = conf_.dynamic_neighbors[0].range;
  settings().password_file = folder_ + "/key";
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  configure();
  EXPECT_EQ(keys_[range], "secret");
  settings().password_file.reset();
  configure();
  EXPECT_EQ(keys_[range], "");
  settings().password_file = folder_ + "/key";
  configure();
  EXPECT_EQ(keys_[range], "secret");
  conf_.dynamic_neighbors.clear();
  configure();
  EXPECT_EQ(keys_[range], "");
}

TEST_F(NeighborsTest, ANeighborThatIsResetKeepsItsKeyOnTheListeners) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  conf_.neighbors[0].hold_time = Seconds{30};
  configure();
  EXPECT_EQ(key_calls_, (std::vector<std::string>{"secret", "secret"})) << "for a moment anybody could have called";
  conf_.neighbors.clear();
  configure();
  EXPECT_EQ(key_calls_.back(), "");
}

TEST_F(NeighborsTest, AKeyThatANewListenerDoesNotTakeHoldsTheSession) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  ASSERT_EQ(neighbors_->all().begin()->second->held, "");
  takes_no_key_ = true;
  configure();
  EXPECT_EQ(neighbors_->all().begin()->second->held, "no memory for keys");
}

TEST_F(NeighborsTest, TheKeysForANewListenerAreThoseOfTheFilesOrElseTheOnesInUse) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  ASSERT_TRUE(write_atomic(folder_ + "/long", std::string(81, 'x')));
  settings().password_file = folder_ + "/key";
  add_static(folder_ + "/key");
  configure();
  const auto range = conf_.dynamic_neighbors[0].range, host = Prefix::host(conf_.neighbors[0].address);
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "new"}, {host, "new"}}));
  std::filesystem::remove(folder_ + "/key");
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "old"}, {host, "old"}}));
  conf_.neighbors[0].address = IpAddress::v4(0x7F000009);
  conf_.neighbors[0].password_file = folder_ + "/long";
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "old"}})) << "who has no key is held";
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
  auto listener = Listener::open(loop_, {kHere, 0}, [&](UniqueFd fd, const Endpoint& remote, const Endpoint&) {
    neighbors_->accepted(std::move(fd), remote);
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
    neighbors_->bfd_told(bfd_orders_[0].first, down, true);
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
  auto listener = Listener::open(loop_, {kHere, 0}, [&](UniqueFd fd, const Endpoint& remote, const Endpoint&) {
    neighbors_->accepted(std::move(fd), remote);
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
