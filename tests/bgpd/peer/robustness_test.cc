// What a peer may do to us: garbage, pieces, refusals again and again. Nothing crashes, hangs, grows or spins.
#include <gtest/gtest.h>

#include <random>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;
using Bytes = std::vector<std::uint8_t>;

const PeerSettings kUs = settings_of(65001, 1, 65002);
const PeerSettings kThem = settings_of(65002, 2, 65001);

Bytes their_open() { return encode_open(make_open(kThem, {}, true)); }

/// A peer with one connection that it accepted, in OpenSent.
struct Accepted {
  Peer peer{kUs, testing::half, nullptr};
  Instant now{Seconds{100}};
  ConnectionId id = 0;
  Accepted() {
    (void)peer.start(now);
    id = peer.on_accepted(now).first;
  }
  Actions feed(const Bytes& bytes) { return peer.on_bytes(id, bytes, now); }
};

TEST(Robustness, MessagesInSingleOctetsWorkAsWell) {
  Accepted a;
  Bytes stream = their_open();
  const Bytes keepalive = encode_keepalive();
  stream.insert(stream.end(), keepalive.begin(), keepalive.end());
  for (const std::uint8_t byte : stream) (void)a.feed({byte});
  EXPECT_EQ(a.peer.status().state, PeerState::Established);
  EXPECT_EQ(a.peer.status().messages_in, 2U);
}

TEST(Robustness, GarbageWhileDelayOpenWaitsIsAnsweredAndCountsAsARefusal) {
  PeerSettings delayed = kUs;
  delayed.delay_open = Seconds{20};
  Peer peer(delayed, testing::half, nullptr);
  const Instant now{Seconds{100}};
  (void)peer.start(now);
  bool closed_at_once = false;
  for (int i = 0; i < 200 && !closed_at_once; ++i) {
    const auto [id, accepted] = peer.on_accepted(now);
    if ((closed_at_once = !accepted.empty())) break;
    const Actions actions = peer.on_bytes(id, Bytes(19, 0), now);
    ASSERT_EQ(actions.size(), 2U);
    EXPECT_EQ(std::get<act::Send>(actions[0]).bytes, encode_notification({1, 1, {}}));
    EXPECT_TRUE(std::holds_alternative<act::Close>(actions[1]));
  }
  EXPECT_TRUE(closed_at_once) << "who is refused again and again is not heard any more";
}

TEST(Robustness, ABadHeaderIsAnsweredBeforeItsMessageIsWhole) {
  Accepted a;
  Bytes header(16, 0xff);
  header.insert(header.end(), {0x10, 0x01, 2});  // 4097 octets
  const Actions actions = a.feed(header);
  ASSERT_EQ(actions.size(), 2U);
  EXPECT_EQ(std::get<act::Send>(actions[0]).bytes, encode_notification({1, 2, {0x10, 0x01}}));
  EXPECT_TRUE(std::holds_alternative<act::Close>(actions[1])) << "behind the NOTIFICATION";
}

TEST(Robustness, SixteenMegabytesOfGarbageCostOneNotification) {
  Accepted a;
  std::mt19937 rng{1};
  Bytes chunk(65536);
  std::size_t actions = 0;
  for (int i = 0; i < 256; ++i) {
    for (std::uint8_t& b : chunk) b = static_cast<std::uint8_t>(rng());
    actions += a.feed(chunk).size();
  }
  EXPECT_EQ(actions, 2U);
}

TEST(Robustness, BytesBehindAFatalMessageAreDropped) {
  Accepted a;
  Bytes stream = encode_notification({6, 2, {}});
  const Bytes open = their_open();
  stream.insert(stream.end(), open.begin(), open.end());
  const Actions actions = a.feed(stream);
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<act::Close>(actions[0]));
}

TEST(Robustness, EveryChangeOfEveryOctetOfAnOpenLeavesASoundPeer) {
  const Bytes open = their_open();
  for (std::size_t at = 0; at < open.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Accepted a;
      Bytes changed = open;
      changed[at] = static_cast<std::uint8_t>(value);
      (void)a.feed(changed);
      const PeerState state = a.peer.status().state;
      ASSERT_NE(state, PeerState::Established);
    }
  }
}

TEST(Robustness, APeerThatRefusesOurOpenIsTriedLessAndLess) {
  PeerSettings wrong = kUs;
  wrong.remote_as = Asn{65099};
  World w{wrong, kThem};
  (void)w.b().peer->start(w.now);
  w.perform(0, w.a().peer->start(w.now));
  w.run_for(Seconds{600});
  EXPECT_GE(w.a().connects, 10);
  EXPECT_LE(w.a().connects, 600 / 20 + 10);
  EXPECT_EQ(w.a().peer->status().last_sent, (Notification{2, 2, {0xfd, 0xea}}));
}

TEST(Robustness, ASessionThatStoodForAMinuteMakesUpForEveryRefusal) {
  for (const Seconds stood : {Seconds{59}, Seconds{60}}) {
    Peer peer{kUs, testing::half, nullptr};
    Instant now{Seconds{100}};
    Actions calls = peer.start(now);
    const auto hear = [&](const Bytes& open) {
      const ConnectionId id = std::get<act::Connect>(calls.at(0)).id;
      (void)peer.on_connected(id, now);
      (void)peer.on_bytes(id, open, now);
      return id;
    };
    for (int i = 0; i < 10; ++i) {
      (void)hear(encode_open(make_open(settings_of(65099, 2, 65001), {}, true)));
      now = *peer.next_deadline();
      calls = peer.on_time(now);
    }
    const ConnectionId id = hear(their_open());
    (void)peer.on_bytes(id, encode_keepalive(), now);
    ASSERT_EQ(peer.status().state, PeerState::Established);
    now += stood;
    (void)peer.on_bytes(id, Bytes(19, 0), now);
    const Duration pause = stood < Seconds{60} ? Seconds{4} : Seconds{1};  // never 30 s after one that came up
    EXPECT_EQ(*peer.next_deadline() - now, with_jitter(pause, 0.5)) << stood.count();
  }
}

TEST(Robustness, APeerThatConnectsWithBadOpensAgainAndAgainIsRefusedCheaply) {
  PeerSettings wrong = kUs;
  wrong.remote_as = Asn{65099};
  wrong.passive = true;
  Peer peer{wrong, testing::half, nullptr};
  Instant now{Seconds{100}};
  (void)peer.start(now);
  int answered = 0;
  for (int i = 0; i < 29000; ++i) {  // in ten seconds
    now += std::chrono::microseconds{345};
    const auto [id, actions] = peer.on_accepted(now);
    if (std::holds_alternative<act::Close>(actions.at(0))) continue;
    ++answered;
    (void)peer.on_bytes(id, their_open(), now);
  }
  EXPECT_LE(answered, 100 + 10 * 10 + 1);
  now += Seconds{1};
  EXPECT_TRUE(std::holds_alternative<act::Send>(peer.on_accepted(now).second.at(0))) << "and heard again afterwards";
}

TEST(Robustness, APeerThatConnectsAndNeverSendsItsOpenIsRefusedCheaply) {
  for (const bool hangs_up : {false, true}) {
    Accepted a;
    int answered = 0;
    for (int i = 0; i < 10000; ++i) {  // in ten seconds
      a.now += Milliseconds{1};
      const auto [id, actions] = a.peer.on_accepted(a.now);
      if (const auto* close = std::get_if<act::Close>(&actions.at(0)); close && close->id == id) continue;
      ++answered;
      if (hangs_up) (void)a.peer.on_closed(id, "closed by the other side", a.now);
    }
    EXPECT_LE(answered, 100 + 10 * 10 + 1);
  }
}

TEST(Robustness, ASessionThatIsResetAgainAndAgainComesBackAfterAPauseEachTime) {
  World w{kUs, kThem};
  w.start();
  for (int i = 0; i < 20; ++i) {
    w.run_for(Seconds{10});
    ASSERT_TRUE(w.both_established()) << i;
    w.perform(0, w.a().peer->on_bytes(w.a().peer->status().session->connection, Bytes(19, 0), w.now));
    w.settle();
  }
  EXPECT_EQ(w.a().downs.size(), 20U);
}

TEST(Rfc5492_3, APeerThatRefusesCapabilitiesIsTriedWithoutThem) {
  Peer peer{kUs, testing::half, nullptr};
  Instant now{Seconds{100}};
  ConnectionId id = std::get<act::Connect>(peer.start(now).at(0)).id;
  Bytes open = std::get<act::Send>(peer.on_connected(id, now).at(0)).bytes;
  EXPECT_GT(open.size(), kMinOpenSize);
  (void)peer.on_bytes(id, encode_notification({2, 4, {}}), now);
  now += Seconds{1};
  id = std::get<act::Connect>(peer.on_time(now).at(0)).id;
  open = std::get<act::Send>(peer.on_connected(id, now).at(0)).bytes;
  EXPECT_EQ(open.size(), kMinOpenSize) << "soon, and with no parameters";
  (void)peer.on_bytes(id, encode_open(make_open(kThem, {}, false), false), now);
  const Actions up = peer.on_bytes(id, encode_keepalive(), now);
  ASSERT_TRUE(std::holds_alternative<act::SessionUp>(up.at(0)));
  EXPECT_EQ(std::get<act::SessionUp>(up.at(0)).session.families, std::vector{AddressFamily::IPv4});
}

TEST(Robustness, AnyMessageKeepsTheSessionAlive) {
  Accepted a;
  (void)a.feed(their_open());
  (void)a.feed(encode_keepalive());
  for (int i = 0; i < 10; ++i) {
    a.now += Seconds{60};
    (void)a.peer.on_time(a.now);
    Bytes refresh(16, 0xff);
    refresh.insert(refresh.end(), {0, 23, 5, 0, 25, 0, 70});  // ROUTE-REFRESH of a family we do not know
    (void)a.feed(refresh);
    ASSERT_EQ(a.peer.status().state, PeerState::Established);
  }
  a.now += Seconds{90};
  (void)a.peer.on_time(a.now);
  EXPECT_NE(a.peer.status().state, PeerState::Established);
}

TEST(Robustness, RandomEventsKeepThePeerSound) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 rng{seed};
    World w{kUs, kThem};
    w.choose = [&](std::size_t ready) { return rng() % ready; };
    w.start();
    for (int i = 0; i < 60; ++i) {
      switch (rng() % 9) {
        case 0:
          w.cut(rng() % 2);
          break;
        case 1:
          w.cut();
          break;
        case 2:
          w.perform(0, w.a().peer->stop(w.now, notification(ErrorCode::Cease, cease::kAdministrativeReset)));
          break;
        case 3:
          w.perform(0, w.a().peer->start(w.now));
          break;
        case 4:
          w.b().reachable = rng() % 2 == 0;
          break;
        case 5:
          w.perform(1, w.b().peer->on_accepted(w.now).second);
          break;
        default:
          w.run_for(Milliseconds{rng() % 20000});
          break;
      }
      ASSERT_FALSE(w.stuck) << seed;
      for (testing::Side& side : w.sides) {
        const PeerStatus status = side.peer->status();
        ASSERT_EQ(status.session.has_value(), status.state == PeerState::Established);
        ASSERT_EQ(side.ups.size() - side.downs.size(), status.session ? 1U : 0U) << seed;
      }
    }
    w.b().reachable = true;
    w.perform(0, w.a().peer->start(w.now));
    w.cut();
    w.run_for(Seconds{300});
    ASSERT_TRUE(w.one_shared_connection()) << "seed " << seed << " never recovered";
  }
}

}  // namespace
}  // namespace slash32::bgp
