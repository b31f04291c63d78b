// One neighbour's sockets under a flood. Real sockets on the loopback.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <vector>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/transport/neighbor_session.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/open.h"

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
  auto listener = bind_listener({here, 0});
  ASSERT_TRUE(listener);
  ASSERT_TRUE(start_listening(listener->get(), {here, 0}));
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

/// A session with a peer that is the test's own socket, and takes nothing once it is up.
struct DeafPeer {
  static constexpr std::size_t kMuch = 8 << 20;  // more than the kernel's buffers hold

  Loop loop;
  std::optional<NeighborSession> session;
  UniqueFd client;
  std::optional<FdWatch> reader;
  std::optional<act::SessionDown> down;
  std::vector<std::uint8_t> got;  // what it takes when it wakes up
  Seconds hold_time{0};
  std::optional<LoopTimer> alive;

  PeerSettings settings(std::uint32_t own, std::uint32_t other) const {
    PeerSettings out;
    out.local_as = Asn{own};
    out.local_id = RouterId{own};
    out.remote_as = Asn{other};
    out.families = {AddressFamily::IPv4};
    out.passive = true;
    out.hold_time = hold_time;
    out.send_hold_time = Seconds{1};
    return out;
  }
  void start() {
    const Endpoint here{IpAddress::v4(0x7F000001), 0};
    auto listener = bind_listener(here);
    ASSERT_TRUE(listener && start_listening(listener->get(), here));
    client = *begin_connect(*local_endpoint(listener->get()), {});
    UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
    auto hello = encode_open(make_open(settings(65002, 65001), {}, true));
    std::ranges::copy(encode_keepalive(), std::back_inserter(hello));
    ASSERT_EQ(::write(client.get(), hello.data(), hello.size()), static_cast<ssize_t>(hello.size()));
    SessionEvents events;
    events.up = [this](const Session&, const Endpoint&) { loop.post([this] { session->pull(); }); };
    events.down = [this](const act::SessionDown& how) {
      down = how;
      reader.emplace(loop, client.get(), [this] { read(); });
    };
    events.output = [](std::size_t) { return SessionEvents::Output{std::vector<std::uint8_t>(kMuch), 1}; };
    session.emplace(loop, settings(65001, 65002), here, SocketOptions{}, std::move(events));
    session->start();
    session->accept(std::move(fd));
    if (hold_time > Seconds{0}) say_alive();
  }
  void say_alive() {
    const auto keepalive = encode_keepalive();
    EXPECT_EQ(::write(client.get(), keepalive.data(), keepalive.size()), static_cast<ssize_t>(keepalive.size()));
    if (!alive) alive.emplace(loop);
    if (!down) alive->after(Milliseconds{500}, [this] { say_alive(); });
  }
  void read() {
    std::array<std::uint8_t, 65536> chunk;
    const auto n = ::read(client.get(), chunk.data(), chunk.size());
    if (n > 0) return static_cast<void>(got.insert(got.end(), chunk.begin(), chunk.begin() + n));
    loop.post([this] {
      reader.reset();
      alive.reset();
      client.reset();
      session.reset();
    });
  }
};

void expect_told_send_hold_expired(const DeafPeer& peer) {
  ASSERT_TRUE(peer.down);
  EXPECT_EQ(peer.down->reason, "sent Send Hold Timer Expired");
  ASSERT_GT(peer.got.size(), DeafPeer::kMuch);
  std::vector<std::uint8_t> expected(16, 0xff);
  expected.insert(expected.end(), {0, 21, 3, 8, 0});
  EXPECT_EQ(std::vector(peer.got.end() - 21, peer.got.end()), expected) << "it read again, and was told";
}

TEST(NeighborSession, APeerThatTakesNothingIsToldSendHoldTimerExpiredAndDropped) {  // RFC 9687 section 4
  DeafPeer peer;
  peer.start();
  peer.loop.run();
  expect_told_send_hold_expired(peer);
}

// RFC 9687 section 4: longer than the hold time. Until then the kernel must not lose its patience either, for whom a
// window that stays shut is as good as a silent one.
TEST(NeighborSession, APeerThatIsAliveAndTakesNothingHasTwiceTheHoldTime) {
  DeafPeer peer;
  peer.hold_time = Seconds{3};
  const auto begin = peer.loop.now();
  peer.start();
  peer.loop.run();
  expect_told_send_hold_expired(peer);
  EXPECT_GE(peer.loop.now() - begin, Seconds{6});
}

}  // namespace
}  // namespace slash32::bgp
