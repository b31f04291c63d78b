// Plans in a storm of changes.
#include "agent/pace.h"

#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using namespace std::chrono_literals;

const Instant kStart{1000s};

TEST(Pace, PlansAtOnceAfterACalm) {
  Pace pace;
  EXPECT_EQ(pace.wait(kStart), Pace::kGather);
  pace.planned(kStart, kStart + 40ms);
  EXPECT_EQ(pace.wait(kStart + 10s), Pace::kGather);
}

TEST(Pace, RestsThreeTimesAsLongAsAPlanTook) {
  Pace pace;
  pace.planned(kStart, kStart + 40ms);
  EXPECT_EQ(pace.wait(kStart + 40ms), 120ms);
  EXPECT_EQ(pace.wait(kStart + 100ms), 60ms);
}

TEST(Pace, LeavesItsReaderHalfOfHisTime) {
  Pace pace;
  pace.planned(kStart, kStart + 4ms, 30ms);
  EXPECT_EQ(pace.wait(kStart + 4ms), 72ms);
}

TEST(Pace, NeverRestsLongerThanTwoSeconds) {
  Pace pace;
  pace.planned(kStart, kStart + 30s);
  EXPECT_EQ(pace.wait(kStart + 30s), 2s);
}

}  // namespace
}  // namespace slash32::agent
