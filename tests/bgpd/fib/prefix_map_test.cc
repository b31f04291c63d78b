// The map beside std::map, through growth, shrinking and erasure.
#include "bgpd/fib/prefix_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace slash32::bgp {
namespace {

Prefix some_prefix(std::mt19937& random) {  // a few thousand different ones, of both families
  const auto number = random() % 2000;
  if (random() % 2 == 0) return {IpAddress::v4(0x0a000000 + static_cast<std::uint32_t>(number) * 256), 24};
  std::array<std::uint8_t, 16> bytes{0xfd, 0, static_cast<std::uint8_t>(number >> 8),
                                     static_cast<std::uint8_t>(number)};
  return {IpAddress::v6(bytes), static_cast<std::uint8_t>(random() % 3 == 0 ? 48 : 64)};
}

TEST(PrefixMap, SaysWhatAMapSays) {
  constexpr unsigned kSeed = 20260103;
  std::mt19937 random(kSeed);
  PrefixMap<int> map;
  std::map<Prefix, int> model;
  for (int step = 0; step < 200000; ++step) {
    const bool shrinking = step / 20000 % 2 == 1;
    const Prefix prefix = some_prefix(random);
    if (random() % 10 < (shrinking ? 2U : 8U)) {
      map[prefix] = model[prefix] = step;
    } else {
      map.erase(prefix);
      model.erase(prefix);
    }
    const Prefix other = some_prefix(random);
    const int* found = map.find(other);
    ASSERT_EQ(found != nullptr, model.contains(other)) << step;
    if (found == nullptr) continue;
    ASSERT_EQ(*found, model[other]);
  }
  ASSERT_EQ(map.size(), model.size());
  std::map<Prefix, int> all;
  map.for_each([&](const Prefix& p, int v) { all[p] = v; });
  EXPECT_EQ(all, model);
}

TEST(PrefixMap, TheLengthIsPartOfTheKey) {
  PrefixMap<int> map;
  map[*Prefix::parse("0.0.0.0/0")] = 1;
  map[*Prefix::parse("0.0.0.0/32")] = 2;
  map[*Prefix::parse("::/0")] = 3;
  map[*Prefix::parse("::/128")] = 4;
  EXPECT_EQ(map.size(), 4U);
  EXPECT_EQ(*map.find(*Prefix::parse("0.0.0.0/0")), 1);
  EXPECT_EQ(*map.find(*Prefix::parse("::/128")), 4);
}

TEST(PrefixMap, ErasesByConditionAskingEachOnce) {
  PrefixMap<int> map;
  for (std::uint32_t i = 0; i < 1000; ++i) map[Prefix::host(IpAddress::v4(i))] = static_cast<int>(i);
  int asked = 0;
  map.erase_if([&](const Prefix&, int v) {
    ++asked;
    return v % 10 != 0;
  });
  EXPECT_EQ(asked, 1000);
  EXPECT_EQ(map.size(), 100U);
  EXPECT_TRUE(map.contains(Prefix::host(IpAddress::v4(990))));
}

}  // namespace
}  // namespace slash32::bgp
