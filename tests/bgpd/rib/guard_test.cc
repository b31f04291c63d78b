// The guard before import policy: what no neighbour may say about us.
#include "bgpd/rib/guard.h"

#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

struct GuardOn : testing::Test {
  GuardOn() {
    guard.set_own_ranges(RangeSet({net("10.244.1.0/24"), net("fd00:244:1::/64")}));
    guard.set_live_pod(net("10.244.1.5/32"), true);
    guard.set_live_pod(net("fd00:244:1::5/128"), true);
    guard.set_live_pod(net("10.99.0.7/32"), true);  // a pod outside the node's range
  }
  Refusal external(std::string_view p, config::Allow allow = {}) const { return guard.check(net(p), true, allow); }
  Refusal internal(std::string_view p, config::Allow allow = {}) const { return guard.check(net(p), false, allow); }
  static constexpr config::Allow kEverything{.default_route = true, .own_ranges = true, .martians = true};
  Guard guard;
};

TEST_F(GuardOn, RefusesALivePodsOwnPrefixFromEverybodyAlways) {
  for (const char* pod : {"10.244.1.5/32", "fd00:244:1::5/128", "10.99.0.7/32"}) {
    EXPECT_EQ(external(pod, kEverything), Refusal::LivePod);
    EXPECT_EQ(internal(pod, kEverything), Refusal::LivePod);
  }
}

TEST_F(GuardOn, RefusesTheOwnRangeAndWhatCoversItFromEverybodyAlways) {
  EXPECT_EQ(external("10.244.1.0/24", kEverything), Refusal::OwnRange);
  EXPECT_EQ(internal("10.244.1.0/24", kEverything), Refusal::OwnRange);
  EXPECT_EQ(internal("fd00:244:1::/64", kEverything), Refusal::OwnRange);
  EXPECT_EQ(internal("10.244.0.0/16", kEverything), Refusal::CoversOwnRange);
  EXPECT_EQ(internal("fd00:244::/32", kEverything), Refusal::CoversOwnRange);
  EXPECT_EQ(internal("0.0.0.0/1", kEverything), Refusal::CoversOwnRange);
}

TEST_F(GuardOn, AcceptsAMoreSpecificInsideTheOwnRangeFromInsideTheAsOnly) {
  EXPECT_EQ(internal("10.244.1.9/32"), Refusal::None);
  EXPECT_EQ(external("10.244.1.9/32"), Refusal::InsideOwnRange);
  EXPECT_EQ(external("fd00:244:1::9/128"), Refusal::InsideOwnRange);
  EXPECT_EQ(external("10.244.1.9/32", {.default_route = false, .own_ranges = true, .martians = false}), Refusal::None);
}

TEST_F(GuardOn, RefusesTheNodesSubnetsAndWhatIsInsideFromOutsideTheAsUnlessAllowed) {
  guard.set_connected(RangeSet({net("192.0.2.0/24"), net("2001:db8:1::/64")}));
  config::Allow connected;
  connected.connected = true;
  for (const char* p : {"192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "2001:db8:1::/64", "2001:db8:1::1/128"}) {
    EXPECT_EQ(external(p), Refusal::Connected) << p;
    EXPECT_EQ(internal(p), Refusal::None) << p;
    EXPECT_EQ(external(p, connected), Refusal::None) << p;
  }
  for (const char* p : {"192.0.0.0/16", "192.0.3.0/24", "2001:db8::/32"})
    EXPECT_EQ(external(p), Refusal::None) << p << ": a rack's own aggregate covers its nodes' LAN";
}

TEST_F(GuardOn, RefusesGuardedRangesAndWhatIsInsideFromOutsideTheAs) {
  guard.set_guarded(RangeSet({net("10.96.0.0/12"), net("fd00:96::/108")}));
  for (const char* p : {"10.96.0.0/12", "10.96.0.10/32", "fd00:96::a/128"}) {
    EXPECT_EQ(external(p, kEverything), Refusal::GuardedRange) << p;
    EXPECT_EQ(internal(p), Refusal::None) << p;
  }
  EXPECT_EQ(external("10.64.0.0/10"), Refusal::None);
}

TEST(Guard, ASubnetThatComesOrGoesHasTheRoutesInsideLookedAtAgain) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"198.51.100.0/25", "203.0.113.0/24"}, route({65001})));
  w.settle();
  EXPECT_EQ(w.best("198.51.100.0/25"), 1U);
  w.rib.set_guarded({net("198.51.100.0/24")}, {net("203.0.113.0/24")});
  w.settle();
  EXPECT_EQ(w.why_not("198.51.100.0/25", 1),
            "guard: a subnet of this node's interfaces, or inside one, from eBGP (allow: connected)");
  EXPECT_EQ(w.why_not("203.0.113.0/24", 1), "guard: inside guard.ranges, from eBGP");
  EXPECT_TRUE(w.kernel.empty());
  w.rib.set_guarded({}, {});
  w.settle();
  EXPECT_EQ(w.best("198.51.100.0/25"), 1U);
  EXPECT_EQ(w.best("203.0.113.0/24"), 1U);
}

TEST_F(GuardOn, RefusesTheDefaultRouteUnlessAllowed) {
  for (const char* route : {"0.0.0.0/0", "::/0"}) {
    EXPECT_EQ(external(route), Refusal::DefaultRoute);
    EXPECT_EQ(internal(route), Refusal::DefaultRoute);
    EXPECT_EQ(external(route, {.default_route = true, .own_ranges = false, .martians = false}), Refusal::None);
  }
}

TEST_F(GuardOn, RefusesMartiansUnlessAllowed) {
  for (const char* p : {"0.0.0.0/8", "0.1.0.0/16", "127.0.0.0/8", "127.0.0.1/32", "169.254.0.0/16", "169.254.1.1/32",
                        "224.0.0.0/4", "224.0.0.0/3", "239.1.1.1/32", "240.0.0.0/4", "255.255.255.255/32", "::/128",
                        "::1/128", "::ffff:10.0.0.0/104", "fe80::/10", "fe80::1/128", "ff00::/8", "ff02::1/128"}) {
    EXPECT_EQ(external(p), Refusal::Martian) << p;
    EXPECT_EQ(internal(p), Refusal::Martian) << p;
    EXPECT_EQ(external(p, kEverything), Refusal::None) << p;
  }
  for (const char* p : {"1.0.0.0/8", "126.0.0.0/8", "128.0.0.0/8", "169.253.0.0/16", "223.0.0.0/8", "2001:db8::/32",
                        "fc00::/8", "fe00::/10", "fec0::/10"})
    EXPECT_EQ(external(p), Refusal::None) << p;
}

TEST(Guard, APeerThatAnnouncesALivePodsAddressChangesNothing) {
  World w;
  w.up(1, ibgp(1));
  w.up(2, ebgp(2));
  w.rib.set_own_ranges({net("10.244.1.0/24")});
  w.rib.set_live_pod(net("10.244.1.5/32"), true);
  w.settle();
  const std::size_t before = w.heard[2].messages;
  w.say(1, announce({"10.244.1.5/32", "10.244.1.0/24", "10.244.0.0/16"}, route({})));
  w.settle();
  EXPECT_EQ(w.deltas, 0U);
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.heard[2].messages, before);
  EXPECT_EQ(w.why_not("10.244.1.5/32", 1), "guard: a pod of this node lives at this address");
}

TEST(Guard, IsAskedAgainWhenAPodComesAndGoes) {
  World w;
  w.up(1, ibgp(1));
  w.say(1, announce({"10.244.1.5/32"}, route({})));  // the pod lives on another node
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
  w.rib.set_live_pod(net("10.244.1.5/32"), true);  // it moved here
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  w.rib.set_live_pod(net("10.244.1.5/32"), false);
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
}

TEST(Guard, IsAskedAgainWhenTheOwnRangesChange) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.244.0.0/16", "10.250.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_EQ(w.kernel.size(), 2U);
  w.rib.set_own_ranges({net("10.244.1.0/24")});
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
  w.rib.set_own_ranges({});
  w.settle();
  EXPECT_EQ(w.kernel.size(), 2U);
}

/// A Service that comes is one range more among thousands; a table that is decided all over for it keeps sessions
/// waiting.
TEST(Guard, LooksOnlyAtWhatOverlapsTheRangesThatDidChange) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.96.0.7/32", "10.96.0.0/16", "10.97.0.0/16", "198.51.100.0/24"}, route({65001})));
  w.rib.set_own_ranges({net("198.51.100.0/24")});
  w.settle();
  EXPECT_EQ(w.kernel.size(), 3U);
  w.rib.set_own_ranges({net("10.96.0.7/32"), net("198.51.100.0/24")});
  EXPECT_EQ(w.rib.undecided(), 2U) << "the Service's, and what covers it";
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
  w.rib.set_own_ranges({net("198.51.100.0/24"), net("10.96.0.7/32")});
  EXPECT_EQ(w.rib.undecided(), 0U) << "the same in another order";
  w.rib.set_own_ranges({net("198.51.100.0/24"), net("10.96.0.0/12")});
  EXPECT_EQ(w.rib.undecided(), 3U);
  w.settle();
  EXPECT_EQ(w.kernel.size(), 0U);
}

TEST(Guard, LooksAtTheSameForManyHostsAsForOne) {
  World w;
  w.up(1, ebgp(1));
  w.say(1, announce({"10.96.0.7/32", "10.96.0.0/16", "10.97.0.0/16"}, route({65001})));
  w.settle();
  std::vector<Prefix> services;
  for (std::uint32_t i = 0; i < 500; ++i) services.push_back(Prefix::host(IpAddress::v4(0x0a600000 + i)));
  w.rib.set_own_ranges(services);
  EXPECT_EQ(w.rib.undecided(), 2U);
  w.settle();
  EXPECT_EQ(w.kernel.size(), 1U);
}

}  // namespace
}  // namespace slash32::bgp::test
