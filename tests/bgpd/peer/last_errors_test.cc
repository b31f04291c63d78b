// What is kept for show of the last errors, in both directions, with the message at fault.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "tests/bgpd/peer/world.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::kNlri;
using testing::kPath;
using testing::message;
using testing::settings_of;
using testing::update;
using testing::World;
using testing::operator+;

struct LastErrorsTest : ::testing::Test {
  LastErrorsTest() {
    w.start();
    w.run_for(Seconds{30});
  }
  /// As if side b had sent it on the session.
  void feed(const Bytes& bytes) {
    const auto session = w.a().peer->status().session;
    ASSERT_TRUE(session);
    w.perform(0, w.a().peer->on_bytes(session->connection, bytes, w.now));
  }
  LastErrors errors() { return w.a().peer->status().errors; }
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
};

TEST_F(LastErrorsTest, ThereAreNoneAtFirst) {
  EXPECT_FALSE(errors().sent);
  EXPECT_FALSE(errors().received);
  EXPECT_FALSE(errors().malformed);
}

TEST_F(LastErrorsTest, AnUpdateThatEndsTheSessionIsKeptWithTheNotification) {
  const Bytes bad = message(MessageType::Update, update({}, hex("21 0a f4 01 00 00")));
  feed(encode_keepalive() + bad + encode_keepalive());
  ASSERT_TRUE(errors().sent);
  EXPECT_EQ(errors().sent->notification, (Notification{3, 10, {}}));
  EXPECT_EQ(errors().sent->at, w.now);
  ASSERT_TRUE(errors().sent->message);
  EXPECT_EQ(errors().sent->message->bytes, bad);
  EXPECT_EQ(errors().sent->message->octets, bad.size());
}

TEST_F(LastErrorsTest, ABadHeaderIsKeptWithWhatStoodBehindIt) {
  Bytes bad = encode_keepalive();
  bad[3] = 0;
  feed(encode_keepalive() + bad + Bytes(10'000, 7));
  ASSERT_TRUE(errors().sent);
  EXPECT_EQ(errors().sent->notification.code, 1);
  ASSERT_TRUE(errors().sent->message);
  EXPECT_EQ(errors().sent->message->octets, bad.size() + 10'000);
  EXPECT_EQ(errors().sent->message->bytes.size(), KeptMessage::kMost) << "no more than that";
  EXPECT_EQ(Bytes(errors().sent->message->bytes.begin(), errors().sent->message->bytes.begin() + 19), bad);
}

TEST_F(LastErrorsTest, AnOpenOutOfTurnIsKept) {
  const Bytes open = encode_open(make_open(settings_of(65002, 2, 65001), {}, true));
  feed(open);
  ASSERT_TRUE(errors().sent);
  EXPECT_EQ(errors().sent->notification.code, 5);
  EXPECT_EQ(errors().sent->message->bytes, open);
}

TEST_F(LastErrorsTest, AReceivedNotificationIsKeptAsItCame) {
  const Bytes cease = encode_notification(cease_with_text(cease::kAdministrativeShutdown, "going home"));
  feed(cease);
  ASSERT_TRUE(errors().received);
  EXPECT_EQ(shutdown_text(errors().received->notification), "going home");
  EXPECT_EQ(notification_name(errors().received->notification), "Cease/Administrative Shutdown");
  EXPECT_EQ(errors().received->message->bytes, cease);
  EXPECT_FALSE(errors().sent);
}

TEST_F(LastErrorsTest, WhatAdministrationOrATimerSendsBlamesNoMessage) {
  w.perform(0, w.a().peer->stop(w.now, cease_with_text(cease::kAdministrativeShutdown, "bye")));
  ASSERT_TRUE(errors().sent);
  EXPECT_FALSE(errors().sent->message);
  w.settle();
  ASSERT_TRUE(w.b().peer->status().errors.received);
  EXPECT_EQ(shutdown_text(w.b().peer->status().errors.received->notification), "bye");
}

TEST_F(LastErrorsTest, AMalformedUpdateIsKeptWithItsPlaceAndTheSessionStays) {
  const Bytes bad = message(MessageType::Update, update(hex("40 01 01 09") + kPath + testing::kNextHop, kNlri));
  feed(bad);
  EXPECT_TRUE(w.both_established());
  ASSERT_TRUE(errors().malformed);
  EXPECT_EQ(errors().malformed->verdict, Verdict::TreatAsWithdraw);
  EXPECT_EQ(errors().malformed->fault, (Update::Fault{.attribute = 1, .offset = 23}));
  EXPECT_EQ(errors().malformed->message.bytes, bad);
  EXPECT_FALSE(errors().sent);
}

TEST_F(LastErrorsTest, TheyOutliveTheSession) {
  feed(message(MessageType::Update, update({}, hex("21 00"))));
  w.run_for(Seconds{300});
  EXPECT_TRUE(w.both_established());
  ASSERT_TRUE(errors().sent);
  EXPECT_LT(errors().sent->at, w.now);
}

}  // namespace
}  // namespace slash32::bgp
