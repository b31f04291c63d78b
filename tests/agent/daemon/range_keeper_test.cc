// A changed podCIDR: new pods from the new range, old ones left alone, both announced until the last is gone.
#include "agent/range_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

const auto kOld = *Prefix::parse("10.244.1.0/24");
const auto kNew = *Prefix::parse("10.244.2.0/24");
const Instant kStart{1000s};

TEST(RangeKeeper, AFormerRangeStaysWhileAPodLivesInIt) {
  RangeKeeper keeper;
  keeper.update({kOld}, {}, kStart);
  EXPECT_THAT(keeper.kept(), IsEmpty());
  EXPECT_THAT(keeper.former({kNew}), ElementsAre(kOld));
  keeper.update({kNew}, {kOld}, kStart + 1h);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld));
  EXPECT_THAT(keeper.known(), ElementsAre(kNew, kOld));
}

TEST(RangeKeeper, AnEmptyOneGoesAfterAMinute) {
  RangeKeeper keeper({kOld});
  keeper.update({kNew}, {}, kStart);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld)) << "an ADD may be on its way";
  keeper.update({kNew}, {}, kStart + 59s);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld));
  keeper.update({kNew}, {}, kStart + 60s);
  EXPECT_THAT(keeper.kept(), IsEmpty());
  EXPECT_THAT(keeper.known(), ElementsAre(kNew));
}

TEST(RangeKeeper, APodThatComesMeanwhileBeginsTheMinuteAnew) {
  RangeKeeper keeper({kOld});
  keeper.update({kNew}, {}, kStart);
  keeper.update({kNew}, {kOld}, kStart + 30s);
  keeper.update({kNew}, {}, kStart + 60s);
  keeper.update({kNew}, {}, kStart + 119s);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld));
  keeper.update({kNew}, {}, kStart + 120s);
  EXPECT_THAT(keeper.kept(), IsEmpty());
}

TEST(RangeKeeper, ANodeWithoutARangeAtTheMomentLetsGoOfNone) {
  RangeKeeper keeper({kOld});
  keeper.update({}, {}, kStart);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld)) << "known from an earlier life, and pods may live in it";
  keeper.update({kNew}, {kOld}, kStart + 1s);
  keeper.update({}, {}, kStart + 1h);
  EXPECT_THAT(keeper.kept(), ElementsAre(kNew, kOld));
  EXPECT_THAT(keeper.known(), ElementsAre(kNew, kOld));
  keeper.update({kNew}, {}, kStart + 2h);
  EXPECT_THAT(keeper.kept(), ElementsAre(kOld)) << "its minute begins now";
}

TEST(RangeKeeper, ARangeThatComesBackIsCurrentAgain) {
  RangeKeeper keeper({kOld});
  keeper.update({kNew}, {kOld}, kStart);
  keeper.update({kOld}, {}, kStart + 1s);
  EXPECT_THAT(keeper.known(), ElementsAre(kOld, kNew));
  EXPECT_THAT(keeper.kept(), ElementsAre(kNew));
}

}  // namespace
}  // namespace slash32::agent
