// bgpd reads every file that is written, the last one above all.
#include "agent/reload_order.h"

#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using namespace std::chrono_literals;
using Answer = ReloadOrder::Answer;

const Instant kStart{1000s};

TEST(ReloadOrder, AsksOnceForAFile) {
  ReloadOrder order;
  EXPECT_TRUE(order.done());
  EXPECT_FALSE(order.begin(kStart));
  order.wanted();
  EXPECT_FALSE(order.done());
  EXPECT_TRUE(order.begin(kStart));
  EXPECT_FALSE(order.begin(kStart)) << "it is being asked";
  EXPECT_FALSE(order.answered(Answer::Taken, kStart));
  EXPECT_TRUE(order.done());
}

TEST(ReloadOrder, AFileThatIsWrittenWhileBgpdReadsTheOneBeforeIsReadAtOnce) {
  for (const auto answer : {Answer::Taken, Answer::Refused}) {
    ReloadOrder order;
    order.wanted();
    EXPECT_TRUE(order.begin(kStart));
    order.wanted();
    EXPECT_TRUE(order.answered(answer, kStart));
    EXPECT_FALSE(order.done());
    EXPECT_TRUE(order.begin(kStart));
    EXPECT_FALSE(order.answered(Answer::Taken, kStart));
    EXPECT_TRUE(order.done());
  }
}

TEST(ReloadOrder, ARefusedFileIsOfferedAgainAfterAMinuteOrWhenItIsAnother) {
  ReloadOrder order;
  order.wanted();
  EXPECT_TRUE(order.begin(kStart));
  EXPECT_FALSE(order.answered(Answer::Refused, kStart));
  EXPECT_FALSE(order.begin(kStart + 59s));
  EXPECT_TRUE(order.begin(kStart + 60s));
  EXPECT_FALSE(order.answered(Answer::Refused, kStart + 60s));
  order.wanted();
  EXPECT_TRUE(order.begin(kStart + 60s));
}

TEST(ReloadOrder, WithoutAnAnswerItIsTriedAgain) {
  ReloadOrder order;
  order.wanted();
  EXPECT_TRUE(order.begin(kStart));
  EXPECT_FALSE(order.answered(Answer::None, kStart));
  EXPECT_FALSE(order.done());
  EXPECT_TRUE(order.begin(kStart + 2s));
}

}  // namespace
}  // namespace slash32::agent
