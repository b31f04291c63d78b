// RFC 9494 section 4.2 as the helper: when the restart time ends what is stale goes on as the last resort, for its own
// time, which no restart lengthens.
#include <gtest/gtest.h>

#include "bgpd/peer/retention.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

constexpr auto k4 = AddressFamily::IPv4;
constexpr auto k6 = AddressFamily::IPv6;
const std::vector kBoth{k4, k6};

/// a helps, b restarts: 120 s of restart time, then 1000 s for IPv4 and 2000 s for IPv6.
struct Rfc9494 : ::testing::Test {
  Rfc9494() : w{with_times(settings_of(65001, 1, 65002)), with_times(settings_of(65002, 2, 65001))} {
    w.start();
    w.run_for(Seconds{30});
  }
  static PeerSettings with_times(PeerSettings s) {
    s.long_lived = {Seconds{1000}, Seconds{2000}};
    return s;
  }
  void lose_b() {
    w.b().reachable = false;
    w.cut(0);
    w.b() = testing::Side{w.b().peer->settings()};
    w.b().reachable = false;
  }
  void b_returns(const std::vector<AddressFamily>& preserved = kBoth) {
    w.b().reachable = true;
    w.b().peer->set_restarting(true, preserved);
    w.perform(1, w.b().peer->start(w.now));
    w.run_for(Seconds{40});
    ASSERT_TRUE(w.both_established());
  }
  void end_of_rib(AddressFamily family) {
    w.perform(0, w.a().peer->on_bytes(w.a().peer->status().session->connection, encode_end_of_rib(family), w.now));
  }
  World w;
};

struct Rfc9494WithoutRfc8538 : Rfc9494 {
  Rfc9494WithoutRfc8538() {
    const auto plain = [](PeerSettings s) {
      s.graceful_notification = false;
      return s;
    };
    const PeerSettings a = plain(w.a().peer->settings()), b = plain(w.b().peer->settings());
    w = World{a, b};
    w.start();
    w.run_for(Seconds{30});
  }
};

TEST_F(Rfc9494, AfterTheRestartTimeItIsLongLivedThenGoneFamilyByFamily) {
  lose_b();
  w.run_for(Seconds{119});
  EXPECT_TRUE(w.a().long_lived.empty());
  ASSERT_EQ(w.a().peer->status().stale.size(), 2U);
  EXPECT_FALSE(w.a().peer->status().stale[0].long_lived);
  w.run_for(Seconds{1});
  ASSERT_EQ(w.a().long_lived.size(), 1U);
  EXPECT_EQ(w.a().long_lived[0].families, kBoth);
  EXPECT_TRUE(w.a().peer->status().stale[0].long_lived);
  EXPECT_EQ(w.a().peer->status().stale[0].until, w.now + Seconds{1000});
  w.run_for(Seconds{999});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, std::vector{k4});
  w.run_for(Seconds{1000});
  ASSERT_EQ(w.a().expired.size(), 2U);
  EXPECT_EQ(w.a().expired[1].families, std::vector{k6});
  EXPECT_TRUE(w.a().peer->status().stale.empty());
}

TEST_F(Rfc9494, APeerThatReturnsInTimeIsJudgedByItsOwnFAndEndOfRibEndsTheTimer) {
  lose_b();
  w.run_for(Seconds{500});
  b_returns({k6});
  EXPECT_EQ(w.a().ups.back().session.preserved, std::vector{k6});
  ASSERT_EQ(w.a().peer->status().stale.size(), 1U);
  end_of_rib(k6);
  EXPECT_TRUE(w.a().peer->status().stale.empty());
  w.run_for(Seconds{3000});
  EXPECT_TRUE(w.a().expired.empty());
}

TEST_F(Rfc9494, TheTimerGoesOnUntilEndOfRib) {
  lose_b();
  w.run_for(Seconds{500});
  b_returns();
  w.run_for(Seconds{120 + 1000 - 540 - 1});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, std::vector{k4});
}

TEST_F(Rfc9494, ASecondLossBeforeEndOfRibNeitherDeletesNorLengthens) {
  lose_b();
  w.run_for(Seconds{500});
  b_returns();
  lose_b();
  EXPECT_TRUE(w.a().downs.back().keep_stale);
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{120});
  EXPECT_EQ(w.a().long_lived.size(), 2U) << "what the second session brought, after its own restart time";
  w.run_for(Seconds{120 + 1000 - 540 - 120});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, std::vector{k4});
}

TEST_F(Rfc9494WithoutRfc8538, ASecondLossInTheRestartTimeDeletesNothingAndTheTimerStartsFromTheFirst) {
  lose_b();
  w.run_for(Seconds{30});
  b_returns();
  lose_b();
  EXPECT_TRUE(w.a().downs.back().keep_stale);
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{120 - 70 - 1});
  EXPECT_TRUE(w.a().long_lived.empty());
  w.run_for(Seconds{1});
  ASSERT_EQ(w.a().long_lived.size(), 1U) << "a restart time after the first loss";
  w.run_for(Seconds{1000});
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, std::vector{k4});
}

TEST_F(Rfc9494, APeerThatNeverSendsEndOfRibIsNotKeptBeyondTheTimer) {
  lose_b();
  w.run_for(Seconds{500});
  b_returns();
  w.run_for(Seconds{120 + 1000 - 540});
  ASSERT_EQ(w.a().expired.size(), 1U) << "IPv4, while it synchronised";
  for (int i = 0; i < 3; ++i) {
    lose_b();
    EXPECT_EQ(w.a().downs.back().retain, std::vector{k6}) << "of IPv4 nothing is left, however often it comes and goes";
    b_returns();
  }
  end_of_rib(k4);
  lose_b();
  EXPECT_EQ(w.a().downs.back().retain, kBoth);
}

TEST_F(Rfc9494, AfterEndOfRibALossBeginsAnew) {
  lose_b();
  w.run_for(Seconds{500});
  b_returns();
  end_of_rib(k4);
  end_of_rib(k6);
  lose_b();
  EXPECT_FALSE(w.a().downs.back().keep_stale);
  w.run_for(Seconds{1119});
  EXPECT_TRUE(w.a().expired.empty());
  w.run_for(Seconds{1});
  EXPECT_EQ(w.a().expired.size(), 1U);
}

TEST_F(Rfc9494, BfdAndAStopEndItAll) {
  w.perform(0, w.a().peer->on_bfd_down("gone", w.now));
  EXPECT_TRUE(w.a().downs.back().retain.empty());
  w.run_for(Seconds{60});
  ASSERT_TRUE(w.both_established());
  lose_b();
  w.run_for(Seconds{500});
  w.perform(0, w.a().peer->stop(w.now, {}));
  ASSERT_EQ(w.a().expired.size(), 1U);
  EXPECT_EQ(w.a().expired[0].families, kBoth);
  w.run_for(Seconds{3000});
  EXPECT_EQ(w.a().expired.size(), 1U);
}

TEST(Rfc9494_4_1, AFamilyWithoutARestartTimeIsLongLivedAtOnce) {
  Retention retention{Seconds{360}};
  Session session;
  session.families = kBoth;
  session.graceful_restart = true;
  session.remote.capabilities.graceful_restart = GracefulRestartCapability{false, false, 120, {{k4, true}}};
  session.restartable = {k4};
  session.long_lived = {Seconds{0}, Seconds{50}};
  const Instant now{Seconds{1000}};
  const auto retained = Retention::retained(session, Ending::TcpLost);
  EXPECT_EQ(retained, kBoth);
  EXPECT_TRUE(retention.on_down(session, retained, now).empty());
  EXPECT_EQ(retention.expire(now).long_lived, std::vector{k6});
  EXPECT_EQ(retention.deadline(), now + Seconds{50});
  EXPECT_EQ(retention.expire(now + Seconds{50}).gone, std::vector{k6});
  EXPECT_EQ(retention.expire(now + Seconds{120}).gone, std::vector{k4}) << "of which nobody asked for more";
  EXPECT_FALSE(retention.deadline());
}

/// IPv4 with 1000 s behind 120 s of restart time, IPv6 with none; no RFC 8538.
Session mixed_session() {
  Session session;
  session.families = session.restartable = session.preserved = session.long_lived_preserved = kBoth;
  session.graceful_restart = true;
  session.remote.capabilities.graceful_restart = GracefulRestartCapability{false, false, 120, {{k4, true}, {k6, true}}};
  session.long_lived = {Seconds{1000}, Seconds{0}};
  return session;
}

TEST(Rfc9494_4_2, AFamilyWithoutALongLivedTimeHasItsWholeRestartTimeAtASecondLoss) {
  Retention retention{Seconds{360}};
  const Session session = mixed_session();
  const Instant first{Seconds{1000}}, second = first + Seconds{100};
  EXPECT_TRUE(retention.on_down(session, kBoth, first).empty());
  EXPECT_EQ(retention.on_up(session, first + Seconds{50}), kBoth);
  EXPECT_EQ(retention.on_down(session, kBoth, second), std::vector{k6}) << "RFC 4724: consecutive restarts";
  const auto expired = retention.expire(first + Seconds{120});
  EXPECT_EQ(expired.long_lived, std::vector{k4}) << "a restart time after the first loss";
  EXPECT_TRUE(expired.gone.empty()) << "IPv6 is plain RFC 4724: it was lost anew";
  EXPECT_EQ(retention.deadline(k6), second + Seconds{120});
  EXPECT_EQ(retention.expire(second + Seconds{120}).gone, std::vector{k6});
  EXPECT_EQ(retention.stale(), std::vector{k4});
}

TEST(Rfc9494_4_2, TheEndOfOneFamilysLongLivedTimeLeavesPlainStaleRoutesOfAnother) {
  Retention retention{Seconds{360}};
  const Session session = mixed_session();
  const Instant first{Seconds{1000}}, end = first + Seconds{120 + 1000};
  EXPECT_TRUE(retention.on_down(session, kBoth, first).empty());
  retention.expire(first + Seconds{120});
  retention.on_up(session, end - Seconds{60});
  EXPECT_EQ(retention.stale(), std::vector{k4}) << "of IPv6 nothing was left";
  EXPECT_TRUE(retention.on_down(session, kBoth, end - Seconds{10}).empty());
  EXPECT_EQ(retention.expire(end).gone, std::vector{k4});
  EXPECT_EQ(retention.stale(), std::vector{k6});
  EXPECT_EQ(retention.deadline(k6), end + Seconds{110});
}

TEST(Rfc9494_4_2, AllThatIsStaleOfTheFamilyGoesWithItsTimer) {
  Retention retention{Seconds{360}};
  const Session session = mixed_session();
  const Instant first{Seconds{1000}}, end = first + Seconds{120 + 1000};
  retention.on_down(session, {k4}, first);
  retention.expire(first + Seconds{120});
  retention.on_up(session, end - Seconds{60});
  retention.on_down(session, {k4}, end - Seconds{10});
  EXPECT_EQ(retention.expire(end).gone, std::vector{k4}) << "also what would have had its restart time still";
  EXPECT_FALSE(retention.deadline());
}

TEST(Rfc8538_4_1, AFamilyThatWasHeardToTheEndHasTheWholeStaleTimeAgain) {
  Retention retention{Seconds{360}};
  Session session = mixed_session();
  session.graceful_notification = true;
  session.remote.capabilities.graceful_restart->restart_time = 300;
  session.long_lived = {};
  const Instant first{Seconds{1000}}, second = first + Seconds{200};
  retention.on_down(session, kBoth, first);
  retention.on_up(session, first + Seconds{50});
  retention.on_end_of_rib(k6);
  retention.on_down(session, kBoth, second);
  EXPECT_EQ(retention.deadline(k4), first + Seconds{360}) << "it has been stale since the first loss";
  EXPECT_EQ(retention.deadline(k6), second + Seconds{300}) << "it has not";
}

}  // namespace
}  // namespace slash32::bgp
