// Two Peers through in-memory connections: sessions come up, carry messages, and come back.
#include <gtest/gtest.h>

#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

World mesh() { return {settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)}; }

TEST(TwoPeers, ReachEstablishedAndAgreeOnEverything) {
  World w = mesh();
  w.start();
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  const Session s = *w.a().peer->status().session;
  EXPECT_TRUE(s.external);
  EXPECT_TRUE(s.four_octet_as);
  EXPECT_TRUE(s.route_refresh);
  EXPECT_TRUE(s.enhanced_refresh);
  EXPECT_TRUE(s.graceful_restart);
  EXPECT_EQ(s.families, (std::vector{AddressFamily::IPv4, AddressFamily::IPv6}));
  EXPECT_EQ(s.hold_time, Seconds{90});
  EXPECT_EQ(s.keepalive_time, Seconds{30});
  EXPECT_EQ(s.remote.asn, Asn{65002});
  EXPECT_EQ(w.a().ups.size(), 1U);
  EXPECT_EQ(w.b().ups.size(), 1U);
}

TEST(TwoPeers, StayEstablishedForADayOnKeepalivesAlone) {
  World w = mesh();
  w.start();
  w.run_for(Seconds{86400});
  EXPECT_TRUE(w.one_shared_connection());
  EXPECT_TRUE(w.a().downs.empty());
}

TEST(TwoPeers, StayEstablishedWithoutTimersWhenTheHoldTimeIsZero) {
  PeerSettings a = settings_of(65001, 1, 65002);
  a.hold_time = Seconds{0};
  World w{a, settings_of(65002, 2, 65001)};
  w.start();
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  EXPECT_FALSE(w.a().peer->next_deadline());
  EXPECT_FALSE(w.b().peer->next_deadline());
}

TEST(TwoPeers, WithDelayOpenOnOneSideAreUpAtOnce) {
  PeerSettings a = settings_of(65001, 1, 65002);
  a.delay_open = Seconds{20};
  World w{a, settings_of(65002, 2, 65001)};
  w.start();
  w.settle();
  EXPECT_TRUE(w.one_shared_connection()) << "the other's OPEN ends the wait";
  w.run_for(Seconds{600});
  EXPECT_TRUE(w.one_shared_connection());
  EXPECT_TRUE(w.a().downs.empty());
}

TEST(TwoPeers, WithDelayOpenOnBothSidesAreUpAfterTheShorterOne) {
  PeerSettings a = settings_of(65001, 1, 65002);
  PeerSettings b = settings_of(65002, 2, 65001);
  a.delay_open = Seconds{20};
  b.delay_open = Seconds{7};
  World w{a, b};
  w.start();
  w.run_for(Seconds{6});
  EXPECT_FALSE(w.both_established());
  EXPECT_LT(w.b().peer->status().state, PeerState::OpenSent);
  w.run_for(Seconds{2});
  EXPECT_TRUE(w.one_shared_connection());
}

TEST(TwoPeers, CarryAnUpdate) {
  World w = mesh();
  w.start();
  w.settle();
  PathAttributes attributes;
  attributes.as_path.prepend(Asn{65001});
  attributes.next_hop = IpAddress::v4(0x0a000001);
  const auto block = encode_attribute_block(attributes, AddressFamily::IPv4, {});
  ASSERT_TRUE(block);
  std::vector<std::uint8_t> bytes;
  const Prefix prefix{IpAddress::v4(0x0af40000), 24};
  ASSERT_EQ(encode_announcements(*block, {&prefix, 1}, kMaxMessageSize, bytes), 1U);
  w.perform(0, {act::Send{w.a().peer->status().session->connection, bytes}});
  w.settle();
  ASSERT_EQ(w.b().updates.size(), 1U);
  const Update& update = w.b().updates[0].update;
  EXPECT_EQ(update.verdict, Verdict::Accept);
  ASSERT_EQ(update.announced.size(), 1U);
  EXPECT_EQ(update.announced[0].prefixes, std::vector{prefix});
  EXPECT_EQ(*update.announced[0].attributes, attributes);
  EXPECT_EQ(w.b().peer->status().updates_in, 1U);
}

TEST(TwoPeers, ComeBackWithinASecondAfterTheConnectionBreaks) {
  World w = mesh();
  w.start();
  w.run_for(Seconds{10});
  w.cut();
  w.run_for(Seconds{1});
  EXPECT_TRUE(w.one_shared_connection());
  EXPECT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().peer->status().flaps, 1U);
}

TEST(TwoPeers, AStoppedOneSaysCeaseAndStaysAway) {
  World w = mesh();
  w.start();
  w.settle();
  w.perform(0, w.a().peer->stop(w.now, cease_with_text(cease::kAdministrativeShutdown, "going home")));
  w.run_for(Seconds{120});
  ASSERT_EQ(w.b().downs.size(), 1U);
  EXPECT_EQ(w.b().downs[0].reason, "received Cease/Administrative Shutdown: going home");
  EXPECT_TRUE(w.b().downs[0].retain.empty());
  EXPECT_EQ(w.a().peer->status().state, PeerState::Idle);
  w.perform(0, w.a().peer->start(w.now));
  w.run_for(Seconds{60});
  EXPECT_TRUE(w.one_shared_connection());
}

TEST(TwoPeers, TwoPassiveOnesNeverMeetAndOnePassiveDoes) {
  PeerSettings a = settings_of(65001, 1, 65002);
  PeerSettings b = settings_of(65002, 2, 65001);
  a.passive = true;
  World one{a, b};
  one.start();
  one.settle();
  EXPECT_TRUE(one.one_shared_connection());
  EXPECT_EQ(one.a().connects, 0);
  b.passive = true;
  World two{a, b};
  two.start();
  two.run_for(Seconds{600});
  EXPECT_EQ(two.a().connects + two.b().connects, 0);
  EXPECT_EQ(two.a().peer->status().state, PeerState::Active);
}

TEST(TwoPeers, WithoutAnyoneListeningAttemptsThinOutToConnectRetryTime) {
  World w = mesh();
  w.a().reachable = false;
  w.b().reachable = false;
  w.perform(0, w.a().peer->start(w.now));
  w.run_for(Seconds{60});
  EXPECT_GE(w.a().connects, 60 / 5);
  EXPECT_LE(w.a().connects, 20);
  EXPECT_EQ(w.a().peer->status().last_error, "connect: connection refused");
}

TEST(TwoPeers, ARefusedIdentifierIsRememberedUntilASessionComesUpAndNoLonger) {
  World w{settings_of(65001, 7, 65001), settings_of(65001, 7, 65001)};
  w.start();
  w.run_for(Seconds{30});
  EXPECT_TRUE(w.a().peer->status().identifier_refused);
  EXPECT_TRUE(w.b().peer->status().identifier_refused) << "as told";
  w.b().reachable = false;
  w.cut(0);
  w.b() = testing::Side{settings_of(65001, 8, 65001)};
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{600});
  ASSERT_TRUE(w.both_established());
  EXPECT_FALSE(w.a().peer->status().identifier_refused);
  w.b().reachable = false;
  w.cut(0);
  EXPECT_FALSE(w.a().peer->status().identifier_refused) << "it is down for another reason now";
}

}  // namespace
}  // namespace slash32::bgp
