// The thread that BFD runs on, and what it is asked for. Packets and failures: tests/interop/test_bfd.py.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <vector>

#include "bgpd/bfd_sessions.h"

namespace slash32::bgp {
namespace {

config::NeighborConf neighbor(const char* address, std::uint32_t asn) {
  config::NeighborConf out;
  out.address = *IpAddress::parse(address);
  out.remote_as.asn = Asn{asn};
  out.bfd = config::BfdConf{};
  return out;
}

bool multihop(const config::NeighborConf& one) {
  config::BgpdConf conf;
  conf.local_as = Asn{1};
  return bfd_order(conf, one, std::nullopt)->target.multihop;
}

TEST(BfdOrder, IsMultihopWhereTheSessionIsUnlessSaid) {
  auto external = neighbor("10.0.0.1", 2), internal = neighbor("10.0.0.1", 1);
  EXPECT_FALSE(multihop(external));
  EXPECT_TRUE(multihop(internal)) << "its TTL is 64";
  EXPECT_FALSE(multihop(neighbor("fe80::1", 1)));
  external.multihop = 2;
  internal.multihop = 1;
  EXPECT_TRUE(multihop(external));
  EXPECT_FALSE(multihop(internal));
  external.bfd->multihop = false;
  internal.bfd->multihop = true;
  EXPECT_FALSE(multihop(external));
  EXPECT_TRUE(multihop(internal));
  internal = neighbor("10.0.0.1", 1);
  internal.ttl_security = 1;
  EXPECT_FALSE(multihop(internal)) << "sent with TTL 255, but one hop away";
  internal.ttl_security = 2;
  EXPECT_TRUE(multihop(internal));
}

TEST(BfdOrder, HasTheSessionsAddressesAndInterface) {
  config::BgpdConf conf;
  auto one = neighbor("10.0.0.1", 2);
  EXPECT_EQ(bfd_order(conf, one, std::nullopt)->target.local, std::nullopt);
  EXPECT_EQ(bfd_order(conf, one, IpAddress::parse("10.0.0.3").value())->target.local, *IpAddress::parse("10.0.0.3"));
  one.local_address = *IpAddress::parse("10.0.0.2");
  one.bind_interface = "eth0";
  const auto order = bfd_order(conf, one, std::nullopt);
  EXPECT_EQ(order->target.local, one.local_address);
  EXPECT_EQ(order->target.interface, "eth0");
  EXPECT_EQ(order->settings, bfd::Settings{}) << "defaults are the same in both places";
  one.enabled = false;
  EXPECT_EQ(bfd_order(conf, one, std::nullopt), std::nullopt);
}

BfdOrder order_on(const char* interface) {
  BfdOrder out;
  out.target.remote = *IpAddress::parse("fe80::1");
  out.target.interface = interface;
  return out;
}

TEST(BfdSessions, SaysWhyThereIsNoSessionAndTriesAgain) {
  Loop loop;
  std::optional<BfdSessions> sessions;
  std::vector<std::string> troubles;
  LoopTimer keep(loop);
  keep.after(Seconds{30}, [&] {});
  sessions.emplace(loop, [&](PeerId peer, const BfdState& state, bool failed) {
    EXPECT_EQ(peer, 7U);
    EXPECT_FALSE(failed);
    troubles.push_back(state.trouble);
    if (troubles.size() == 1) return sessions->order(7, order_on("s32no-such2"));  // another target: asked at once
    sessions->say_admin_down();
    sessions.reset();
    keep.cancel();
  });
  sessions->order(7, order_on("s32no-such"));
  loop.run();
  ASSERT_EQ(troubles.size(), 2U);
  EXPECT_NE(troubles[0].find("s32no-such:"), std::string::npos) << troubles[0];
  EXPECT_NE(troubles[1].find("s32no-such2"), std::string::npos) << troubles[1];
}

TEST(BfdSessions, EndsWhileOrdersAreStillOnTheirWay) {
  Loop loop;
  BfdSessions sessions(loop, [](PeerId, const BfdState&, bool) { FAIL() << "the loop does not run"; });
  for (PeerId peer = 1; peer < 50; ++peer) sessions.order(peer, order_on("s32no-such"));
  sessions.order(1, std::nullopt);
}

}  // namespace
}  // namespace slash32::bgp
