// One deadline that is set again and again. A test that waits for the wrong one does not end.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "bgpd/transport/loop.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kNever{3600};

TEST(LoopTimer, ACancelledTimerDoesNotFire) {
  Loop loop;
  LoopTimer one(loop), two(loop);
  int fired = 0;
  one.after(Milliseconds{1}, [&] { ++fired; });
  one.cancel();
  two.after(Milliseconds{1}, [&] { fired += 10; });
  two.after(Milliseconds{1}, [&] { fired += 100; });
  loop.run();
  EXPECT_EQ(fired, 100);
}

TEST(LoopTimer, OneThatIsPutOffGoesOffOnceAndNotBefore) {
  Loop loop;
  LoopTimer timer(loop);
  int early = 0, late = 0;
  const Instant when = loop.now() + Milliseconds{30};
  timer.after(Milliseconds{1}, [&] { ++early; });
  timer.at(when, [&] {
    ++late;
    EXPECT_GE(loop.now(), when);
  });
  EXPECT_EQ(timer.due(), when);
  loop.run();
  EXPECT_EQ(early, 0);
  EXPECT_EQ(late, 1);
  EXPECT_FALSE(timer.due());
}

TEST(LoopTimer, OneThatIsBroughtForwardGoesOffThen) {
  Loop loop;
  LoopTimer timer(loop);
  int fired = 0;
  timer.after(kNever, [&] { fired += 10; });
  timer.after(Milliseconds{1}, [&] { ++fired; });
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(LoopTimer, OneThatWasPutOffAndCancelledKeepsNoLoopRunning) {
  Loop loop;
  LoopTimer timer(loop);
  int fired = 0;
  timer.after(Milliseconds{1}, [&] { ++fired; });
  timer.after(kNever, [&] { ++fired; });
  timer.cancel();
  loop.run();
  EXPECT_EQ(fired, 0);
}

TEST(LoopTimer, ItsWorkMaySetItAgainOrDestroyIt) {
  Loop loop;
  std::optional<LoopTimer> timer(loop);
  int fired = 0;
  timer->after(Milliseconds{1}, [&] {
    ++fired;
    timer->after(Milliseconds{1}, [&] {
      ++fired;
      timer.reset();
    });
  });
  loop.run();
  EXPECT_EQ(fired, 2);
}

TEST(LoopTimer, WhatWasQueuedWhenItWasSetAgainDoesNotRun) {
  Loop loop;
  LoopTimer one(loop), two(loop);
  int first = 0, second = 0;
  const Instant when = loop.now() + Milliseconds{1};
  const auto set_again = [&](LoopTimer& other) { other.after(Milliseconds{1}, [&] { ++second; }); };
  one.at(when, [&] { ++first, set_again(two); });  // both are due at once: whoever is first replaces the other
  two.at(when, [&] { ++first, set_again(one); });
  loop.run();
  EXPECT_EQ(first + second, 2);
  EXPECT_GE(second, 1);
}

}  // namespace
}  // namespace slash32::bgp
