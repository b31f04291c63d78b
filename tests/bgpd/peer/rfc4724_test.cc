// RFC 4724 sections 4 and 5 as the helper: what is retained, for how long, and when it goes. What RFC 8538 changes
// where both sides speak it: rfc8538_test.cc.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "bgpd/wire/notification.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

const std::vector kBoth{AddressFamily::IPv4, AddressFamily::IPv6};

/// a helps, b restarts.
World established() {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{30});
  return w;
}

/// b's process dies and another one of the same settings takes its place.
void restart_b(World& w, bool restarting, const std::vector<AddressFamily>& preserved, bool noticed) {
  if (noticed)
    w.cut(0);
  else
    for (auto& link : w.links) link.known[1] = false;
  w.b() = testing::Side{w.b().peer->settings()};
  w.b().peer->set_restarting(restarting, preserved);
}

TEST(Rfc4724_4_2, ALostConnectionRetainsWhatTheCapabilityListed) {
  World w = established();
  w.b().reachable = false;
  w.cut(0);
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
  EXPECT_EQ(w.a().downs[0].reason, "connection lost: reset by peer");
}

TEST(Rfc4724_4_2, APeerThatDoesNotComeBackLosesItsRoutesAfterItsRestartTime) {
  World w = established();
  restart_b(w, false, {}, true);
  w.b().reachable = false;
  w.run_for(Seconds{119});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
}

TEST(Rfc4724_4_2, APeerThatIsBackSaysWhatItPreserved) {
  World w = established();
  restart_b(w, true, {AddressFamily::IPv6}, true);
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{5});
  ASSERT_TRUE(w.both_established());
  ASSERT_EQ(w.a().ups.size(), 2U);
  EXPECT_EQ(w.a().ups[1].session.preserved, std::vector{AddressFamily::IPv6});
  EXPECT_TRUE(w.a().ups[1].session.remote.capabilities.graceful_restart->restarting);
  w.run_for(Seconds{130});
  EXPECT_TRUE(w.a().expired.empty()) << "the restart timer stopped when the peer came back";
}

TEST(Rfc4724_4_2, EndOfRibThatNeverComesIsNotWaitedForForever) {
  World w = established();
  restart_b(w, true, kBoth, true);
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{5});
  w.run_for(Seconds{360});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
}

TEST(Rfc4724_4_2, EndOfRibOfAFamilyEndsTheWaitForIt) {
  World w = established();
  restart_b(w, true, kBoth, true);
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{5});
  w.perform(1, {act::Send{w.b().peer->status().session->connection, encode_end_of_rib(AddressFamily::IPv4)}});
  w.settle();
  w.a().peer->note_end_of_rib(AddressFamily::IPv4);
  w.run_for(Seconds{360});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, std::vector{AddressFamily::IPv6});
}

TEST(Rfc4724_4_2, InConsecutiveRestartsWhatWasStaleBeforeIsDeletedFirst) {
  World w = established();
  restart_b(w, true, kBoth, true);
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{5});
  ASSERT_TRUE(w.both_established());
  restart_b(w, true, kBoth, true);  // again, before any End-of-RIB
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
  ASSERT_EQ(w.a().downs.size(), 2U);
  EXPECT_EQ(w.a().downs[1].retain, kBoth);
}

TEST(Rfc4724_4, ANotificationOfEitherSideRetainsNothing) {
  World received = established();
  received.perform(1,
                   received.b().peer->stop(received.now, notification(ErrorCode::Cease, cease::kAdministrativeReset)));
  received.settle();
  ASSERT_EQ(received.a().downs.size(), 1U);
  EXPECT_TRUE(received.a().downs[0].retain.empty());

  World sent = established();
  sent.perform(0, sent.a().peer->on_bytes(sent.a().peer->status().session->connection, std::vector<std::uint8_t>(19, 0),
                                          sent.now));
  ASSERT_EQ(sent.a().downs.size(), 1U);
  EXPECT_TRUE(sent.a().downs[0].retain.empty());
  EXPECT_EQ(sent.a().downs[0].reason, "sent Message Header Error/Connection Not Synchronized");
}

TEST(Rfc4724_4, TheHoldTimerSendsANotificationAndSoRetainsNothing) {
  World w = established();
  for (auto& link : w.links) link.known[1] = false;  // b is gone without a word
  w.b() = testing::Side{w.b().peer->settings()};
  w.b().reachable = false;
  w.run_for(Seconds{91});
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_TRUE(w.a().downs[0].retain.empty());
  EXPECT_EQ(w.a().peer->status().last_sent, (Notification{4, 0, {}}));
}

TEST(Rfc4724_5, ANewConnectionOfARestartedPeerTakesTheOldOnesPlace) {
  World w = established();
  restart_b(w, true, kBoth, false);  // a has noticed nothing
  ASSERT_EQ(w.a().peer->status().state, PeerState::Established);
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{2});
  ASSERT_TRUE(w.one_shared_connection());
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
  EXPECT_FALSE(w.a().peer->status().last_sent) << "the old connection is closed without a NOTIFICATION";
  ASSERT_EQ(w.a().ups.size(), 2U);
  EXPECT_EQ(w.a().ups[1].session.preserved, kBoth);
}

TEST(Rfc4724_5, ItTakesItAtOnceWhereACollisionIsOutOfTheQuestion) {
  PeerSettings passive = settings_of(65001, 1, 65002);
  passive.passive = true;  // so the first connection was the peer's as well
  World w{passive, settings_of(65002, 2, 65001)};
  w.start();
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  restart_b(w, true, kBoth, false);
  w.perform(1, w.b().peer->start(w.now));
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
}

TEST(Rfc4724_5, ItTakesItAtOnceWhenThePeerSaysItRestarted) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  PeerSettings b = settings_of(65002, 2, 65001);
  b.passive = true;  // the first connection is a's
  w.b() = testing::Side{b};
  w.start();
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  for (auto& link : w.links) link.known[1] = false;
  b.passive = false;
  w.b() = testing::Side{b};
  w.b().peer->set_restarting(true, kBoth);
  w.perform(1, w.b().peer->start(w.now));
  w.settle();
  ASSERT_TRUE(w.one_shared_connection());
  EXPECT_EQ(w.a().downs.at(0).retain, kBoth);
}

TEST(Rfc4724_5, AConnectionWithoutAValidOpenDisturbsNobody) {
  World w = established();
  const auto [id, greeting] = w.a().peer->on_accepted(w.now);
  w.perform(0, greeting);
  EXPECT_EQ(w.a().peer->status().state, PeerState::Established);
  (void)w.a().peer->on_bytes(id, std::vector<std::uint8_t>(100, 0x41), w.now);
  EXPECT_EQ(w.a().peer->status().state, PeerState::Established);
  EXPECT_TRUE(w.a().downs.empty());
}

TEST(Rfc4724_4_1, RAndFAreSentWhenToldAndGoneAfterwards) {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.b().peer->set_restarting(true, {AddressFamily::IPv4});
  w.start();
  w.run_for(Seconds{1});
  ASSERT_TRUE(w.both_established());
  EXPECT_TRUE(w.a().ups[0].session.remote.capabilities.graceful_restart->restarting);
  w.b().peer->set_restarting(false, {});
  w.cut();
  w.run_for(Seconds{5});
  ASSERT_EQ(w.a().ups.size(), 2U);
  EXPECT_FALSE(w.a().ups[1].session.remote.capabilities.graceful_restart->restarting);
  EXPECT_TRUE(w.a().ups[1].session.preserved.empty());
}

TEST(Rfc4724_4_1, ClosingForARestartSaysNothingAndKeepsEverything) {
  World w = established();
  w.perform(1, w.b().peer->close_for_restart(w.now));
  ASSERT_EQ(w.b().downs.size(), 1U);
  EXPECT_EQ(w.b().downs[0].retain, kBoth);
  w.settle();
  EXPECT_FALSE(w.a().peer->status().last_received);
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_EQ(w.a().downs[0].retain, kBoth);
}

/// b restarts, and both call each other at the same moment; `schedule` chooses what moves first, then chance.
World both_call(std::uint32_t id_a, std::uint32_t id_b, std::uint32_t schedule) {
  World w{settings_of(65001, id_a, 65002), settings_of(65002, id_b, 65001)};
  w.start();
  w.run_for(Seconds{30});
  w.cut(0);
  w.b() = testing::Side{w.b().peer->settings(), testing::little};
  w.b().peer->set_restarting(true, kBoth);
  w.choose = [rest = schedule, rng = std::mt19937{schedule}](std::size_t ready) mutable {
    return rest > 0 ? std::exchange(rest, rest / 4) % 4 : rng() % ready;
  };
  w.now = *w.a().peer->next_deadline();
  w.perform(0, w.a().peer->on_time(w.now));
  w.perform(1, w.b().peer->start(w.now));
  w.run_for(Seconds{20});
  return w;
}

TEST(Rfc4724_4_2, ACollisionWithThePeerThatIsBackEndsNoRetention) {
  struct Ids {
    std::uint32_t a, b;
  };
  int both_went = 0;
  for (const Ids ids : {Ids{1, 2}, Ids{2, 1}, Ids{5, 5}})
    for (std::uint32_t schedule = 0; schedule < 1024; ++schedule) {
      World w = both_call(ids.a, ids.b, schedule);
      SCOPED_TRACE(std::to_string(ids.a) + " and " + std::to_string(ids.b) + ", " + std::to_string(schedule));
      ASSERT_TRUE(w.one_shared_connection());
      ASSERT_TRUE(w.a().expired.empty());
      for (const auto& down : w.a().downs) ASSERT_EQ(down.retain, kBoth) << down.reason;
      for (std::size_t i = 1; i < w.a().downs.size(); ++i) ASSERT_TRUE(w.a().downs[i].keep_stale);
      ASSERT_EQ(w.a().ups.back().session.preserved, kBoth);
      both_went += w.a().downs.size() > 1 ? 1 : 0;
    }
  EXPECT_GT(both_went, 0) << "rfc4271_6_8_test.cc: now and then both connections go";
}

/// What a retains when b ends its session with Cease/7.
std::vector<AddressFamily> retained_after_a_collision(World& w) {
  const auto bytes = encode_notification(notification(ErrorCode::Cease, cease::kConnectionCollision));
  const auto before = w.a().downs.size();
  w.perform(1, {act::Send{w.b().peer->status().session->connection, bytes}});
  w.settle();
  EXPECT_EQ(w.a().downs.size(), before + 1);
  return w.a().downs.back().retain;
}

TEST(Rfc4724_4, OfASessionThatHasSettledThatNotificationIsOneAsAnyOther) {
  World w = both_call(1, 2, 0);  // 20 seconds ago
  EXPECT_TRUE(retained_after_a_collision(w).empty());
}

TEST(Rfc4724_4, WhereOneAloneHadCalledThatNotificationIsOneAsAnyOther) {
  auto passive = settings_of(65001, 1, 65002);
  passive.passive = true;
  World w{passive, settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{1});
  ASSERT_TRUE(w.both_established());
  EXPECT_TRUE(retained_after_a_collision(w).empty());
}

TEST(Rfc4724_4_2, StoppingAPeerWhoseRoutesAreRetainedDropsThem) {
  World w = established();
  restart_b(w, false, {}, true);
  w.perform(0, w.a().peer->stop(w.now, notification(ErrorCode::Cease, cease::kPeerDeconfigured)));
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
}

}  // namespace
}  // namespace slash32::bgp
