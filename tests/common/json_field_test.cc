// common/json_field.h: complaints name their place.
#include "common/json_field.h"

#include <gtest/gtest.h>

namespace slash32 {
namespace {

std::string complaint(const auto& result) { return result ? "no error" : result.error().message; }

TEST(ParseJson, NamesLineAndColumn) {
  EXPECT_NE(complaint(parse_json("{\n  \"a\": ,\n}")).find("line 2, column 8"), std::string::npos)
      << complaint(parse_json("{\n  \"a\": ,\n}"));
}

TEST(ParseJson, RefusesARepeatedKey) {
  EXPECT_NE(complaint(parse_json(R"({"a":1,"a":2})")).find("\"a\" occurs twice"), std::string::npos);
}

TEST(ParseJson, RefusesWhatIsNestedWithoutBound) { EXPECT_FALSE(parse_json(std::string(100000, '['))); }

TEST(ParseJson, BuildsWhatWasWritten) {
  const std::string text = R"({"a":[1,2,{"b":null}],"c":true,"d":-1.5})";
  EXPECT_EQ(parse_json(text)->dump(), text);
}

TEST(JsonField, NamesThePathOfAnUnknownKey) {
  const auto document = parse_json(R"({"neighbors":[{"addres":"10.0.0.1"}]})").value();
  const auto neighbor = JsonField(document).child("neighbors").element(0);
  EXPECT_EQ(complaint(neighbor.only({"address"})), "/neighbors/0/addres: unknown key; known here: address");
}

TEST(JsonField, LetsCommentsThrough) {
  const auto document = parse_json(R"({"x-note":1,"_why":"because"})").value();
  EXPECT_TRUE(JsonField(document).only({}));
}

TEST(JsonField, TellsTheRangeOfANumber) {
  const auto document = parse_json(R"({"port":70000,"half":1.5,"huge":18446744073709551615})").value();
  for (const char* key : {"port", "half", "huge"})
    EXPECT_EQ(complaint(json::integer<int>(1, 65535)(JsonField(document).child(key))),
              std::string("/") + key + ": must be an integer from 1 to 65535");
}

TEST(JsonField, EscapesThePointer) {
  const auto document = parse_json(R"({"a/b":{"c~d":1}})").value();
  EXPECT_EQ(JsonField(document).child("a/b").child("c~d").pointer(), "/a~1b/c~0d");
}

}  // namespace
}  // namespace slash32
