// Bulk writes, dumps and event filters themselves.
#include "common/netlink/bulk.h"
#include "common/netlink/monitor.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using netlink::Bulk;
using netlink::RouteProtocol;
using netlink::RouteVerb;
using netlink::RouteWrite;

class FibBulk : public FibWorld {
 protected:
  Bulk bulk_ = open_bulk();
  static Bulk open_bulk() {
    // Members come before SetUp(): this one is opened again there.
    return std::move(*Bulk::open());
  }
  void SetUp() override {
    FibWorld::SetUp();
    bulk_ = open_bulk();
  }
  static RouteWrite write(RouteVerb verb, const std::string& to, std::span<const netlink::NextHop> hops) {
    return {.verb = verb,
            .destination = prefix(to),
            .protocol = RouteProtocol::Slash32Bgp,
            .metric = 512,
            .preferred_source = {},
            .next_hops = hops};
  }
};

TEST_F(FibBulk, ErrorsAreMatchedToTheirRoutes) {
  const std::vector<netlink::NextHop> good{{.gateway = ip("192.0.1.1"), .link = link_of(1)}};
  const std::vector<netlink::NextHop> bad{{.gateway = ip("203.0.113.1"), .link = link_of(1)}};
  std::vector<RouteWrite> writes;
  for (int i = 0; i < 1000; ++i)
    writes.push_back(write(RouteVerb::Create, "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24",
                           i % 100 == 7 ? bad : good));
  const auto refusals = bulk_.write(writes);
  ASSERT_TRUE(refusals) << refusals.error().message;
  ASSERT_EQ(refusals->size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ((*refusals)[i].index, i * 100 + 7);
    EXPECT_EQ((*refusals)[i].error, ENETUNREACH);
    EXPECT_THAT((*refusals)[i].complaint, testing::HasSubstr("gateway"));
  }
  EXPECT_EQ(sh("ip route show proto 134 | wc -l"), "990\n");
}

TEST_F(FibBulk, EveryRefusalOfAFullBatchArrives) {
  const std::vector<netlink::NextHop> bad{{.gateway = ip("203.0.113.1"), .link = link_of(1)}};
  const std::vector<RouteWrite> writes(5000, write(RouteVerb::Create, "10.0.0.0/24", bad));
  const auto refusals = bulk_.write(writes);
  ASSERT_TRUE(refusals) << refusals.error().message;
  EXPECT_EQ(refusals->size(), 5000U);
}

TEST_F(FibBulk, IPv4ThroughAnIPv6NextHopAloneAndMixed) {
  const std::vector<netlink::NextHop> via6{{.gateway = ip("2001:db8:1::1"), .link = link_of(1)}};
  const std::vector<netlink::NextHop> mixed{{.gateway = ip("2001:db8:1::1"), .link = link_of(1)},
                                            {.gateway = ip("192.0.2.1"), .link = link_of(2)}};
  const auto refusals = bulk_.write(
      std::vector{write(RouteVerb::Create, "10.1.0.0/24", via6), write(RouteVerb::Create, "10.2.0.0/24", mixed)});
  ASSERT_TRUE(refusals && refusals->empty());
  EXPECT_THAT(routes("10.1.0.0/24"), testing::HasSubstr("via inet6 2001:db8:1::1 dev up1"));
  EXPECT_THAT(routes("10.2.0.0/24"), testing::HasSubstr("nexthop via inet6 2001:db8:1::1 dev up1"));
  std::vector<netlink::Route> seen;
  ASSERT_TRUE(bulk_.dump_routes(
      {.table = netlink::kMainTable, .protocol = RouteProtocol::Slash32Bgp, .link = {}}, [&] { seen.clear(); },
      [&](const netlink::Route& r) { seen.push_back(r); }));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].next_hops, via6);
  EXPECT_EQ(seen[1].next_hops, mixed);
}

TEST_F(FibBulk, ADumpIsFilteredByTheKernel) {
  sh("ip route add 10.1.0.0/24 via 192.0.1.1 proto 134 metric 512; ip route add 10.2.0.0/24 via 192.0.2.1 proto 134;"
     "ip route add 10.3.0.0/24 via 192.0.1.1 proto static; ip route add 10.4.0.0/24 via 192.0.1.1 proto 134 table 100;"
     "ip route add 10.5.0.0/24 proto 134 nexthop via 192.0.1.1 nexthop via 192.0.2.1");
  const auto dump = [&](netlink::RouteQuery query) {
    std::vector<std::string> out;
    EXPECT_TRUE(bulk_.dump_routes(
        query, [&] { out.clear(); }, [&](const netlink::Route& r) { out.push_back(r.destination.to_string()); }));
    return out;
  };
  const auto ours = RouteProtocol::Slash32Bgp;
  EXPECT_THAT(dump({.table = TableId{254}, .protocol = ours, .link = {}}),
              testing::ElementsAre("10.1.0.0/24", "10.2.0.0/24", "10.5.0.0/24"));
  EXPECT_THAT(dump({.table = TableId{254}, .protocol = ours, .link = link_of(1)}),
              testing::ElementsAre("10.1.0.0/24", "10.5.0.0/24"));
  EXPECT_THAT(dump({.table = TableId{100}, .protocol = ours, .link = {}}), testing::ElementsAre("10.4.0.0/24"));
  EXPECT_THAT(dump({.table = TableId{4711}, .protocol = ours, .link = {}}), testing::IsEmpty());
}

TEST_F(FibBulk, AHundredThousandOfOurOwnRoutesNeverReachAFilteredMonitor) {
  netlink::MonitorOptions options{.routes = true, .receive_buffer = 64 * 1024};
  options.route_rules.push_back({.pass = false, .protocol = RouteProtocol::Slash32Bgp});
  auto monitor = netlink::Monitor::open(options);
  ASSERT_TRUE(monitor) << monitor.error().message;
  const std::vector<netlink::NextHop> hops{{.gateway = ip("192.0.1.1"), .link = link_of(1)}};
  std::vector<RouteWrite> writes;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    auto one = write(RouteVerb::Create, "10.0.0.0/24", hops);
    one.destination = Prefix(IpAddress::v4(0x0a000000 + i * 16), 28);
    writes.push_back(one);
  }
  const auto refusals = bulk_.write(writes);
  ASSERT_TRUE(refusals && refusals->empty());
  sh("ip route add 172.16.0.0/24 via 192.0.1.1 proto static");
  std::vector<Prefix> heard;
  const auto outcome = monitor->read(1000, [&](const netlink::Event& event) {
    heard.push_back(std::get<netlink::RouteEvent>(event).route.destination);
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, netlink::Monitor::Outcome::Empty);
  EXPECT_THAT(heard, testing::ElementsAre(prefix("172.16.0.0/24")));
}

}  // namespace
}  // namespace slash32::bgp
