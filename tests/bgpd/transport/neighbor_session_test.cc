// One neighbour's sockets under a flood. Real sockets on the loopback.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "bgpd/transport/neighbor_session.h"

namespace slash32::bgp {
namespace {

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{});
}

TEST(NeighborSession, AFloodOfConnectionsFromANeighborTakesABoundedNumberOfDescriptors) {
  const IpAddress here = IpAddress::v4(0x7F000001);
  Loop loop;
  PeerSettings settings;
  settings.local_as = Asn{65001};
  settings.local_id = RouterId{1};
  settings.remote_as = Asn{65002};
  settings.families = {AddressFamily::IPv4};
  settings.passive = true;
  std::optional<NeighborSession> session;
  session.emplace(loop, settings, Endpoint{here, 179}, SocketOptions{}, SessionEvents{});
  session->start();
  auto listener = open_listener({here, 0});
  ASSERT_TRUE(listener);
  const auto at = *local_endpoint(listener->get());
  std::vector<UniqueFd> clients;  // which never close
  const auto before = open_descriptors();
  constexpr int kCalls = 400;
  for (int i = 0; i < kCalls; ++i) {
    auto client = begin_connect(at, {});
    ASSERT_TRUE(client);
    clients.push_back(*std::move(client));
    UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
    ASSERT_TRUE(fd);
    session->accept(std::move(fd));
  }
  EXPECT_LE(open_descriptors() - before - kCalls, 16 + 4);
  loop.post([&] {
    session.reset();
    clients.clear();
  });
  loop.run();
  EXPECT_LE(open_descriptors(), before);
}

}  // namespace
}  // namespace slash32::bgp
