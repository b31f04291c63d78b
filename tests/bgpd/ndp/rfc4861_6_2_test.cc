// RFC 4861 sections 6.2.4 and 6.2.6: when router advertisements are sent.
#include <gtest/gtest.h>

#include "bgpd/ndp/schedule.h"

namespace slash32::bgp::ndp {
namespace {

const Instant kStart{};

Milliseconds next(const Schedule& schedule) {
  return std::chrono::duration_cast<Milliseconds>(*schedule.next() - kStart);
}

TEST(Rfc4861_6_2, NothingIsPlannedBeforeTheLinkIsThere) { EXPECT_FALSE(Schedule{}.next()); }

TEST(Rfc4861_6_2, TheFirstOneComesSoonAndTheOthersWithinTheInterval) {
  Schedule schedule;
  schedule.begin(kStart, 0.5);
  EXPECT_EQ(next(schedule), Milliseconds{250});
  schedule.sent(kStart + Seconds{1}, 0);
  EXPECT_EQ(next(schedule), Milliseconds{6000});
  schedule.sent(kStart + Seconds{1}, 1);
  EXPECT_EQ(next(schedule), Milliseconds{11000});
}

TEST(Rfc4861_6_2, WhoAsksIsAnsweredSoonerButNeverWithinThreeSeconds) {
  Schedule schedule;
  schedule.begin(kStart, 0);
  schedule.sent(kStart, 1);
  schedule.solicited(kStart + Seconds{5}, 1);
  EXPECT_EQ(next(schedule), Milliseconds{5500});
  schedule.sent(kStart, 1);
  for (int i = 0; i < 100; ++i) schedule.solicited(kStart + Milliseconds{i}, 0);
  EXPECT_EQ(next(schedule), Milliseconds{3000}) << "a flood of solicitations makes no flood of answers";
}

TEST(Rfc4861_6_2, AQuestionNeverPutsOffWhatIsDue) {
  Schedule schedule;
  schedule.begin(kStart, 0);
  schedule.sent(kStart, 0);
  schedule.solicited(kStart + Milliseconds{4900}, 1);
  EXPECT_EQ(next(schedule), Milliseconds{5000});
}

TEST(Rfc4861_6_2, WeAskThreeTimesAtMostAndNoLongerThanUntilSomebodyIsHeard) {
  Schedule schedule;
  EXPECT_FALSE(schedule.take_solicitation());
  schedule.begin(kStart, 0);
  for (int i = 0; i < kMaxSolicitations; ++i) EXPECT_TRUE(schedule.take_solicitation());
  EXPECT_FALSE(schedule.take_solicitation());
  schedule.begin(kStart, 0);
  schedule.heard();
  EXPECT_FALSE(schedule.take_solicitation());
}

}  // namespace
}  // namespace slash32::bgp::ndp
