// ctl/text.h: tables, durations, and fields that may not be there.
#include "ctl/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace slash32::ctl {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(Table, AlignsColumnsAndLeavesNoTrailingSpace) {
  Table table({{"NAME"}, {"AS", Align::Right}, {"NOTE"}});
  table.add({"tor1", "65000", "x"});
  table.add({"a-long-name", "1", ""});
  EXPECT_EQ(table.to_string(),
            "NAME            AS  NOTE\n"
            "tor1         65000  x\n"
            "a-long-name      1  -\n");
}

TEST(Table, FillsAShortRow) {
  Table table({{"A"}, {"B"}});
  table.add({"1"});
  EXPECT_EQ(table.to_string(), "A  B\n1  -\n");
}

TEST(Text, KeepsATerminalSafe) { EXPECT_EQ(printable("a\x1b[2J\n\xc3\xa9"), "a\\x1b[2J\\x0a\\xc3\\xa9"); }

TEST(Text, TellsDurationsInTwoUnits) {
  EXPECT_EQ(duration_text(0s), "0s");
  EXPECT_EQ(duration_text(59s), "59s");
  EXPECT_EQ(duration_text(60s), "1m00s");
  EXPECT_EQ(duration_text(3599s), "59m59s");
  EXPECT_EQ(duration_text(1h), "1h00m");
  EXPECT_EQ(duration_text(24h), "1d00h");
  EXPECT_EQ(duration_text(24h * 400 + 5h), "400d05h");
  EXPECT_EQ(duration_text(-5s), "0s");
}

TEST(Text, TellsTimesInUtc) {
  EXPECT_EQ(utc_text(std::chrono::system_clock::time_point{1767323045s}), "2026-01-02T03:04:05Z");
}

TEST(Fields, AreADashWhenMissingOrOfAnotherKind) {
  const json object = json::parse(R"({"s":"x","e":"","n":5,"b":true,"l":[1],"o":{},"z":null,"t":-1,"huge":1e300})");
  EXPECT_EQ(field_text(object, "s"), "x");
  EXPECT_EQ(field_text(object, "n"), "5");
  EXPECT_EQ(field_text(object, "b"), "true");
  for (const char* key : {"e", "l", "o", "z", "absent"}) EXPECT_EQ(field_text(object, key), "-") << key;
  for (const char* key : {"s", "t", "huge", "absent"}) EXPECT_EQ(field_duration(object, key), "-") << key;
  EXPECT_EQ(field_duration(object, "n"), "5s");
  EXPECT_TRUE(field_is_true(object, "b"));
  EXPECT_FALSE(field_is_true(object, "n"));
  EXPECT_FALSE(field_is_true(json::array(), "b"));
}

}  // namespace
}  // namespace slash32::ctl
