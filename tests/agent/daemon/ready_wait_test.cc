// A conflist that does not wait for ever: a node alone is a node too.
#include "agent/ready_wait.h"

#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using namespace std::chrono_literals;

const Instant kStart{1000s};

TEST(ReadyWait, IsOverAMinuteAfterBgpdHadItsConfiguration) {
  ReadyWait wait;
  EXPECT_FALSE(wait.is_over(kStart + 1h)) << "it has not answered yet";
  wait.heard(true, kStart);
  wait.heard(true, kStart + 50s);
  EXPECT_FALSE(wait.is_over(kStart + 59s));
  EXPECT_TRUE(wait.is_over(kStart + 60s));
}

TEST(ReadyWait, BeginsAnewWhenBgpdIsGoneOrRefusesItsConfiguration) {
  ReadyWait wait;
  wait.heard(true, kStart);
  wait.heard(false, kStart + 30s);
  EXPECT_FALSE(wait.is_over(kStart + 1h));
  wait.heard(true, kStart + 40s);
  EXPECT_FALSE(wait.is_over(kStart + 99s));
  EXPECT_TRUE(wait.is_over(kStart + 100s));
}

}  // namespace
}  // namespace slash32::agent
