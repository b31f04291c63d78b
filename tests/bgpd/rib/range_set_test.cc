// Ranges of addresses, and how a prefix lies to them.
#include "bgpd/rib/range_set.h"

#include <algorithm>
#include <random>

#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

TEST(RangeSet, KnowsNothingOfAnythingWhenItIsEmpty) {
  const RangeSet none;
  EXPECT_FALSE(none.has(net("0.0.0.0/0")));
  EXPECT_FALSE(none.overlaps(net("::/0")));
}

TEST(RangeSet, TellsWhatEqualsLiesInsideAndCovers) {
  const RangeSet set({net("10.0.0.0/8"), net("10.1.0.0/16"), net("192.0.2.0/24"), net("10.1.0.0/16"), net("fd00::/8")});
  EXPECT_EQ(set.ranges().size(), 4U);
  EXPECT_TRUE(set.has(net("10.1.0.0/16")));
  EXPECT_FALSE(set.has(net("10.1.0.0/17")));
  EXPECT_TRUE(set.any_around(net("10.200.0.0/16"))) << "behind a nested one";
  EXPECT_FALSE(set.any_inside(net("10.200.0.0/16")));
  EXPECT_TRUE(set.any_inside(net("192.0.0.0/16")));
  EXPECT_FALSE(set.any_around(net("192.0.0.0/16")));
  EXPECT_FALSE(set.overlaps(net("11.0.0.0/8")));
  EXPECT_FALSE(set.overlaps(net("192.0.3.0/24")));
  EXPECT_TRUE(set.overlaps(net("fd00:1::/64")));
  EXPECT_FALSE(set.overlaps(net("a00::/8"))) << "the octets of 10.0.0.0/8, of the other family";
}

TEST(RangeSet, DiffersByWhatIsInOneOnly) {
  const RangeSet a({net("10.0.0.0/8"), net("fd00::/8")});
  const RangeSet b({net("10.0.0.0/9"), net("10.0.0.0/8")});
  EXPECT_EQ(RangeSet::difference(a, b), (std::vector{net("10.0.0.0/9"), net("fd00::/8")}));
  EXPECT_TRUE(RangeSet::difference(a, a).empty());
}

/// Dense, so that prefixes nest, touch and repeat.
Prefix any_prefix(std::mt19937& random) {
  const auto length = static_cast<std::uint8_t>(random() % 9 + (random() % 16 == 0 ? 0 : 24));
  const auto low = static_cast<std::uint32_t>(random() & 0xff);
  if (random() % 2 == 0) return {IpAddress::v4(0x0a000000 | low), length};
  std::array<std::uint8_t, 16> bytes{10, 0, 0, static_cast<std::uint8_t>(low)};
  return {IpAddress::v6(bytes), length};
}

TEST(RangeSet, SaysWhatALookAtEveryRangeSays) {
  std::mt19937 random(20261122);
  for (int round = 0; round < 200; ++round) {
    std::vector<Prefix> ranges(random() % 24);
    std::ranges::generate(ranges, [&] { return any_prefix(random); });
    const RangeSet set(ranges);
    for (int i = 0; i < 200; ++i) {
      const Prefix p = any_prefix(random);
      const auto any = [&](auto holds) {
        return std::ranges::any_of(ranges, [&](const Prefix& r) { return r.family() == p.family() && holds(r); });
      };
      ASSERT_EQ(set.has(p), any([&](const Prefix& r) { return r == p; })) << p.to_string();
      ASSERT_EQ(set.any_inside(p), any([&](const Prefix& r) { return p.contains(r); })) << p.to_string();
      ASSERT_EQ(set.any_around(p), any([&](const Prefix& r) { return r.contains(p); })) << p.to_string();
      ASSERT_EQ(set.overlaps(p), any([&](const Prefix& r) { return r.overlaps(p); })) << p.to_string();
    }
  }
}

}  // namespace
}  // namespace slash32::bgp::test
