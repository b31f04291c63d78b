// The table of one kind of routes against a fake kernel that answers like the real one.
#include "bgpd/fib/fib_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <random>
#include <set>

namespace slash32::bgp {
namespace {

Prefix prefix(const char* text) { return *Prefix::parse(text); }
FibNextHop hop(const char* gateway, int link) { return {*IpAddress::parse(gateway), IfIndex{link}}; }

const Prefix kA = prefix("10.1.0.0/24");
const Prefix kB = prefix("10.2.0.0/24");
const std::vector<FibNextHop> kOne{hop("10.0.0.1", 2)};
const std::vector<FibNextHop> kTwo{hop("10.0.0.2", 3)};

/// One kernel table: routes by prefix, each ours or a stranger's, and links that may be down.
struct FakeKernel {
  using Hops = std::vector<FibNextHop>;
  std::map<Prefix, Hops> ours;
  std::set<Prefix> foreign;
  std::set<IfIndex> down;
  std::uint64_t writes = 0;

  static Hops hops_of(const NextHopSets& sets, SetId id) {
    Hops out;
    for (const auto& one : sets.hops(id)) out.push_back({*one.gateway, one.link});
    return out;
  }
  int answer(const NextHopSets& sets, const FibOp& op) {
    ++writes;
    if (op.verb == FibVerb::Delete) return ours.erase(op.prefix) > 0 ? 0 : ESRCH;
    if (op.verb == FibVerb::Create && (foreign.contains(op.prefix) || ours.contains(op.prefix))) return EEXIST;
    if (op.verb == FibVerb::Replace && foreign.contains(op.prefix)) ADD_FAILURE() << "a stranger's route overwritten";
    if (op.verb == FibVerb::Replace && !ours.contains(op.prefix)) return ENOENT;
    const Hops hops = hops_of(sets, op.set);
    for (const auto& one : hops)
      if (down.contains(one.oif)) return ENETDOWN;
    ours[op.prefix] = hops;
    return 0;
  }
  void link_down(IfIndex link) {
    down.insert(link);
    std::erase_if(ours, [&](const auto& route) {
      return std::ranges::any_of(route.second, [&](const FibNextHop& one) { return one.oif == link; });
    });
  }
};

struct World {
  NextHopSets sets;
  FibTable table{sets};
  FakeKernel kernel;

  /// Writes until nothing is left; how many writes.
  std::uint64_t run(std::size_t batch = 3) {
    const std::uint64_t before = kernel.writes;
    for (int turn = 0; table.has_work(); ++turn) {
      EXPECT_LT(turn, 100000) << "never done";
      if (turn >= 100000) break;
      for (const FibOp& op : table.next(batch)) table.done(op, kernel.answer(sets, op));
    }
    return kernel.writes - before;
  }
  FibSeen seen(const Prefix& p, std::vector<FibNextHop> hops) { return {p, sets.take(std::move(hops)), true}; }
  std::vector<FibSeen> dump() {
    std::vector<FibSeen> out;
    for (const auto& [p, hops] : kernel.ours) out.push_back(seen(p, hops));
    return out;
  }
  void heal(IfIndex link) {
    table.reconcile(dump(), [&](SetId set) { return sets.uses(set, link); });
  }
};

TEST(FibTable, WritesWhatIsWantedOnce) {
  World w;
  w.table.want(kA, kOne);
  EXPECT_EQ(w.run(), 1U);
  EXPECT_TRUE(w.table.installed(kA));
  w.table.want(kA, kOne);
  EXPECT_EQ(w.run(), 0U);
}

TEST(FibTable, OfWhatWasNotYetWrittenTheLastStateWins) {
  World w;
  w.table.want(kA, kOne);
  w.table.want(kA, kTwo);
  w.table.want(kB, kOne);
  w.table.want(kB, {});
  EXPECT_EQ(w.run(), 1U);
  EXPECT_EQ(w.kernel.ours, (std::map<Prefix, std::vector<FibNextHop>>{{kA, kTwo}}));
}

TEST(FibTable, ChangesOfWhatStandsGoBeforeCreations) {
  World w;
  w.table.want(kA, kOne);
  w.run();
  w.table.want(kB, kOne);
  w.table.want(kA, kTwo);
  const auto ops = w.table.next(1);
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(ops[0].verb, FibVerb::Replace);
}

TEST(FibTable, WhatAnEarlierLifeLeftIsKeptAndNotTouchedWhenItIsWantedAgain) {
  World w;
  w.kernel.ours = {{kA, kOne}, {kB, kTwo}};
  for (const auto& one : w.dump()) w.table.found(one);
  EXPECT_EQ(w.run(), 0U);
  EXPECT_EQ(w.table.counts().stale, 2U);
  w.table.want(kA, kOne);
  EXPECT_EQ(w.run(), 0U);
  EXPECT_TRUE(w.table.installed(kA));
  EXPECT_EQ(w.table.sweep(), 1U);
  EXPECT_EQ(w.run(), 1U);
  EXPECT_FALSE(w.kernel.ours.contains(kB));
}

TEST(FibTable, AWithdrawalOfAStaleRouteRemovesItBeforeTheSweep) {
  World w;
  w.kernel.ours = {{kA, kOne}};
  for (const auto& one : w.dump()) w.table.found(one);
  w.table.want(kA, {});
  EXPECT_EQ(w.run(), 1U);
  EXPECT_TRUE(w.kernel.ours.empty());
}

TEST(FibTable, AStrangersRouteIsAConflictUntilItGoes) {
  World w;
  w.kernel.foreign.insert(kA);
  w.table.want(kA, kOne);
  w.run();
  EXPECT_EQ(w.table.counts().conflicts, 1U);
  ASSERT_EQ(w.table.take_failures().size(), 1U);
  w.table.want(kA, kTwo);
  EXPECT_EQ(w.run(), 0U) << "asked for in vain";
  w.table.retry(10);
  w.run();
  EXPECT_TRUE(w.table.take_failures().empty()) << "told once";
  w.kernel.foreign.clear();
  w.table.ask_again(kA);
  w.run();
  EXPECT_TRUE(w.table.installed(kA));
  EXPECT_EQ(w.table.counts().conflicts, 0U);
}

TEST(FibTable, ARouteThatAStrangerReplacedIsAConflict) {
  World w;
  w.table.want(kA, kOne);
  w.run();
  w.kernel.ours.clear();
  w.kernel.foreign.insert(kA);
  w.table.displaced(kA);
  w.run();
  EXPECT_EQ(w.table.counts().conflicts, 1U);
  EXPECT_FALSE(w.table.installed(kA));
  w.table.want(kA, {});
  w.run();
  EXPECT_TRUE(w.kernel.foreign.contains(kA));
}

TEST(FibTable, ADeadNextHopCostsOneBatchAndNotOneRefusalARoute) {
  World w;
  w.kernel.link_down(IfIndex{2});
  for (std::uint32_t i = 0; i < 1000; ++i) w.table.want(Prefix(IpAddress::v4(0x0a000000 + i * 256), 24), kOne);
  EXPECT_EQ(w.run(64), 64U);
  EXPECT_EQ(w.table.counts().failed, 1000U);
  w.kernel.down.clear();
  w.heal(IfIndex{2});
  w.run(64);
  EXPECT_EQ(w.table.counts().installed, 1000U);
}

TEST(FibTable, HealingPutsBackWhatVanishedThroughThatLinkAlone) {
  World w;
  w.table.want(kA, kOne);
  w.table.want(kB, kTwo);
  w.run();
  w.kernel.link_down(IfIndex{2});
  w.kernel.down.clear();
  w.heal(IfIndex{2});
  EXPECT_EQ(w.run(), 1U);
  EXPECT_EQ(w.kernel.ours.size(), 2U);
}

TEST(FibTable, BeyondTheLimitNothingIsCreatedUntilThereIsRoom) {
  World w;
  w.table.set_limit(1);
  w.table.want(kA, kOne);
  w.table.want(kB, kOne);
  w.run();
  EXPECT_EQ(w.kernel.ours.size(), 1U);
  EXPECT_EQ(w.table.counts().held, 1U);
  const Prefix first = w.kernel.ours.begin()->first;
  w.table.want(first, {});
  w.run();
  EXPECT_EQ(w.kernel.ours.size(), 1U);
  EXPECT_EQ(w.table.counts().held, 0U);
  w.table.want(first, kOne);
  w.run();
  w.table.set_limit(2);
  w.run();
  EXPECT_EQ(w.kernel.ours.size(), 2U);
}

TEST(FibTable, DisabledItWantsNothingInTheKernelAndEnabledEverythingAgain) {
  World w;
  w.table.want(kA, kOne);
  w.run();
  w.table.set_enabled(false);
  w.run();
  EXPECT_TRUE(w.kernel.ours.empty());
  w.table.set_enabled(true);
  w.run();
  EXPECT_EQ(w.kernel.ours.size(), 1U);
}

TEST(FibTable, AChangedPreferredSourceReplacesInPlace) {
  World w;
  w.table.want(kA, kOne);
  w.run();
  w.table.rewrite_all(AddressFamily::IPv4);
  EXPECT_FALSE(w.table.installed(kA));
  const auto ops = w.table.next(10);
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_EQ(ops[0].verb, FibVerb::Replace);
}

TEST(FibTable, SetsOfNextHopsAreFreedWithTheirLastRoute) {
  World w;
  w.table.want(kA, kOne);
  w.table.want(kB, kTwo);
  w.run();
  EXPECT_EQ(w.sets.size(), 2U);
  w.table.want(kA, kTwo);
  w.run();
  EXPECT_EQ(w.sets.size(), 1U);
  w.table.want_nothing();
  w.run();
  EXPECT_EQ(w.sets.size(), 0U);
  EXPECT_FALSE(w.table.known(kA));
}

/// Anything may happen in any order; once links are up, strangers known and a heal done, the kernel has what is
/// desired but for the strangers' places, and nothing is left to write.
TEST(FibTable, WhateverHappensTheKernelEndsWithWhatIsDesired) {
  constexpr unsigned kSeed = 20260102;
  std::mt19937 random(kSeed);
  const auto some = [&](unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random); };
  const std::vector<Prefix> prefixes{kA, kB, prefix("10.3.0.0/24"), prefix("fd00::/64")};
  const std::vector<std::vector<FibNextHop>> hops{{}, kOne, kTwo, {kOne[0], kTwo[0]}};
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(round);
    World w;
    std::map<Prefix, std::vector<FibNextHop>> desired;
    if (some(2) == 0) w.table.set_limit(1 + some(4));
    for (const Prefix& p : prefixes)
      if (some(3) == 0) w.kernel.ours[p] = hops[1 + some(3)];
    for (const auto& one : w.dump()) w.table.found(one);
    for (int step = 0; step < 30; ++step) {
      const Prefix& p = prefixes[some(4)];
      switch (some(9)) {
        case 0:
        case 1: {
          desired[p] = hops[some(4)];
          w.table.want(p, desired[p]);
          break;
        }
        case 2:
          for (const FibOp& op : w.table.next(1 + some(3))) w.table.done(op, w.kernel.answer(w.sets, op));
          break;
        case 3:
          if (!w.kernel.ours.contains(p)) w.kernel.foreign.insert(p);
          break;
        case 4:
          if (w.kernel.foreign.erase(p) > 0) w.table.ask_again(p);
          break;
        case 5:
          w.kernel.link_down(IfIndex{2});
          w.heal(IfIndex{2});
          break;
        case 6:
          w.kernel.down.clear();
          w.heal(IfIndex{2});
          break;
        case 7:
          w.table.retry(2);
          break;
        case 8:
          if (some(5) == 0) w.table.sweep();
          break;
      }
    }
    w.kernel.down.clear();
    w.table.set_limit(100);
    w.table.sweep();
    w.run();
    w.heal(IfIndex{2});
    w.table.reconcile(w.dump(), [](SetId) { return true; });
    w.run();
    for (const Prefix& p : prefixes) {
      const bool expected = desired.contains(p) && !desired[p].empty() && !w.kernel.foreign.contains(p);
      ASSERT_EQ(w.kernel.ours.contains(p), expected) << p.to_string();
      ASSERT_EQ(w.table.installed(p), expected);
      if (!expected) continue;
      ASSERT_EQ(w.kernel.ours[p], desired[p]);
    }
    ASSERT_EQ(w.table.counts().in_kernel, w.kernel.ours.size());
    ASSERT_EQ(w.table.counts().installed, w.kernel.ours.size());
    ASSERT_EQ(w.table.counts().failed, 0U);
    ASSERT_EQ(w.table.counts().held, 0U);
    ASSERT_EQ(w.run(), 0U);
  }
}

}  // namespace
}  // namespace slash32::bgp
