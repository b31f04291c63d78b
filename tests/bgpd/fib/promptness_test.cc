// For how long a kernel that kept a writer waiting is left to the worker alone.
#include "bgpd/fib/promptness.h"

#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

const Instant kNow{Seconds{100}};

TEST(Promptness, IsTakenForGrantedAtFirst) { EXPECT_TRUE(Promptness().is_given(kNow)); }

TEST(Promptness, AWriteThatTakesNoLongerThanUsualChangesNothing) {
  Promptness kernel;
  kernel.note(kNow, kNow + Promptness::kPrompt);
  EXPECT_TRUE(kernel.is_given(kNow + Promptness::kPrompt));
}

TEST(Promptness, WaitingIsATwentiethOfTheTimeAtMost) {
  for (const Duration wait : {Duration{Milliseconds{2}}, Duration{Milliseconds{50}}, Duration{Seconds{1}}}) {
    Promptness kernel;
    const Instant end = kNow + wait;
    kernel.note(kNow, end);
    EXPECT_FALSE(kernel.is_given(end));
    EXPECT_FALSE(kernel.is_given(end + wait * 20 - Milliseconds{1}));
    EXPECT_TRUE(kernel.is_given(end + wait * 20));
  }
}

}  // namespace
}  // namespace slash32::bgp
