// The containers under the RIB against the standard library's, by random walks.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "bgpd/rib/id_map.h"
#include "bgpd/rib/interner.h"
#include "bgpd/rib/prefix_table.h"

namespace slash32::bgp {
namespace {

constexpr unsigned kSeed = 4271;

Prefix random_prefix(std::mt19937& random, AddressFamily family) {
  const auto bits = static_cast<std::uint32_t>(random() % 512);
  if (family == AddressFamily::IPv4)
    return {IpAddress::v4(0x0a000000 + bits * 64), static_cast<std::uint8_t>(26 + bits % 3)};
  std::array<std::uint8_t, 16> bytes{0x20, 1};
  bytes[14] = static_cast<std::uint8_t>(bits >> 8);
  bytes[15] = static_cast<std::uint8_t>(bits);
  return Prefix::host(IpAddress::v6(bytes));
}

class PrefixTableWalk : public testing::TestWithParam<AddressFamily> {};

TEST_P(PrefixTableWalk, IsAMapFromPrefixesToNumbers) {
  std::mt19937 random{kSeed};
  PrefixTable table{GetParam()};
  std::map<Prefix, PrefixId> model;
  for (int i = 0; i < 20000; ++i) {
    const Prefix prefix = random_prefix(random, GetParam());
    const auto known = model.find(prefix);
    ASSERT_EQ(table.find(prefix), known == model.end() ? kNoPrefix : known->second);
    if (random() % 3 != 0) {
      const PrefixId id = table.insert(prefix);
      ASSERT_TRUE(known == model.end() || id == known->second);
      model[prefix] = id;
      ASSERT_EQ(table.prefix(id), prefix);
    } else if (known != model.end()) {
      table.erase(known->second);
      model.erase(known);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::set<PrefixId> ids;
  for (const auto& [prefix, id] : model) ids.insert(id);
  EXPECT_EQ(ids.size(), model.size());
  EXPECT_LE(table.end(), 512U);  // forgotten numbers were used again
}

INSTANTIATE_TEST_SUITE_P(Families, PrefixTableWalk, testing::Values(AddressFamily::IPv4, AddressFamily::IPv6),
                         [](const auto& f) { return std::string{to_string(f.param)}; });

TEST(IdMap, IsAMap) {
  std::mt19937 random{kSeed};
  IdMap<int> map;
  std::map<std::uint32_t, int> model;
  for (int i = 0; i < 50000; ++i) {
    const auto id = static_cast<std::uint32_t>(random() % 300);
    if (random() % 2 == 0) {
      *map.insert(id).first = i;
      model[id] = i;
    } else {
      if (int* const value = map.find(id); value != nullptr && random() % 2 == 0)
        map.erase(value);
      else
        map.erase(id);
      model.erase(id);
    }
    const auto* found = map.find(id);
    ASSERT_EQ(found != nullptr, model.contains(id));
    ASSERT_EQ(map.size(), model.size());
  }
  map.for_each([&](std::uint32_t id, int value) { EXPECT_EQ(model.at(id), value); });
}

TEST(IdFifo, KeepsOrderAndCounts) {
  IdFifo fifo;
  std::uint32_t next = 0;
  for (std::uint32_t i = 0; i < 30000; ++i) {
    fifo.push(i);
    if (i % 3 != 0) {
      EXPECT_EQ(fifo.pop(), next++);
    }
  }
  EXPECT_EQ(fifo.pushed(), 30000U);
  EXPECT_EQ(fifo.popped(), next);
  while (!fifo.empty()) EXPECT_EQ(fifo.pop(), next++);
  EXPECT_EQ(next, 30000U);
}

TEST(PathList, KeepsThePathsOfItsPeers) {
  std::mt19937 random{kSeed};
  PathList list;
  std::map<PeerSlot, SetId> model;
  for (SetId i = 1; i < 20000; ++i) {
    const auto peer = static_cast<PeerSlot>(random() % 9);
    Path* path = list.find(peer);
    ASSERT_EQ(path != nullptr, model.contains(peer));
    if (path != nullptr && random() % 2 == 0) {
      list.remove(path);
      model.erase(peer);
    } else {
      (path != nullptr ? path : &list.add(peer))->received = i;
      model[peer] = i;
    }
    ASSERT_EQ(list.size(), model.size());
    for (const Path& p : list.all()) ASSERT_EQ(p.received, model.at(p.peer));
  }
}

AttributesPtr with_med(std::uint32_t med) {
  auto attributes = std::make_shared<PathAttributes>();
  attributes->med = med;
  return attributes;
}

TEST(AttributeSets, EqualSetsHaveEqualNumbersWhileSomebodyKeepsThem) {
  AttributeSets sets;
  const SetId one = sets.intern(with_med(1));
  EXPECT_EQ(sets.intern(with_med(1)), one);
  EXPECT_NE(sets.intern(with_med(2)), one);
  EXPECT_EQ(sets.size(), 2U);
  sets.release(one);
  EXPECT_EQ(sets.get(one).med, 1U);
  sets.release(one);
  EXPECT_EQ(sets.size(), 1U);
}

TEST(AttributeSets, OneThatComesBackSoonIsTheOneItWas) {
  AttributeSets sets;
  const SetId one = sets.intern(with_med(1));
  const std::uint32_t serial = sets.serial(one);
  sets.set_tag(one, 7);
  sets.release(one);
  EXPECT_EQ(sets.size(), 0U);
  for (std::uint32_t other = 2; other < 40; ++other) sets.release(sets.intern(with_med(other)));
  EXPECT_EQ(sets.intern(with_med(1)), one);
  EXPECT_EQ(sets.serial(one), serial);
  EXPECT_EQ(sets.tag(one), 0U) << "what its owner kept with it went with the last reference";
  EXPECT_EQ(sets.size(), 1U);
}

TEST(AttributeSets, ManyThatWentAreForgottenAndTheirNumbersUsedAgain) {
  AttributeSets sets;
  std::set<SetId> ids;
  std::set<std::uint32_t> serials;
  for (std::uint32_t other = 0; other < 10'000; ++other) {
    const SetId id = sets.intern(with_med(other));
    ids.insert(id);
    serials.insert(sets.serial(id));
    sets.release(id);
  }
  EXPECT_LT(ids.size(), 100U);
  EXPECT_EQ(serials.size(), 10'000U) << "and can be told apart";
}

TEST(AttributeSets, CountReferencesAsAMapOfNumbersDoes) {
  std::mt19937 random{kSeed};
  AttributeSets sets;
  std::map<std::uint32_t, std::vector<SetId>> held;  // MED to what was given for it
  for (int i = 0; i < 50'000; ++i) {
    const auto med = static_cast<std::uint32_t>(random() % 200);
    auto& of = held[med];
    if (random() % 2 == 0) {
      const SetId id = sets.intern(with_med(med));
      ASSERT_TRUE(of.empty() || of.front() == id);
      of.push_back(id);
    } else if (!of.empty()) {
      sets.release(of.back());
      of.pop_back();
    }
    if (of.empty()) held.erase(med);
    ASSERT_EQ(sets.size(), held.size());
    for (const auto& [value, ids] : held) ASSERT_EQ(sets.get(ids.front()).med, value);
  }
}

TEST(Node, IsSmall) { EXPECT_EQ(sizeof(Node), 28U); }

}  // namespace
}  // namespace slash32::bgp
