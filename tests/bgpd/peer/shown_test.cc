// What is kept for show of a session's OPENs and timers.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/open.h"
#include "tests/bgpd/peer/world.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::message;
using testing::settings_of;
using testing::World;

std::optional<Instant> timer(const Peer& peer, Timer which) {
  return peer.timers().connection.at(static_cast<std::size_t>(which));
}

TEST(LastOpens, OfASessionBothAreKeptAsTheyWere) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  EXPECT_FALSE(w.a().peer->status().opens.sent);
  w.start();
  w.run_for(Seconds{30});
  ASSERT_TRUE(w.both_established());
  const auto a = w.a().peer->status().opens, b = w.b().peer->status().opens;
  ASSERT_TRUE(a.sent && a.received && b.sent && b.received);
  EXPECT_EQ(a.sent->message.bytes, encode_open(make_open(w.a().peer->settings(), {}, true)));
  EXPECT_EQ(a.sent->message.bytes, b.received->message.bytes);
  EXPECT_EQ(b.sent->message.bytes, a.received->message.bytes);
}

TEST(LastOpens, TheOneThatWasRefusedIsKept) {
  World w{settings_of(65001, 1, 65002), settings_of(65003, 2, 65001)};  // another AS than is expected
  w.start();
  w.run_for(Seconds{5});
  EXPECT_FALSE(w.both_established());
  const auto opens = w.a().peer->status().opens;
  ASSERT_TRUE(opens.received);
  EXPECT_EQ(opens.received->message.bytes, encode_open(make_open(w.b().peer->settings(), {}, true)));
}

TEST(LastOpens, AnOpenThatCannotBeReadIsKeptAsItCame) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.perform(0, w.a().peer->start(w.now));
  const auto [id, actions] = w.a().peer->on_accepted(w.now);
  const Bytes bad = message(MessageType::Open, hex("04 fdea 0002 0a000002 00"));  // hold time 2
  (void)w.a().peer->on_bytes(id, bad, w.now);
  ASSERT_TRUE(w.a().peer->status().opens.received);
  EXPECT_EQ(w.a().peer->status().opens.received->message.bytes, bad);
  EXPECT_EQ(w.a().peer->status().opens.received->at, w.now);
}

TEST(LastOpens, ACallBesideASessionDoesNotReplaceTheSessions) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{30});
  ASSERT_TRUE(w.both_established());
  const auto before = w.a().peer->status().opens;
  const auto [id, actions] = w.a().peer->on_accepted(w.now);
  (void)w.a().peer->on_bytes(id, message(MessageType::Open, hex("04 fdea 0002 0a000002 00")), w.now);
  EXPECT_EQ(w.a().peer->status().opens.received, before.received);
}

TEST(PeerTimers, OfASessionHoldAndKeepaliveRun) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{30});
  ASSERT_TRUE(w.both_established());
  ASSERT_TRUE(timer(*w.a().peer, Timer::Hold));
  EXPECT_GT(*timer(*w.a().peer, Timer::Hold), w.now);
  EXPECT_LE(*timer(*w.a().peer, Timer::Hold), w.now + Seconds{90});
  EXPECT_TRUE(timer(*w.a().peer, Timer::Keepalive));
  EXPECT_FALSE(w.a().peer->timers().idle_hold);
}

TEST(PeerTimers, WhileNobodyAnswersTheNextAttemptIsTold) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  EXPECT_FALSE(timer(*w.a().peer, Timer::ConnectRetry));
  w.b().reachable = false;
  w.perform(0, w.a().peer->start(w.now));
  w.settle();
  EXPECT_TRUE(timer(*w.a().peer, Timer::ConnectRetry));
}

TEST(PeerTimers, AfterARefusalThePauseIsTold) {
  World w{settings_of(65001, 1, 65002), settings_of(65003, 2, 65001)};
  w.start();
  w.run_for(Seconds{5});
  ASSERT_EQ(w.a().peer->state(), PeerState::Idle);
  ASSERT_TRUE(w.a().peer->timers().idle_hold);
  EXPECT_GT(*w.a().peer->timers().idle_hold, w.now);
}

}  // namespace
}  // namespace slash32::bgp
