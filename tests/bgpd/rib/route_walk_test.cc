// All prefixes of a table in bounded turns.
#include <gtest/gtest.h>

#include <algorithm>

#include "bgpd/rib/rib.h"
#include "bgpd/rib/route_walk.h"

namespace slash32::bgp {
namespace {

class RouteWalkTest : public testing::Test {
 protected:
  static std::vector<Prefix> many(std::uint32_t count) {
    std::vector<Prefix> out;
    for (std::uint32_t i = 0; i < count; ++i)
      out.push_back(Prefix::host(IpAddress::v4(0x0a000000 + (i * 7919) % count)));
    return out;
  }
  void set(const std::vector<Prefix>& prefixes) {
    std::vector<LocalRoute> routes;
    for (const auto& prefix : prefixes) routes.emplace_back().prefix = prefix;
    rib_.set_local_routes(routes);
    while (rib_.run(1000)) {
    }
  }
  std::vector<Prefix> rest(RouteWalk& walk) {
    std::vector<Prefix> out;
    while (const auto some = walk.next(500)) {
      EXPECT_LE(some->size(), 500U);
      out.insert(out.end(), some->begin(), some->end());
    }
    return out;
  }

  Rib rib_{RibSettings{.local_as = Asn{65001}, .router_id = RouterId{1}, .cluster_id = RouterId{1}, .policies = {}},
           [](const NextHop&) { return NextHopState{}; }};
};

TEST_F(RouteWalkTest, TellsEveryPrefixOnceAndInOrder) {
  auto all = many(40000);  // several runs
  all.push_back(*Prefix::parse("2001:db8::/32"));
  set(all);
  std::ranges::sort(all);
  RouteWalk walk(rib_);
  EXPECT_EQ(rest(walk), all);
  RouteWalk six(rib_, AddressFamily::IPv6);
  EXPECT_EQ(rest(six), std::vector{*Prefix::parse("2001:db8::/32")});
}

TEST_F(RouteWalkTest, AnEmptyTableEndsAtOnce) {
  RouteWalk walk(rib_);
  EXPECT_TRUE(rest(walk).empty());
}

TEST_F(RouteWalkTest, WhatStaysWhileOthersComeAndGoIsToldOnce) {
  const auto all = many(40000);
  set(all);
  RouteWalk walk(rib_);
  ASSERT_TRUE(walk.next(500)->empty()) << "it gathers";
  set({all.begin() + 1000, all.end()});  // their numbers become free, also behind the walk
  set(all);
  auto told = rest(walk);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(std::ranges::adjacent_find(told), told.end()) << "twice";
  for (std::size_t i = 1000; i < all.size(); ++i) ASSERT_TRUE(std::ranges::binary_search(told, all[i]));
}

}  // namespace
}  // namespace slash32::bgp
