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

TEST(ParseJson, RefusesARepeatedKeyAndNamesItsPlace) {
  EXPECT_EQ(complaint(parse_json(R"({"a":1,"a":2})")), "/a: occurs twice in one object");
  EXPECT_EQ(complaint(parse_json(R"({"x":[{"b":0},{"a/b":{},"c":[[]],"a/b":2}]})")),
            "/x/1/a~1b: occurs twice in one object");
}

TEST(ParseJson, SaysNearWhichPlaceASyntaxErrorStands) {
  EXPECT_TRUE(complaint(parse_json(R"({"x":[1,{"y":nul}]})")).ends_with(" (at /x/1/y)"));
  EXPECT_TRUE(complaint(parse_json(R"({"x":[1,]})")).ends_with(" (at /x/1)"));
  EXPECT_FALSE(complaint(parse_json("")).contains("(at"));
}

TEST(ParseJson, NamesThePlaceOfANumberNobodyCanHold) {
  EXPECT_TRUE(complaint(parse_json(R"({"x":[0,1e999]})")).starts_with("/x/1: number overflow"))
      << complaint(parse_json(R"({"x":[0,1e999]})"));
}

TEST(ParseJson, DoesNotTakeAZeroByteForTheEnd) {
  EXPECT_EQ(complaint(parse_json(std::string_view("{}\0garbage", 10))), "not JSON: a zero byte at offset 2");
}

TEST(ParseJson, RefusesWhatIsNestedWithoutBound) {
  EXPECT_FALSE(parse_json(std::string(100000, '[')));
  EXPECT_TRUE(complaint(parse_json("{\"a\":" + std::string(100, '['))).starts_with("/a/0/0/0/"));
}

TEST(ParseJsonLeniently, LetsTheLastOfRepeatedKeysCountAndTellsTheirPlaces) {
  const auto got = parse_json_leniently(R"({"a":1,"b":{"c":[],"c":{"d":2}},"a":3})");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->value.dump(), R"({"a":3,"b":{"c":{"d":2}}})");
  EXPECT_EQ(got->repeated,
            (std::vector<std::string>{"/b/c: occurs twice in one object", "/a: occurs twice in one object"}));
  EXPECT_FALSE(parse_json_leniently("{"));
}

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

TEST(JsonField, WritesControlCharactersOfAKeyAsJsonDoes) {
  const auto document = parse_json(R"({"a\u001b[2J":1})").value();
  EXPECT_EQ(complaint(JsonField(document).only({"b"})), "/a\\u001b[2J: unknown key; known here: b");
}

TEST(JsonField, ShortensAComplaintThatQuotesTooMuchAndTakesControlCharactersOut) {
  const nlohmann::json value = "\x1b[2J" + std::string(100000, 'x');
  const auto told = complaint(json::ip_address(JsonField(value)));
  EXPECT_LT(told.size(), 600U);
  EXPECT_TRUE(told.starts_with("/: \"?[2Jxxx")) << told;
  EXPECT_TRUE(told.ends_with("\" is not an IP address")) << told;
  const nlohmann::json object = {{std::string(100000, 'k'), 1}};
  EXPECT_LT(complaint(JsonField(object).only({"a"})).size(), 600U);
}

TEST(JsonField, SaysThatARequiredKeyIsMissingOrNullAtTheKeysOwnPlace) {
  const auto document = parse_json(R"({"neighbors":[{"address":null}]})").value();
  const auto neighbor = JsonField(document).child("neighbors").element(0);
  EXPECT_EQ(complaint(JsonField(document).required("localAs", json::text)), "/localAs: is missing");
  EXPECT_EQ(complaint(neighbor.required("remoteAs", json::text)), "/neighbors/0/remoteAs: is missing");
  EXPECT_EQ(complaint(neighbor.required("address", json::text)), "/neighbors/0/address: must not be null");
}

TEST(JsonField, TakesOnlyPathsTheKernelCanTake) {
  const auto document = parse_json(R"({"rel":"a/b","zero":"/a\u0000b","null":null,"good":"/a b"})").value();
  const JsonField root(document);
  EXPECT_EQ(complaint(json::absolute_path(root.child("rel"))), "/rel: must be an absolute path");
  EXPECT_EQ(complaint(json::absolute_path(root.child("zero"))), "/zero: must not contain a zero byte");
  EXPECT_EQ(complaint(json::absolute_path(root.child("null"))), "/null: must be a string");
  EXPECT_TRUE(json::absolute_path(root.child("good")));
  const nlohmann::json longest = "/" + std::string(4094, 'x'), longer = "/" + std::string(4095, 'x');
  EXPECT_TRUE(json::absolute_path(JsonField(longest)));
  EXPECT_EQ(complaint(json::absolute_path(JsonField(longer))), "/: must be at most 4095 bytes long");
}

}  // namespace
}  // namespace slash32
