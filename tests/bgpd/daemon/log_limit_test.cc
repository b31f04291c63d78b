// Lines that others can make us write: one at once, then one an interval.
#include "bgpd/log_limit.h"

#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

const Instant kStart{Seconds{1000}};

TEST(LogLimit, TheFirstIsSaidAtOnceAndTheRestOnceAnInterval) {
  LogLimit limit;
  EXPECT_FALSE(limit.deadline());
  EXPECT_TRUE(limit.pass("tor1", "a", kStart));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.pass("tor1", "b", kStart + Seconds{1}));
  EXPECT_EQ(limit.deadline(), kStart + LogLimit::kInterval);
  EXPECT_TRUE(limit.take_due(kStart + Seconds{59}).empty());
  const auto lines = limit.take_due(kStart + Seconds{60});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].key, "tor1");
  EXPECT_EQ(lines[0].text, "b");
  EXPECT_EQ(lines[0].times, 1000U);
  EXPECT_FALSE(limit.pass("tor1", "c", kStart + Seconds{61})) << "that line began an interval too";
}

TEST(LogLimit, WhoWasSilentForAnIntervalIsForgotten) {
  LogLimit limit;
  EXPECT_TRUE(limit.pass("tor1", "a", kStart));
  EXPECT_TRUE(limit.take_due(kStart + Seconds{60}).empty());
  EXPECT_FALSE(limit.deadline());
  EXPECT_TRUE(limit.pass("tor1", "a", kStart + Seconds{61}));
}

TEST(LogLimit, KeysDoNotSilenceEachOther) {
  LogLimit limit;
  EXPECT_TRUE(limit.pass("tor1", "a", kStart));
  EXPECT_TRUE(limit.pass("tor2", "a", kStart + Seconds{1}));
  EXPECT_FALSE(limit.pass("tor1", "a", kStart + Seconds{2}, 7));
  EXPECT_EQ(limit.take_due(kStart + Seconds{60}).at(0).times, 7U);
}

}  // namespace
}  // namespace slash32::bgp
