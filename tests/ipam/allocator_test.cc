// The allocator against a map: tiny ranges, every order, a fixed seed.
#include "ipam/allocator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "common/cni/error.h"

namespace slash32::ipam {
namespace {

using namespace std::chrono_literals;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
config::IpamRange range(const char* subnet) { return config::whole_range(*Prefix::parse(subnet)); }

/// Entries in a map: what the store is to the allocator.
struct Model {
  std::map<IpAddress, Entry> entries;
  void take(const IpAddress& address) {
    entries[address] = {
        .address = address, .subnet_length = 24, .use = Use::Taken, .watched = false, .stamp = {}, .key = {}};
  }
  void release(const IpAddress& address, std::chrono::nanoseconds when) {
    entries[address].use = Use::Cooling;
    entries[address].stamp = when;
  }
  Occupancy occupancy() const {
    return {.by_address = [this](const IpAddress& from, const Visitor& visit) -> Status {
              for (auto it = entries.lower_bound(from); it != entries.end() && it->first.family() == from.family();
                   ++it)
                if (!visit(it->second)) break;
              return ok();
            },
            .by_release = [this](AddressFamily family, const Visitor& visit) -> Status {
              std::vector<Entry> cooling;
              for (const auto& [address, entry] : entries)
                if (entry.use == Use::Cooling && address.family() == family) cooling.push_back(entry);
              std::ranges::stable_sort(cooling, {}, &Entry::stamp);
              for (const auto& entry : cooling)
                if (!visit(entry)) break;
              return ok();
            }};
  }
};

struct Bench {
  std::vector<config::IpamRange> ranges{};
  Model model{};
  std::set<IpAddress> elsewhere{};
  std::optional<IpAddress> last{};
  std::chrono::nanoseconds now = 1000s;
  std::chrono::nanoseconds cool_down = 30s;
  unsigned questions = 0;

  Search search(AddressFamily family = AddressFamily::IPv4) {
    return {.family = family,
            .ranges = ranges,
            .last = last,
            .now = now,
            .cool_down = cool_down,
            .in_use = [this](const IpAddress& a) {
              ++questions;
              return elsewhere.contains(a);
            }};
  }
  std::string free(AddressFamily family = AddressFamily::IPv4) {
    const auto got = next_free(search(family), model.occupancy());
    return got && *got ? (*got)->to_string() : "none";
  }
  std::string cooling() {
    const auto got = longest_cooling(search(), model.occupancy());
    return got && *got ? (*got)->to_string() : "none";
  }
  std::string give() {
    const auto text = free();
    if (text == "none") return text;
    last = ip(text.c_str());
    model.take(*last);
    return text;
  }
};

TEST(Allocator, GoesRoundFromTheLastGiven) {
  Bench bench{.ranges = {range("10.0.0.0/29")}};
  EXPECT_EQ(bench.give(), "10.0.0.1");
  EXPECT_EQ(bench.give(), "10.0.0.2");
  bench.model.entries.clear();
  EXPECT_EQ(bench.give(), "10.0.0.3") << "freed ones wait for their turn";
  bench.last = ip("10.0.0.6");
  bench.model.entries.clear();
  EXPECT_EQ(bench.give(), "10.0.0.1");
}

TEST(Allocator, SkipsNetworkBroadcastGatewayAndExcluded) {
  Bench bench{.ranges = {range("10.0.0.0/29")}};
  bench.ranges[0].gateway = ip("10.0.0.1");
  bench.ranges[0].exclude = {*Prefix::parse("10.0.0.2/31"), *Prefix::parse("10.0.0.5/32")};
  EXPECT_EQ(bench.give(), "10.0.0.4");
  EXPECT_EQ(bench.give(), "10.0.0.6");
  EXPECT_EQ(bench.give(), "none");
}

TEST(Allocator, SkipsTheSubnetRouterAnycastAddress) {
  Bench bench{.ranges = {range("fd00::/64")}};
  EXPECT_EQ(bench.free(AddressFamily::IPv6), "fd00::1");
}

TEST(Allocator, GoesThroughAllRangesOfAFamilyInOrder) {
  Bench bench{.ranges = {range("10.0.0.0/30"), range("fd00::/64"), range("10.0.9.0/30")}};
  std::vector<std::string> given;
  for (int i = 0; i < 5; ++i) given.push_back(bench.give());
  EXPECT_THAT(given, testing::ElementsAre("10.0.0.1", "10.0.0.2", "10.0.9.1", "10.0.9.2", "none"));
  bench.model.entries.clear();
  EXPECT_EQ(bench.give(), "10.0.0.1") << "round from the last range to the first";
}

TEST(Allocator, WorksAtTheEndOfEachFamily) {
  Bench bench{.ranges = {range("255.255.255.252/30"), range("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127")}};
  bench.ranges[0].last = ip("255.255.255.255");
  EXPECT_EQ(bench.give(), "255.255.255.253");
  EXPECT_EQ(bench.give(), "255.255.255.254");
  EXPECT_EQ(bench.give(), "255.255.255.255");
  EXPECT_EQ(bench.give(), "none");
  bench.model.take(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"));
  EXPECT_EQ(bench.free(AddressFamily::IPv6), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  bench.model.take(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(bench.free(AddressFamily::IPv6), "none");
}

TEST(Allocator, PassesOverWhatTheKernelUses) {
  Bench bench{.ranges = {range("10.0.0.0/29")}, .model = {}, .elsewhere = {ip("10.0.0.1"), ip("10.0.0.2")}};
  EXPECT_EQ(bench.give(), "10.0.0.3");
}

TEST(Allocator, StopsAskingAKernelThatUsesEverything) {
  Bench bench{.ranges = {range("fd00::/64")}};
  auto search = bench.search(AddressFamily::IPv6);
  unsigned questions = 0;
  search.in_use = [&](const IpAddress&) { return ++questions, true; };
  const auto got = next_free(search, bench.model.occupancy());
  ASSERT_TRUE(got.has_value());
  EXPECT_FALSE(got->has_value());
  EXPECT_LE(questions, 65536U);
}

TEST(Allocator, LeavesTheCoolingAloneWhileOthersAreFree) {
  Bench bench{.ranges = {range("10.0.0.0/30")}};
  bench.model.release(*(bench.model.take(ip("10.0.0.1")), &bench.model.entries.begin()->first), bench.now);
  bench.now += 29s;
  EXPECT_EQ(bench.free(), "10.0.0.2");
  bench.model.take(ip("10.0.0.2"));
  EXPECT_EQ(bench.free(), "none");
  EXPECT_EQ(bench.cooling(), "10.0.0.1");
  bench.now += 1s;
  EXPECT_EQ(bench.free(), "10.0.0.1") << "its cool-down is over";
}

TEST(Allocator, TakesTheLongestCoolingFirst) {
  Bench bench{.ranges = {range("10.0.0.0/29")}};
  for (const auto& [text, when] : std::vector<std::pair<const char*, std::chrono::nanoseconds>>{
           {"10.0.0.1", 993s}, {"10.0.0.2", 991s}, {"10.0.0.3", 992s}, {"10.0.1.1", 990s}}) {
    bench.model.take(ip(text));
    bench.model.release(ip(text), when);
  }
  EXPECT_EQ(bench.cooling(), "10.0.0.2") << "10.0.1.1 is in no range";
  bench.elsewhere = {ip("10.0.0.2")};
  EXPECT_EQ(bench.cooling(), "10.0.0.3");
}

TEST(Allocator, GrantsARequestEvenWhileItCools) {
  Bench bench{.ranges = {range("10.0.0.0/29")}};
  bench.model.take(ip("10.0.0.1"));
  bench.model.release(ip("10.0.0.1"), bench.now);
  EXPECT_TRUE(check_requested(bench.search(), ip("10.0.0.1"), bench.model.occupancy()));
}

TEST(Allocator, SaysWhyARequestIsRefused) {
  Bench bench{.ranges = {range("10.0.0.0/29")}, .model = {}, .elsewhere = {ip("10.0.0.4")}};
  bench.ranges[0].exclude = {*Prefix::parse("10.0.0.3/32")};
  bench.model.take(ip("10.0.0.2"));
  bench.model.entries[ip("10.0.0.2")].key = {"net", "c0ffee", "eth0"};
  const auto refusal = [&](const char* text) {
    return check_requested(bench.search(), ip(text), bench.model.occupancy()).error();
  };
  EXPECT_EQ(refusal("10.0.1.1").code, cni::kInvalidConfig);
  EXPECT_EQ(refusal("10.0.0.0").code, cni::kInvalidConfig);
  EXPECT_EQ(refusal("10.0.0.3").code, cni::kInvalidConfig);
  EXPECT_EQ(refusal("10.0.0.2").code, cni::kTryAgainLater);
  EXPECT_THAT(refusal("10.0.0.2").message, testing::HasSubstr("c0ffee"));
  EXPECT_EQ(refusal("10.0.0.4").code, cni::kTryAgainLater);
}

TEST(Allocator, CountsForTheMessageOfAFullRange) {
  Bench bench{.ranges = {range("10.0.0.0/24"), range("10.0.1.0/24")}};
  bench.ranges[0].exclude = {*Prefix::parse("10.0.0.0/25"), *Prefix::parse("10.0.0.64/26"),
                             *Prefix::parse("10.0.0.200/32")};
  bench.ranges[1].gateway = ip("10.0.1.1");
  bench.model.take(ip("10.0.0.130"));
  bench.model.take(ip("10.0.1.5"));
  bench.model.release(ip("10.0.1.5"), bench.now);
  const auto counts = usage(bench.search(), bench.model.occupancy());
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->size, 126U + 253U);  // 128..254 without 200; 1..254 without the gateway
  EXPECT_EQ(counts->taken, 1U);
  EXPECT_EQ(counts->cooling, 1U);
  Bench six{.ranges = {range("fd00::/48")}};
  EXPECT_EQ(usage(six.search(AddressFamily::IPv6), six.model.occupancy())->size, ~std::uint64_t{0});
}

/// Random takes, releases and waits over a few addresses: whatever the order, no address is held twice, none is lost,
/// and what still cools is given only when nothing else is left, the oldest first.
TEST(AllocatorProperty, NeverTwiceNeverLost) {
  constexpr unsigned kSeed = 20260101;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 200; ++round) {
    Bench bench{.ranges = {range("10.0.0.0/29"), range("10.0.0.16/31")}};
    bench.ranges[0].exclude = {*Prefix::parse("10.0.0.3/32")};
    const std::set<IpAddress> all = {ip("10.0.0.1"), ip("10.0.0.2"),  ip("10.0.0.4"), ip("10.0.0.5"),
                                     ip("10.0.0.6"), ip("10.0.0.16"), ip("10.0.0.17")};
    std::vector<IpAddress> held;
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE("seed " + std::to_string(kSeed) + " round " + std::to_string(round) + " step " +
                   std::to_string(step));
      const auto dice = random() % 5;
      if (dice == 0) {
        bench.now += std::chrono::seconds(random() % 20);
      } else if (dice <= 2 && !held.empty()) {
        const auto victim = held.begin() + static_cast<std::ptrdiff_t>(random() % held.size());
        bench.model.release(*victim, bench.now);
        bench.now += 1ns;  // so that the order of release is unique
        held.erase(victim);
      } else {
        auto text = bench.free();
        if (text == "none") {
          for (const auto& [address, entry] : bench.model.entries)
            ASSERT_TRUE(entry.use == Use::Taken || bench.now - entry.stamp < bench.cool_down)
                << address.to_string() << " was free";
          text = bench.cooling();
        }
        if (text == "none") {
          ASSERT_EQ(held.size(), all.size()) << "lost an address";
          continue;
        }
        const auto address = ip(text.c_str());
        ASSERT_TRUE(all.contains(address)) << text;
        ASSERT_EQ(std::ranges::count(held, address), 0) << text << " given twice";
        bench.last = address;
        bench.model.take(address);
        held.push_back(address);
      }
    }
  }
}

}  // namespace
}  // namespace slash32::ipam
