// RFC 8538: a NOTIFICATION or an expired hold timer as a restart, the Hard Reset that is none, and the stale timer.
#include <gtest/gtest.h>

#include <string>

#include "bgpd/wire/notification.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::World;

const std::vector kBoth{AddressFamily::IPv4, AddressFamily::IPv6};
const std::vector<AddressFamily> kNone;

PeerSettings settings_of(std::uint32_t as, std::uint32_t id, std::uint32_t remote_as) {
  PeerSettings s = testing::settings_of(as, id, remote_as);
  s.graceful_notification = true;
  return s;
}

World established(const PeerSettings& a = settings_of(65001, 1, 65002),
                  const PeerSettings& b = settings_of(65002, 2, 65001)) {
  World w{a, b};
  w.start();
  w.run_for(Seconds{30});
  // What a daemon says that goes on running: nothing was lost.
  for (auto& side : w.sides) side.peer->set_restarting(false, kBoth);
  return w;
}

PeerSettings without_n(PeerSettings s) {
  s.graceful_notification = false;
  return s;
}

/// b's NOTIFICATION, and the end of its connection.
void b_says(World& w, const Notification& n) {
  const ConnectionId id = w.b().peer->status().session->connection;
  w.perform(1, {act::Send{id, encode_notification(n)}});
  w.settle();
}

/// a meets something that is no BGP message.
void a_reads_rubbish(World& w) {
  const ConnectionId id = w.a().peer->status().session->connection;
  w.perform(0, w.a().peer->on_bytes(id, std::vector<std::uint8_t>(19, 0), w.now));
  w.settle();
}

TEST(Rfc8538_4, ANotificationIsARestartForWhoReceivesAndWhoSendsIt) {
  World w = established();
  a_reads_rubbish(w);
  ASSERT_EQ(w.a().downs.size(), 1U);
  ASSERT_EQ(w.b().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].reason, "sent Message Header Error/Connection Not Synchronized");
  EXPECT_EQ(w.b().downs[0].reason, "received Message Header Error/Connection Not Synchronized");
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
  EXPECT_EQ(w.b().downs[0].retain, kBoth);
  w.run_for(Seconds{10});
  ASSERT_TRUE(w.both_established());
  EXPECT_EQ(w.a().ups.at(1).session.preserved, kBoth) << "F is set, so the stale routes stay until End-of-RIB";
  EXPECT_FALSE(w.a().ups[1].session.remote.capabilities.graceful_restart->restarting) << "nobody restarted";
  EXPECT_TRUE(w.a().expired.empty());
}

TEST(Rfc8538_4, EveryNotificationButAHardResetLeavesTheRoutes) {
  for (const Notification& n : std::vector<Notification>{{1, 2, {}},
                                                         {2, 0, {}},
                                                         {3, 11, {}},
                                                         {4, 0, {}},
                                                         {5, 3, {}},
                                                         {6, 2, {}},
                                                         {6, 4, {}},
                                                         {6, 8, {}},
                                                         {6, 10, {}},
                                                         {7, 1, {}},
                                                         {8, 0, {}},
                                                         {99, 99, {}}}) {
    World w = established();
    b_says(w, n);
    ASSERT_EQ(w.a().downs.size(), 1U) << describe(n);
    EXPECT_EQ(w.a().downs[0].retain, kBoth) << describe(n);
    World hard = established();
    b_says(hard, hard_reset(n));
    ASSERT_EQ(hard.a().downs.size(), 1U) << describe(n);
    EXPECT_EQ(hard.a().downs[0].retain, kNone) << describe(n);
    EXPECT_EQ(hard.a().downs[0].reason, "received Cease/Hard Reset (" + describe(n) + ")");
  }
}

TEST(Rfc8538_4, WhereOneSideHasNotSetNANotificationEndsEverything) {
  const PeerSettings a = settings_of(65001, 1, 65002), b = settings_of(65002, 2, 65001);
  for (const bool ours : {false, true}) {
    World w = ours ? established(a, without_n(b)) : established(without_n(a), b);
    a_reads_rubbish(w);
    EXPECT_EQ(w.a().downs.at(0).retain, kNone);
    EXPECT_EQ(w.b().downs.at(0).retain, kNone);
  }
}

TEST(Rfc8538_4, AnExpiredHoldTimerIsARestart) {
  World w = established();
  for (auto& link : w.links) link.known[1] = false;  // b is gone without a word
  w.b() = testing::Side{w.b().peer->settings()};
  w.b().reachable = false;
  w.run_for(Seconds{91});
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
  EXPECT_EQ(w.a().peer->status().last_sent, (Notification{4, 0, {}}));
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{120});
  ASSERT_EQ(w.a().expired.size(), 1U) << "b did not come back within its restart time";
  EXPECT_EQ(w.a().expired[0].families, kBoth);
}

TEST(Rfc8538_3_1, WhoLeavesSendsAHardResetAndNobodyRetainsAnything) {
  World w = established();
  const Notification cease = cease_with_text(cease::kAdministrativeShutdown, "going home");
  w.perform(0, w.a().peer->stop(w.now, cease));
  w.settle();
  EXPECT_EQ(w.a().downs.at(0).retain, kNone);
  EXPECT_EQ(w.b().downs.at(0).retain, kNone);
  EXPECT_EQ(w.b().peer->status().last_received, hard_reset(cease));
  EXPECT_EQ(w.b().peer->status().last_error, "received Cease/Hard Reset (Cease/Administrative Shutdown: going home)");
}

TEST(Rfc8538_3_1, APeerWithoutNGetsTheCeaseAsItIs) {
  World w = established(settings_of(65001, 1, 65002), without_n(settings_of(65002, 2, 65001)));
  w.perform(0, w.a().peer->stop(w.now, notification(ErrorCode::Cease, cease::kPeerDeconfigured)));
  w.settle();
  EXPECT_EQ(w.b().peer->status().last_received, (Notification{6, 3, {}}));
}

TEST(Rfc8538_3_2, AHardResetFromAPeerThatHasNotSetNEndsEverythingAllTheSame) {
  World w = established(settings_of(65001, 1, 65002), without_n(settings_of(65002, 2, 65001)));
  b_says(w, hard_reset({6, 2, {}}));
  EXPECT_EQ(w.a().downs.at(0).retain, kNone);
  EXPECT_EQ(w.a().peer->status().last_error, "received Cease/Hard Reset (Cease/Administrative Shutdown)");
}

TEST(Rfc8538_3_2, AnAdministrativeResetInsideAHardResetIsFollowedByAQuickReturn) {
  const auto pause_after = [](const Notification& n) {
    World w = established();
    b_says(w, n);
    return *w.a().peer->next_deadline() - w.now;
  };
  EXPECT_EQ(pause_after(hard_reset({6, 4, {}})), pause_after({6, 4, {}}));
  EXPECT_GT(pause_after(hard_reset({6, 2, {}})), pause_after(hard_reset({6, 4, {}})));
}

TEST(Rfc8538_4_1, WhatIsStaleSurvivesConsecutiveRestarts) {
  World w = established();
  a_reads_rubbish(w);
  w.run_for(Seconds{10});
  ASSERT_TRUE(w.both_established());
  a_reads_rubbish(w);  // again, before any End-of-RIB
  ASSERT_EQ(w.a().downs.size(), 2U);
  EXPECT_EQ(w.a().downs[1].retain, kBoth);
  EXPECT_TRUE(w.a().downs[1].keep_stale);
  EXPECT_TRUE(w.a().expired.empty());
}

TEST(Rfc8538_4_1, TheStaleTimerEndsWhatSessionsThatComeAndGoWouldKeepForever) {
  PeerSettings a = settings_of(65001, 1, 65002);
  a.stale_time = Seconds{180};
  World w = established(a);
  const Instant began = w.now;
  a_reads_rubbish(w);
  while (w.a().expired.empty() && w.now - began < Seconds{600}) {
    w.run_for(Seconds{1});
    if (w.both_established() && w.a().expired.empty() && (w.now - began) % Seconds{30} == Seconds{0})
      a_reads_rubbish(w);
  }
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
  EXPECT_EQ(w.now - began, Seconds{180});
  EXPECT_GT(w.a().downs.size(), 3U) << "it has not come and gone";
}

TEST(Rfc8538_4_1, TheStaleTimerBoundsALongRestartTimeToo) {
  PeerSettings a = settings_of(65001, 1, 65002), b = settings_of(65002, 2, 65001);
  a.stale_time = Seconds{60};
  b.restart_time = Seconds{1000};
  World w = established(a, b);
  w.b().reachable = false;
  w.perform(1, w.b().peer->close_for_restart(w.now));
  w.settle();
  w.run_for(Seconds{59});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  EXPECT_EQ(w.a().expired.size(), 1U);
}

TEST(Rfc8538_4_1, AfterEndOfRibTheTimeBeginsAnew) {
  PeerSettings a = settings_of(65001, 1, 65002);
  a.stale_time = Seconds{60};
  World w = established(a);
  a_reads_rubbish(w);
  w.run_for(Seconds{40});
  ASSERT_TRUE(w.both_established());
  for (const AddressFamily family : kBoth) w.a().peer->note_end_of_rib(family);
  w.b().reachable = false;
  a_reads_rubbish(w);
  w.perform(1, w.b().peer->close_for_restart(w.now));
  w.run_for(Seconds{59});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  EXPECT_EQ(w.a().expired.size(), 1U);
}

TEST(Rfc9384_3, WhereNIsSetABrokenPathEndsEverythingAtBothEnds) {
  World w = established();
  w.perform(0, w.a().peer->on_bfd_down("control detection time expired", w.now));
  w.settle();
  EXPECT_EQ(w.a().downs.at(0).retain, kNone);
  EXPECT_EQ(w.a().downs[0].reason, "BFD: control detection time expired; sent Cease/Hard Reset (Cease/BFD Down)");
  EXPECT_EQ(w.b().downs.at(0).retain, kNone);
  EXPECT_EQ(w.b().downs[0].reason, "received Cease/Hard Reset (Cease/BFD Down)");
  w.run_for(Seconds{120});
  EXPECT_TRUE(w.both_established());
}

}  // namespace
}  // namespace slash32::bgp
