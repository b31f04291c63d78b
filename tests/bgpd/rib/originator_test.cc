// Which routes are our own.
#include "bgpd/rib/originator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

Prefix net(std::string_view text) { return Prefix::parse(text).value(); }

config::OriginateConf conf(config::PodRoutes pods, bool blackhole = true) {
  config::OriginateConf conf;
  conf.pod_routes = pods;
  conf.prefixes.push_back(
      {.prefix = net("10.244.1.0/24"), .blackhole = blackhole, .communities = {7}, .local_pref = 200, .med = 5});
  return conf;
}

std::vector<std::string> names(const std::vector<LocalRoute>& routes) {
  std::vector<std::string> list;
  for (const LocalRoute& route : routes) list.push_back(route.prefix.to_string());
  return list;
}

const std::set<Prefix> kPods{net("10.244.1.7/32"), net("10.99.0.3/32"), net("fd00::7/128")};
const std::set<Prefix> kReady{net("10.244.1.0/24")};

TEST(Originator, AnnouncesAnAggregateOnlyWhenItsDiscardRouteStands) {
  const config::OriginateConf c = conf(config::PodRoutes::None);
  EXPECT_TRUE(originate(c, kPods, {}).empty());
  const auto routes = originate(c, kPods, kReady);
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].communities, std::vector<Community>{7});
  EXPECT_EQ(routes[0].local_pref, 200U);
  EXPECT_EQ(routes[0].med, 5U);
}

TEST(Originator, AnnouncesAnAggregateWithoutBlackholeAtOnce) {
  EXPECT_THAT(names(originate(conf(config::PodRoutes::None, false), {}, {})), testing::ElementsAre("10.244.1.0/24"));
}

TEST(Originator, WithdrawsWhatOthersServeAsWellWhileDraining) {
  config::OriginateConf c = conf(config::PodRoutes::None);
  c.prefixes.push_back(c.prefixes[0]);
  c.prefixes[1].prefix = net("192.0.2.1/32");
  c.prefixes[1].blackhole = false;
  c.prefixes[1].withdrawn_by_drain = true;
  EXPECT_THAT(names(originate(c, {}, kReady, true)), testing::ElementsAre("10.244.1.0/24"));
  EXPECT_THAT(names(originate(c, {}, kReady, false)), testing::ElementsAre("10.244.1.0/24", "192.0.2.1/32"));
}

TEST(Originator, AnnouncesPodsOutsideAggregatesByDefault) {
  EXPECT_THAT(names(originate(conf(config::PodRoutes::OutsideAggregates), kPods, kReady)),
              testing::ElementsAre("10.99.0.3/32", "10.244.1.0/24", "fd00::7/128"));
}

TEST(Originator, DoesNotAnnouncePodsForTheMomentTheirAggregateIsNotReady) {
  EXPECT_THAT(names(originate(conf(config::PodRoutes::OutsideAggregates), kPods, {})),
              testing::ElementsAre("10.99.0.3/32", "fd00::7/128"));
}

TEST(Originator, AnnouncesAllPodsWhenAsked) {
  EXPECT_THAT(names(originate(conf(config::PodRoutes::All), kPods, kReady)),
              testing::ElementsAre("10.99.0.3/32", "10.244.1.0/24", "10.244.1.7/32", "fd00::7/128"));
}

TEST(Originator, APrefixThatIsAggregateAndPodTakesTheAggregatesAttributes) {
  config::OriginateConf c = conf(config::PodRoutes::All);
  c.prefixes[0].prefix = net("10.99.0.3/32");
  c.prefixes[0].blackhole = false;
  const auto routes = originate(c, {net("10.99.0.3/32")}, {});
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].local_pref, 200U);
}

}  // namespace
}  // namespace slash32::bgp
