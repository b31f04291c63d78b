// Patterns of policies: AS_PATHs and communities, read from their text and held against values.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "bgpd/policy/as_path_match.h"
#include "config/policy_text.h"

namespace slash32::bgp {
namespace {

using nlohmann::json;

template <class Reader>
auto read(Reader reader, const std::string& text) {
  const json value(text);
  return reader(JsonField(value)).value();
}

AsPath sequence(std::vector<std::uint32_t> asns) {
  AsPath path;
  if (!asns.empty()) path.segments.emplace_back();
  for (const auto asn : asns) path.segments.back().asns.emplace_back(asn);
  return path;
}

// ---------------------------------------------------------------- AS_PATH

struct PathCase {
  const char* name;
  const char* pattern;
  std::vector<std::uint32_t> path;
  bool fits;
};
class AsPathPatterns : public testing::TestWithParam<PathCase> {};

TEST_P(AsPathPatterns, FitWhatTheyDescribe) {
  const auto& row = GetParam();
  EXPECT_EQ(matches(read(config::as_path_pattern, row.pattern), sequence(row.path)), row.fits);
}

INSTANTIATE_TEST_SUITE_P(
    Words, AsPathPatterns,
    testing::Values(PathCase{"empty_fits_empty", "", {}, true}, PathCase{"empty_does_not_fit_one", "", {1}, false},
                    PathCase{"star_fits_empty", "*", {}, true}, PathCase{"star_fits_many", "*", {1, 2, 3}, true},
                    PathCase{"begins", "1 *", {1, 2, 3}, true}, PathCase{"begins_and_ends", "1 *", {1}, true},
                    PathCase{"begins_with_another", "1 *", {2, 1}, false}, PathCase{"ends", "* 3", {1, 2, 3}, true},
                    PathCase{"does_not_end", "* 3", {3, 1}, false}, PathCase{"has", "* 2 *", {1, 2, 3}, true},
                    PathCase{"has_not", "* 2 *", {1, 22, 3}, false}, PathCase{"exact", "1 2 3", {1, 2, 3}, true},
                    PathCase{"too_short", "1 2 3", {1, 2}, false}, PathCase{"too_long", "1 2", {1, 2, 3}, false},
                    PathCase{"one_any", "1 ? 3", {1, 9, 3}, true},
                    PathCase{"one_any_is_not_none", "1 ? 3", {1, 3}, false}, PathCase{"range", "10-20", {20}, true},
                    PathCase{"outside_the_range", "10-20", {21}, false},
                    PathCase{"choice", "1|5|10-20 2", {5, 2}, true}, PathCase{"no_choice", "1|5 2", {3, 2}, false},
                    PathCase{"prepended", "1+ 2", {1, 1, 1, 2}, true}, PathCase{"once_is_enough", "1+ 2", {1, 2}, true},
                    PathCase{"not_at_all", "1+ 2", {2}, false}, PathCase{"only_one_as", "1+", {1, 1, 2}, false},
                    PathCase{"repeated_any", "?+", {1, 2}, true}, PathCase{"repeated_any_is_not_none", "?+", {}, false},
                    PathCase{"repeated_then_star", "1+ * 3", {1, 1, 7, 3}, true},
                    PathCase{"four_octets", "4200000000 *", {4200000000U, 5}, true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(AsPathMatch, ASetIsOneAsThatMayBeAnyOfItsMembers) {
  AsPath path = sequence({1});
  path.segments.push_back({SegmentType::AsSet, {Asn{2}, Asn{3}}});
  EXPECT_TRUE(matches(read(config::as_path_pattern, "1 3"), path));
  EXPECT_TRUE(matches(read(config::as_path_pattern, "1 ?"), path));
  EXPECT_FALSE(matches(read(config::as_path_pattern, "1 2 3"), path));
  EXPECT_FALSE(matches(read(config::as_path_pattern, "1 4"), path));
}

TEST(AsPathMatch, ConfederationSegmentsAreNotSeen) {
  AsPath path = sequence({1});
  path.segments.insert(path.segments.begin(), {SegmentType::ConfedSequence, {Asn{65001}}});
  EXPECT_TRUE(matches(read(config::as_path_pattern, "1"), path));
}

TEST(AsPathMatch, APatternMadeToBacktrackCostsNoMoreThanItsLength) {
  std::string pattern;
  for (int i = 0; i < 16; ++i) pattern += "* ?+ ";
  const auto hard = read(config::as_path_pattern, pattern.substr(0, pattern.size() - 1));
  AsPath path;
  for (int i = 0; i < 60; ++i) path.segments.push_back({SegmentType::AsSequence, std::vector<Asn>(255, Asn{7})});
  path.segments.push_back({SegmentType::ConfedSet, {Asn{1}}});
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(matches(hard, path));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
}

// Their mask had room for 2,048 ASes on the stack; an extended message (RFC 8654) has room for more.
TEST(CveBird2026_49943, APathAsLongAsAnExtendedMessageHoldsIsMatched) {
  AsPath path;
  for (int i = 0; i < 64; ++i) path.segments.push_back({SegmentType::AsSequence, std::vector<Asn>(255, Asn{7})});
  for (const char* pattern : {"*", "7 *", "* 7", "7+", "* 7 *"})
    EXPECT_TRUE(matches(read(config::as_path_pattern, pattern), path)) << pattern;
  for (const char* pattern : {"7", "* 8", "* 8 *", "8+"})
    EXPECT_FALSE(matches(read(config::as_path_pattern, pattern), path)) << pattern;
}

// ---------------------------------------------------------------- communities

bool fits(const char* pattern, std::uint32_t asn, std::uint32_t value) {
  return read(config::community_pattern, pattern).matches(asn << 16 | value);
}

TEST(CommunityPatterns, TakeNumbersRangesAndAnything) {
  EXPECT_TRUE(fits("65000:100", 65000, 100));
  EXPECT_FALSE(fits("65000:100", 65000, 101));
  EXPECT_TRUE(fits("65000:*", 65000, 65535));
  EXPECT_FALSE(fits("65000:*", 65001, 1));
  EXPECT_TRUE(fits("*:100-199", 1, 150));
  EXPECT_FALSE(fits("*:100-199", 1, 200));
  EXPECT_TRUE(fits("no-export", 0xFFFF, 0xFF01));
}

// https://www.iana.org/assignments/bgp-well-known-communities
TEST(CommunityPatterns, KnowTheWellKnownByName) {
  const auto fits = [](const char* name, Community community) {
    return read(config::community_pattern, name).matches(community);
  };
  EXPECT_TRUE(fits("no-export", 0xFFFFFF01));
  EXPECT_TRUE(fits("no-advertise", 0xFFFFFF02));
  EXPECT_TRUE(fits("no-export-subconfed", 0xFFFFFF03));
  EXPECT_TRUE(fits("no-peer", 0xFFFFFF04));            // RFC 3765: whether to heed it is a policy's matter
  EXPECT_TRUE(fits("blackhole", 0xFFFF029A));          // RFC 7999: by policy only, with `set.blackhole`
  EXPECT_TRUE(fits("graceful-shutdown", 0xFFFF0000));  // RFC 8326
  EXPECT_FALSE(fits("blackhole", 0xFFFF0000));
}

TEST(CommunityPatterns, TakeLargeOnes) {
  const auto pattern = read(config::large_community_pattern, "65000:*:5-7");
  EXPECT_TRUE(pattern.matches({65000, 4294967295U, 6}));
  EXPECT_FALSE(pattern.matches({65000, 1, 8}));
  EXPECT_FALSE(pattern.matches({65001, 1, 6}));
}

ExtendedCommunity extended(const char* text) { return read(config::extended_community, text); }

TEST(ExtendedCommunities, AreWrittenAsTheirRfcsSay) {
  EXPECT_EQ(extended("rt:65000:100"), (ExtendedCommunity{0, 2, 0xFD, 0xE8, 0, 0, 0, 100}));  // RFC 4360 section 3.1
  EXPECT_EQ(extended("ro:10.0.0.1:5"), (ExtendedCommunity{1, 3, 10, 0, 0, 1, 0, 5}));        // section 3.2
  EXPECT_EQ(extended("rt:65536:5"), (ExtendedCommunity{2, 2, 0, 1, 0, 0, 0, 5}));            // RFC 5668 section 2
  EXPECT_EQ(extended("0x0002fde800000064"), extended("rt:65000:100"));
}

TEST(ExtendedCommunities, AreMatchedByKindAdministratorAndValue) {
  const auto fits_all = [](const char* pattern, const ExtendedCommunity& community) {
    return read(config::extended_community_pattern, pattern).matches(community);
  };
  EXPECT_TRUE(fits_all("rt:65000:*", extended("rt:65000:100")));
  EXPECT_FALSE(fits_all("ro:65000:*", extended("rt:65000:100")));
  EXPECT_FALSE(fits_all("rt:65001:*", extended("rt:65000:100")));
  EXPECT_TRUE(fits_all("rt:*:5", extended("rt:10.0.0.1:5")));
  EXPECT_TRUE(fits_all("rt:*:*", extended("rt:70000:5")));
  EXPECT_FALSE(fits_all("rt:167772161:5", extended("rt:10.0.0.1:5"))) << "an AS is no address";
  EXPECT_FALSE(fits_all("rt:10.0.0.1:5", extended("rt:167772161:5")));
  EXPECT_FALSE(fits_all("rt:65000:*", (ExtendedCommunity{0x40, 2, 0xFD, 0xE8, 0, 0, 0, 1}))) << "not transitive";
  EXPECT_TRUE(fits_all("0x4300000000000001", (ExtendedCommunity{0x43, 0, 0, 0, 0, 0, 0, 1})));
}

TEST(ExtendedCommunities, ReadBackAsTheyArePrinted) {
  for (const ExtendedCommunity& one :
       {extended("rt:1:4294967295"), extended("ro:10.0.0.1:5"), extended("rt:70000:5"),
        ExtendedCommunity{2, 2, 0, 0, 0, 5, 0, 5}, ExtendedCommunity{0x43, 0, 0, 0, 0, 0, 0, 1}})
    EXPECT_EQ(extended(config::print_extended_community(one).c_str()), one) << config::print_extended_community(one);
}

TEST(CveQuagga2011_3327, EveryTypeOfExtendedCommunityCanBeShown) {
  for (unsigned type = 0; type < 256; ++type) {
    for (unsigned subtype = 0; subtype < 256; ++subtype) {
      ExtendedCommunity one;
      one.fill(0xff);
      one[0] = static_cast<std::uint8_t>(type);
      one[1] = static_cast<std::uint8_t>(subtype);
      const std::string text = config::print_extended_community(one);
      ASSERT_LE(text.size(), 32U) << text;
      ASSERT_EQ(extended(text.c_str()), one) << text;
    }
  }
}

}  // namespace
}  // namespace slash32::bgp
