// What a neighbour's settings make of its sockets: TTL and GTSM (RFC 5082), also of one that called us.
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/bgpd/daemon/neighbors_world.h"

namespace slash32::bgp {
namespace {

using testing::NeighborsTest;

TEST(SocketOptions, AreMadeOfTtlSecurityMultihopAndTypeOfPeer) {
  struct Row {
    const char* what;
    std::uint32_t remote_as;
    std::optional<std::uint8_t> ttl_security, multihop;
    std::uint8_t ttl, min_ttl;
  };
  const Row rows[] = {
      {"eBGP is one hop away", 65002, {}, {}, 1, 0},
      {"iBGP may be anywhere in the AS", 65001, {}, {}, 64, 0},
      {"multihop says how far eBGP is", 65002, {}, 5, 5, 0},
      {"and iBGP", 65001, {}, 255, 255, 0},
      {"on the link: nothing but 255", 65002, 1, {}, 255, 255},
      {"iBGP on the link", 65001, 1, {}, 255, 255},
      {"three hops take two off", 65002, 3, {}, 255, 253},
      {"the most there is", 65002, 254, {}, 255, 2},
  };
  config::BgpdConf conf;
  conf.local_as = Asn{65001};
  for (const auto& row : rows) {
    config::NeighborConf one;
    one.remote_as.asn = Asn{row.remote_as};
    one.ttl_security = row.ttl_security;
    one.multihop = row.multihop;
    const auto options = socket_options(conf, one, TcpKeys{});
    EXPECT_EQ(options.ttl, row.ttl) << row.what;
    EXPECT_EQ(options.min_ttl, row.min_ttl) << row.what;
  }
}

TEST_F(NeighborsTest, ASocketThatWasAcceptedHasTheNeighborsTtlAndLeastTtl) {
  settings().ttl_security = 2;
  configure();
  auto listener = bind_listener({testing::kHere, 0});
  ASSERT_TRUE(listener);
  ASSERT_TRUE(start_listening(listener->get(), {testing::kHere, 0}));
  auto client = begin_connect(*local_endpoint(listener->get()), {});
  ASSERT_TRUE(client);
  UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
  ASSERT_TRUE(fd);
  const UniqueFd same{::dup(fd.get())};  // the neighbour's session has the other
  const auto option = [&](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(same.get(), IPPROTO_IP, name, &value, &size), 0);
    return value;
  };
  neighbors_->accepted(std::move(fd), {testing::kHere, 40000}, {testing::kHere, 179});
  ASSERT_EQ(neighbors_->all().size(), 1U);
  EXPECT_EQ(option(IP_TTL), 255);
  EXPECT_EQ(option(IP_MINTTL), 254);
}

}  // namespace
}  // namespace slash32::bgp
