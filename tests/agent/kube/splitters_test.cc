// Long answers arrive in pieces of any size; what comes out is the same.
#include "agent/kube/splitters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace slash32::agent::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Taken {
  std::vector<std::string> texts;
  Status status = ok();
  TakeText take() {
    return [this](std::string_view text) {
      texts.emplace_back(text);
      return ok();
    };
  }
};

Taken lines(const std::string& text, std::size_t piece) {
  Taken out;
  LineSplitter splitter;
  for (std::size_t at = 0; at < text.size() && out.status; at += piece)
    out.status = splitter.feed(std::string_view(text).substr(at, piece), out.take());
  return out;
}

struct List : Taken {
  Result<nlohmann::json> envelope = nlohmann::json();
};
List list(const std::string& text, std::size_t piece = 1'000'000) {
  List out;
  ListSplitter splitter;
  for (std::size_t at = 0; at < text.size() && out.status; at += piece)
    out.status = splitter.feed(std::string_view(text).substr(at, piece), out.take());
  out.envelope = splitter.finish();
  return out;
}

TEST(LineSplitter, GivesTheSameLinesWhateverThePieces) {
  for (const std::size_t piece : {1U, 2U, 3U, 100U})
    EXPECT_THAT(lines("{\"a\":1}\n\n{\"b\":2}\nrest", piece).texts, ElementsAre("{\"a\":1}", "{\"b\":2}")) << piece;
}

TEST(LineSplitter, RefusesALineWithoutEnd) {
  const auto got = lines(std::string(kMaxObject + 1, 'x'), 1 << 16);
  ASSERT_FALSE(got.status);
  EXPECT_THAT(got.status.error().message, HasSubstr("longer than 8388608 bytes"));
}

TEST(ListSplitter, GivesItemsAndWhatStandsAroundThemWhateverThePieces) {
  const std::string text =
      R"({"kind": "NodeList", "metadata": {"resourceVersion": "7", "items": [1]},
          "items": [ {"a": "}]\"{"} , {"b": {"items": [{}]}} ], "z": null})";
  for (std::size_t piece = 1; piece < 30; ++piece) {
    const auto got = list(text, piece);
    EXPECT_THAT(got.texts, ElementsAre(R"({"a":"}]\"{"})", R"({"b":{"items":[{}]}})")) << piece;
    ASSERT_TRUE(got.envelope) << got.envelope.error().message;
    EXPECT_EQ((*got.envelope)["metadata"]["resourceVersion"], "7");
    EXPECT_TRUE((*got.envelope)["items"].empty());
  }
}

TEST(ListSplitter, TakesAnEmptyListAndANullOne) {
  for (const char* text : {R"({"items":[],"metadata":{}})", R"({"items":null,"metadata":{}})"}) {
    const auto got = list(text);
    EXPECT_THAT(got.texts, IsEmpty());
    EXPECT_TRUE(got.envelope);
  }
}

TEST(ListSplitter, AMemberThatOnlyEndsLikeItemsIsNotTheItems) {
  const auto got = list(R"({"x\"items":[{}],"items":[{"a":1}]})");
  EXPECT_THAT(got.texts, ElementsAre(R"({"a":1})"));
}

TEST(ListSplitter, RefusesWhatIsNoList) {
  EXPECT_FALSE(list("[1]").status);
  EXPECT_FALSE(list("<html>").envelope);
  EXPECT_FALSE(list("{}{}").status);
  EXPECT_FALSE(list("}").status);
  EXPECT_FALSE(list(R"({"items":[1]})").status);
  EXPECT_FALSE(list(R"({"items":["{}"]})").status);
  EXPECT_FALSE(list(R"({"items":[[{}]]})").status);
  EXPECT_FALSE(list(R"({"items":[{}])").envelope) << "cut off";
  EXPECT_FALSE(list(std::string(1000, '[')).status);
  EXPECT_FALSE(list(R"({"items":[)" + std::string(1000, '{')).status);
}

TEST(ListSplitter, BoundsWhatItKeeps) {
  EXPECT_FALSE(list(R"({"kind":")" + std::string(1 << 17, 'x')).status);
  const auto got = list(R"({"items":[{"a":")" + std::string(kMaxObject, 'x'), 1 << 16);
  ASSERT_FALSE(got.status);
  EXPECT_THAT(got.status.error().message, HasSubstr("an object is longer"));
}

}  // namespace
}  // namespace slash32::agent::kube
