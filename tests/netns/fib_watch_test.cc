// KernelWatch against the kernel: pods, links, addresses, overruns, and what must not be heard.
#include "bgpd/fib/kernel_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/netlink/bulk.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FibWatch : public FibWorld {
 protected:
  static KernelWatch open_watch(int receive_buffer = 0) {
    auto watch = KernelWatch::open(netlink::kMainTable, receive_buffer);
    if (!watch) ADD_FAILURE() << watch.error().message;
    return std::move(*watch);
  }
  static void add_pod(int n) {
    const std::string i = std::to_string(n);
    sh("ip link add s32p" + i + " type veth peer name pod" + i + " && ip link set pod" + i + " up && ip link set s32p" +
       i + " up");
    add_pod_routes(n);
  }
  static void add_pod_routes(int n) {
    const std::string i = std::to_string(n);
    sh("ip route add 10.244.1." + i + "/32 dev s32p" + i + " proto 132 metric 64 && ip -6 route add fd00:1::" + i +
       "/128 dev s32p" + i + " proto 132 metric 64");
  }
  static PodEvent event4(int n, bool live) { return {prefix("10.244.1." + std::to_string(n) + "/32"), live}; }
  static PodEvent event6(int n, bool live) { return {prefix("fd00:1::" + std::to_string(n) + "/128"), live}; }

  static bool readable(const KernelWatch& watch, int patience = 0) {
    pollfd fd{.fd = watch.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&fd, 1, patience) == 1;
  }
  /// Reads as long as there is something (the kernel's events are there when the command that caused them returns, but
  /// for a link's removal, which ends a little later: hence the patience).
  static KernelEvents read_all(KernelWatch& watch, int patience = 200) {
    KernelEvents all;
    while (readable(watch, patience)) {
      const auto events = watch.read();
      if (!events) {
        ADD_FAILURE() << events.error().message;
        return all;
      }
      all.pods.insert(all.pods.end(), events->pods.begin(), events->pods.end());
      all.links_changed.insert(all.links_changed.end(), events->links_changed.begin(), events->links_changed.end());
      all.next_hops_may_have_changed |= events->next_hops_may_have_changed;
      all.neighbors.insert(all.neighbors.end(), events->neighbors.begin(), events->neighbors.end());
      all.overrun |= events->overrun;
    }
    return all;
  }
};

TEST_F(FibWatch, ThePodsThatLiveAlreadyAreReportedFirst) {
  add_pod(1);
  auto watch = open_watch();
  ASSERT_TRUE(readable(watch));
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, true), event6(1, true)));
}

TEST_F(FibWatch, PodsComeAndGo) {
  auto watch = open_watch();
  (void)read_all(watch);
  add_pod(1);
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, true), event6(1, true)));
  sh("ip route del 10.244.1.1/32 proto 132 metric 64; ip -6 route del fd00:1::1/128 proto 132 metric 64");
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, false), event6(1, false)));
}

TEST_F(FibWatch, ALinkDeletedBehindEveryonesBackEndsItsPods) {
  add_pod(1);
  add_pod(2);
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip link del s32p1");
  const auto events = read_all(watch);
  EXPECT_THAT(events.pods, UnorderedElementsAre(event4(1, false), event6(1, false)));
  EXPECT_THAT(events.links_changed, testing::Not(IsEmpty()));
  EXPECT_FALSE(events.next_hops_may_have_changed);
}

TEST_F(FibWatch, ALinkTakenDownEndsItsPodsAndComingUpBringsNoneBack) {
  add_pod(1);
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip link set s32p1 down");
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, false), event6(1, false)));
  sh("ip link set s32p1 up");
  EXPECT_THAT(read_all(watch).pods, IsEmpty());
  EXPECT_THAT(sh("ip route show proto 132"), IsEmpty()) << "the kernel agrees";
  add_pod_routes(1);
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, true), event6(1, true)));
}

TEST_F(FibWatch, AFlapWithinOneReadEndsThePods) {
  add_pod(1);
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip link set s32p1 down; ip link set s32p1 up");
  EXPECT_THAT(read_all(watch).pods, UnorderedElementsAre(event4(1, false), event6(1, false)));
}

TEST_F(FibWatch, PodRoutesThatVanishWithTheirPreferredSourceAreNoticed) {
  sh("ip addr add 198.51.100.10/32 dev lo");
  add_pod(1);
  sh("ip route replace 10.244.1.1/32 dev s32p1 proto 132 metric 64 src 198.51.100.10");
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip addr del 198.51.100.10/32 dev lo");
  EXPECT_THAT(sh("ip route show proto 132"), IsEmpty()) << "the kernel drops it, and says nothing";
  EXPECT_THAT(read_all(watch).pods, ElementsAre(event4(1, false)));
}

TEST_F(FibWatch, AStrangersReplacementEndsThePod) {
  add_pod(1);
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip route replace 10.244.1.1/32 via 192.0.1.1 proto static metric 64");
  EXPECT_THAT(read_all(watch).pods, ElementsAre(event4(1, false)));
}

TEST_F(FibWatch, OurOwnWritesAreNeverHeard) {
  auto watch = open_watch();
  (void)read_all(watch);
  auto fib = open();
  std::vector<FibDelta> deltas;
  const auto hop = hop4(1);
  for (std::uint32_t i = 0; i < 5000; ++i) deltas.push_back({Prefix(IpAddress::v4(0x0a000000 + i * 256), 24), {hop}});
  deltas.push_back({prefix("fd00:1::/64"), {hop6(1)}});
  fib.apply(std::move(deltas));
  fib.set_aggregates({prefix("10.244.1.0/24"), prefix("fd00:10:244:1::/64")});
  ASSERT_TRUE(settled(fib, 5001));
  fib.remove_all();
  sh("ip route add 172.16.0.0/24 via 192.0.1.1 proto bird");  // nor another daemon's
  EXPECT_FALSE(readable(watch));
}

TEST_F(FibWatch, AnOverrunLeadsToADumpAndTheRightDifference) {
  for (int n = 1; n <= 3; ++n) add_pod(n);
  auto watch = open_watch(2048);
  (void)read_all(watch);
  add_pod(4);
  for (int n = 1; n <= 2; ++n) sh("ip link del s32p" + std::to_string(n));
  for (int i = 0; i < 20; ++i) sh("ip addr add 192.0.3.1/24 dev up1; ip addr del 192.0.3.1/24 dev up1");
  const auto events = read_all(watch);
  EXPECT_TRUE(events.overrun);
  EXPECT_THAT(events.pods, UnorderedElementsAre(event4(1, false), event6(1, false), event4(2, false), event6(2, false),
                                                event4(4, true), event6(4, true)));
  EXPECT_FALSE(readable(watch));
  sh("ip route del 10.244.1.4/32");
  EXPECT_THAT(read_all(watch).pods, ElementsAre(event4(4, false))) << "events go on behind the dump";
}

TEST_F(FibWatch, AFailingDumpRingsNoBellAndAnAuditMakesUpForIt) {
  const int before = ::dup(0);  // sockets come in order: the monitor's, then the one for dumps
  ::close(before);
  auto watch = open_watch(2048);
  (void)read_all(watch);
  const int dumps = before + 1;
  const int kept = ::dup(dumps);
  const int broken = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ASSERT_GE(::dup2(broken, dumps), 0);
  add_pod(4);
  for (int i = 0; i < 20; ++i) sh("ip addr add 192.0.3.1/24 dev up1; ip addr del 192.0.3.1/24 dev up1");
  EXPECT_FALSE(watch.read().has_value());
  EXPECT_TRUE(eventually([&] { return !readable(watch) || !watch.read(); })) << "no busy loop";
  EXPECT_FALSE(readable(watch));
  EXPECT_FALSE(watch.audit().has_value());
  ASSERT_GE(::dup2(kept, dumps), 0);
  const auto events = watch.audit();
  ASSERT_TRUE(events.has_value());
  EXPECT_TRUE(events->overrun);
  EXPECT_THAT(events->pods, UnorderedElementsAre(event4(4, true), event6(4, true)));
  ::close(kept);
  ::close(broken);
}

TEST_F(FibWatch, AnAuditFindsNothingWhereEventsToldAll) {
  add_pod(1);
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip link set s32p1 down; ip link set s32p1 up");
  add_pod(2);
  (void)read_all(watch);
  const auto audit = watch.audit();
  ASSERT_TRUE(audit);
  EXPECT_THAT(audit->pods, IsEmpty());
  EXPECT_THAT(audit->links_changed, IsEmpty());
  EXPECT_FALSE(audit->next_hops_may_have_changed);
}

TEST_F(FibWatch, NextHopsFollowLinksAndAddresses) {
  auto watch = open_watch();
  (void)read_all(watch);
  EXPECT_EQ(watch.resolve(ip("192.0.1.1")), (Resolution{true, link_of(1)}));
  EXPECT_EQ(watch.resolve(ip("2001:db8:2::1")), (Resolution{true, link_of(2)}));
  EXPECT_FALSE(watch.resolve(ip("203.0.113.1")).resolved);
  EXPECT_FALSE(watch.resolve(ip("192.0.1.10")).resolved);
  EXPECT_TRUE(watch.is_local(ip("192.0.1.10")));
  EXPECT_EQ(watch.address_beside(ip("192.0.1.10"), AddressFamily::IPv6), ip("2001:db8:1::10"));
  EXPECT_EQ(watch.address_beside(ip("2001:db8:2::10"), AddressFamily::IPv4), ip("192.0.2.10"));
  EXPECT_TRUE(watch.link_local_beside(ip("192.0.1.10"))->is_link_local());
  EXPECT_EQ(watch.own_v4({}), ip("192.0.1.10"));

  sh("ip link set far1 down");  // up1 loses its carrier, a moment later
  ASSERT_TRUE(eventually([&] {
    (void)read_all(watch, 0);
    return !watch.resolve(ip("192.0.1.1")).resolved;
  }));
  sh("ip link set far1 up");
  ASSERT_TRUE(eventually([&] {
    (void)read_all(watch, 0);
    return watch.resolve(ip("192.0.1.1")).resolved;
  }));
  sh("ip addr del 192.0.2.10/24 dev up2");
  const auto events = read_all(watch);
  EXPECT_TRUE(events.next_hops_may_have_changed);
  EXPECT_FALSE(watch.resolve(ip("192.0.2.1")).resolved);
  EXPECT_THAT(events.links_changed, testing::Contains(link_of(2)));
}

TEST_F(FibWatch, ALinkInABridgeThatLeavesItIsNotGone) {
  sh("ip link add br0 type bridge && ip link set up1 master br0");
  auto watch = open_watch();
  (void)read_all(watch);
  sh("ip link set up1 nomaster");
  (void)read_all(watch);
  EXPECT_TRUE(watch.resolve(ip("192.0.1.1")).resolved);
}

class FibWatchNeighbors : public FibWatch {
 protected:
  static void set_entry(const FibNextHop& hop, const std::string& state) {
    sh("ip neigh replace " + hop.gateway.to_string() + " dev up1 lladdr 02:00:00:00:00:01 nud " + state);
  }
  /// The addresses of entries that were told as failed, or as answering.
  static std::vector<IpAddress> told(const KernelEvents& events, bool failed) {
    std::vector<IpAddress> out;
    for (const auto& event : events.neighbors)
      if (!event.gone && event.entry.failed == failed && event.entry.answered != failed &&
          event.entry.link == link_of(1))
        out.push_back(event.entry.address);
    return out;
  }
};

TEST_F(FibWatchNeighbors, AreNotHeardUnlessAskedFor) {
  auto watch = open_watch();
  (void)read_all(watch);
  set_entry(hop4(1, 7), "reachable");
  set_entry(hop4(1, 7), "failed");
  EXPECT_FALSE(readable(watch, 50));
}

TEST_F(FibWatchNeighbors, FailuresWakeWhoHearsFailuresAndNothingElseDoes) {
  auto watch = open_watch();
  (void)read_all(watch);
  ASSERT_TRUE(watch.hear_neighbors(netlink::HeardNeighbors::Failed));
  for (const auto& hop : {hop4(1, 7), hop6(1, 7)}) set_entry(hop, "reachable");
  for (const auto& hop : {hop4(1, 7), hop6(1, 7)}) set_entry(hop, "stale");
  sh("ip link add br0 type bridge; ip link set far2 master br0; bridge fdb add 02:00:00:00:00:09 dev far2 master");
  (void)read_all(watch);  // of the bridge's link
  sh("bridge fdb add 02:00:00:00:00:0a dev far2 master");
  EXPECT_FALSE(readable(watch, 50));
  for (const auto& hop : {hop4(1, 7), hop6(1, 7)}) set_entry(hop, "failed");
  EXPECT_THAT(told(read_all(watch), true), UnorderedElementsAre(hop4(1, 7).gateway, hop6(1, 7).gateway));
}

TEST_F(FibWatchNeighbors, WhoAnswersAlreadyIsToldToWhoBeginsToHearAll) {
  auto watch = open_watch();
  (void)read_all(watch);
  set_entry(hop4(1, 7), "reachable");
  ASSERT_TRUE(watch.hear_neighbors(netlink::HeardNeighbors::All));
  ASSERT_TRUE(readable(watch));
  EXPECT_THAT(told(read_all(watch), false), testing::Contains(hop4(1, 7).gateway));
  set_entry(hop6(1, 7), "reachable");
  EXPECT_THAT(told(read_all(watch), false), ElementsAre(hop6(1, 7).gateway));
  ASSERT_TRUE(watch.hear_neighbors(netlink::HeardNeighbors::None));
  set_entry(hop6(1, 7), "stale");
  EXPECT_FALSE(readable(watch, 50));
}

TEST_F(FibWatchNeighbors, AnAnswerThatWasLostInAnOverrunIsFoundAgain) {
  auto watch = open_watch(/*receive_buffer=*/4096);
  (void)read_all(watch);
  ASSERT_TRUE(watch.hear_neighbors(netlink::HeardNeighbors::All));
  (void)read_all(watch);
  for (int i = 1; i <= 100; ++i) set_entry(hop4(1, i), "reachable");
  const auto events = read_all(watch);
  EXPECT_TRUE(events.overrun);
  EXPECT_THAT(told(events, false), testing::Contains(hop4(1, 100).gateway));
}

TEST_F(FibWatchNeighbors, TheKernelAsksForWhomItIsMadeToAskFor) {
  sh("sysctl -qw net.ipv4.neigh.up1.retrans_time_ms=50 net.ipv6.neigh.up1.retrans_time_ms=50");
  auto watch = open_watch();
  (void)read_all(watch);
  ASSERT_TRUE(watch.hear_neighbors(netlink::HeardNeighbors::Failed));
  for (const auto& hop : {hop4(1, 7), hop6(1, 7)}) {
    const auto asked = watch.provoke(hop);
    ASSERT_TRUE(asked) << asked.error().message;
  }
  std::vector<IpAddress> failed;
  EXPECT_TRUE(eventually([&] {
    for (const auto& one : told(read_all(watch, 0), true)) failed.push_back(one);
    return failed.size() == 2;
  }));
  EXPECT_THAT(failed, UnorderedElementsAre(hop4(1, 7).gateway, hop6(1, 7).gateway));
  EXPECT_FALSE(watch.provoke({hop4(1, 7).gateway, IfIndex{9999}})) << "no such link";
}

}  // namespace
}  // namespace slash32::bgp
