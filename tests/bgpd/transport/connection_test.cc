// TCP over the loopback: bytes, orderly ends, refusals. Waits for events, never for time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>

#include "bgpd/transport/connection.h"
#include "bgpd/transport/listener.h"
#include "bgpd/transport/loop.h"

namespace slash32::bgp {
namespace {

const IpAddress kHere = IpAddress::v4(0x7F000001);

std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

/// Both ends of a connection; `run` goes on until nothing is left to happen.
struct World {
  Loop loop;
  std::optional<Listener> listener;
  std::optional<TcpConnection> client, server;
  std::string client_got, server_got, client_closed, server_closed;
  std::function<void()> on_connected = [] {};
  std::function<void()> on_server_bytes = [] {};
  std::function<void()> on_client_drained = [] {};

  Endpoint listen() {
    auto opened = Listener::open(loop, {kHere, 0}, [this](UniqueFd fd, const Endpoint& remote, const Endpoint&) {
      EXPECT_EQ(remote.address, kHere);
      server = TcpConnection::adopt(loop, std::move(fd),
                                    {.connected = {},
                                     .bytes =
                                         [this](std::span<const std::uint8_t> got) {
                                           server_got.append(got.begin(), got.end());
                                           on_server_bytes();
                                         },
                                     .closed = [this](const std::string& why) { server_closed = why; },
                                     .drained = {}});
      listener.reset();
    });
    EXPECT_TRUE(opened);
    listener = *std::move(opened);
    return *listener->bound();
  }
  void connect(const Endpoint& to, const SocketOptions& options = {}) {
    client = TcpConnection::connect(
        loop, to, options, Seconds{5},
        {.connected = [this] { on_connected(); },
         .bytes = [this](std::span<const std::uint8_t> got) { client_got.append(got.begin(), got.end()); },
         .closed = [this](const std::string& why) { client_closed = why; },
         .drained = [this] { on_client_drained(); }});
  }
};

TEST(TcpConnection, WhatTheKernelTakesAtOnceIsNotQueuedAndIsToldOnceFromTheLoop) {
  World world;
  int drained = 0;
  world.on_client_drained = [&] {
    ++drained;
    world.client->close();
  };
  world.on_connected = [&] {
    world.client->send(bytes("one "));
    world.client->send(bytes("two"));
    EXPECT_EQ(world.client->queued(), 0U);
    EXPECT_EQ(drained, 0) << "inside of send()";
  };
  world.connect(world.listen());
  world.on_server_bytes = [&] {
    if (world.server_got.size() == 7) world.server.reset();
  };
  world.loop.run();
  EXPECT_EQ(world.server_got, "one two");
  EXPECT_EQ(drained, 1);
}

TEST(TcpConnection, WhatTheKernelDoesNotTakeIsQueuedAndDrainsInOrder) {
  World world;
  std::string much;
  for (int i = 0; much.size() < (8U << 20); ++i) much += std::to_string(i) + ' ';
  std::size_t queued = 0;
  world.on_client_drained = [&] {
    EXPECT_EQ(world.client->queued(), 0U);
    world.client->close();
  };
  world.on_connected = [&] {
    world.client->send(bytes(much));
    world.client->send(bytes("end"));
    queued = world.client->queued();
  };
  world.connect(world.listen());
  world.on_server_bytes = [&] {
    if (world.server_got.ends_with("end")) world.server.reset();
  };
  world.loop.run();
  EXPECT_GT(queued, 3U) << "the kernel took it all: nothing was tried";
  EXPECT_LT(queued, much.size() + 3) << "the kernel took nothing at once";
  EXPECT_EQ(world.server_got, much + "end");
}

TEST(TcpConnection, WhatEndsItIsToldAlsoWhereSendingFindsItFirst) {
  World world;
  world.on_connected = [&] { world.client->send(bytes("one")); };
  world.on_server_bytes = [&] {
    world.server->abort();  // its RST is there at once
    world.client->send(bytes("two"));
  };
  world.connect(world.listen());
  world.loop.run();
  EXPECT_EQ(world.client_closed, "Connection reset by peer");
}

TEST(TcpConnection, AClosingSideSendsAllItHasBeforeItsEnd) {
  World world;
  const auto at = world.listen();
  const std::string much(3 << 20, 'x');
  world.on_connected = [&] {
    world.client->send(bytes(much));
    world.client->close();
  };
  world.connect(at);
  world.loop.run();
  EXPECT_EQ(world.server_got.size(), much.size());
  EXPECT_EQ(world.server_closed, "closed by the other side");
  EXPECT_EQ(world.client_closed, "") << "who closes is not told that it is closed";
}

// A socket that is closed with something unread sends a RST, and that may overtake what the other side has not read.
TEST(TcpConnection, AClosingSidesLastWordsAreReadByWhoGoesOnTalking) {
  World world;
  const auto at = world.listen();
  world.on_connected = [&] { world.client->send(bytes(std::string(4 << 20, 'x'))); };
  world.on_server_bytes = [&] {
    world.server->send(bytes("enough"));
    world.server->close();
  };
  world.connect(at);
  world.loop.run();
  EXPECT_LT(world.server_got.size(), 4U << 20) << "all of it was read before the end";
  EXPECT_EQ(world.client_got, "enough");
  EXPECT_EQ(world.client_closed, "closed by the other side");
}

TEST(TcpConnection, BytesGoBothWays) {
  World world;
  const auto at = world.listen();
  world.on_connected = [&] { world.client->send(bytes("ping")); };
  world.on_server_bytes = [&] {
    world.server->send(bytes("pong"));
    world.server->close();
  };
  world.connect(at);
  world.loop.run();
  EXPECT_EQ(world.server_got, "ping");
  EXPECT_EQ(world.client_got, "pong");
  EXPECT_EQ(world.client_closed, "closed by the other side");
}

TEST(TcpConnection, WhatComesInBulkComesWholeAndInOrder) {
  World world;
  std::string sent;
  while (sent.size() < 1'000'000) sent += std::to_string(sent.size()) + ' ';
  world.on_connected = [&] {
    world.client->send(bytes(sent));
    world.client.reset();  // its end must not hide what came before
  };
  world.connect(world.listen());
  world.loop.run();
  EXPECT_TRUE(world.server_got == sent) << world.server_got.size() << " octets of " << sent.size();
  EXPECT_EQ(world.server_closed, "closed by the other side");
}

TEST(TcpConnection, OneThatGoesAwayWithinAPieceOfABulkIsLeftInPeace) {
  World world;
  world.on_connected = [&] { world.client->send(bytes(std::string(100'000, 'x'))); };
  world.on_server_bytes = [&] { world.server.reset(); };
  world.connect(world.listen());
  world.loop.run();
  EXPECT_FALSE(world.server_got.empty());
  EXPECT_EQ(world.server_closed, "");
}

TEST(TcpConnection, ARefusalIsReportedWithItsReason) {
  World world;
  const auto at = world.listen();
  world.listener.reset();  // the port was free a moment ago
  world.connect(at);
  world.loop.run();
  EXPECT_EQ(world.client_closed, "Connection refused");
}

TEST(TcpConnection, WhoNeitherAnswersNorRefusesIsGivenUpInTime) {
  const auto full = bind_listener({kHere, 0});
  ASSERT_TRUE(full && ::listen(full->get(), 0) == 0);
  const auto first = begin_connect(*local_endpoint(full->get()), {});  // takes the only place: further SYNs are dropped
  World world;
  std::string why;
  const auto begin = world.loop.now();
  world.client =
      TcpConnection::connect(world.loop, *local_endpoint(full->get()), {}, Milliseconds{200},
                             {.connected = {}, .bytes = {}, .closed = [&](const std::string& s) { why = s; }});
  world.loop.run();
  EXPECT_EQ(why, "connection attempt timed out");
  EXPECT_LT(world.loop.now() - begin, Seconds{1}) << "TCP itself would try for two minutes";
}

TEST(TcpConnection, ASourceThatIsNotOursIsReportedThroughTheSameDoor) {
  World world;
  world.connect({kHere, 179}, {.local_address = *IpAddress::parse("192.0.2.1"), .interface = {}, .keys = {}});
  EXPECT_EQ(world.client_closed, "") << "never from inside the call";
  world.loop.run();
  EXPECT_THAT(world.client_closed, testing::HasSubstr("bind to 192.0.2.1"));
}

TEST(TcpConnection, AnAbortedOneIsResetAtOnceAlsoFromInsideItsOwnCallback) {
  World world;
  const auto at = world.listen();
  world.on_connected = [&] { world.client->send(bytes("ping")); };
  world.on_server_bytes = [&] {
    world.server->send(bytes(std::string(64 << 20, 'x')));  // far more than the other side's kernel takes
    world.server->abort();
  };
  world.connect(at);
  world.loop.run();
  EXPECT_EQ(world.client_closed, "Connection reset by peer");
  EXPECT_EQ(world.server_closed, "") << "who aborts is not told that it is closed";
}

TEST(TcpConnection, DestroyingItMeanwhileIsSafe) {
  World world;
  const auto at = world.listen();
  world.on_connected = [&] { world.client.reset(); };
  world.connect(at);
  world.loop.run();
  EXPECT_EQ(world.server_closed, "closed by the other side");
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0) << level << "/" << name;
  return value;
}

/// CS6 (RFC 4594 section 3.2), no delay, and the kernel's patience.
void expect_options(int fd, AddressFamily family, int ttl, int min_ttl, int user_timeout) {
  const bool v4 = family == AddressFamily::IPv4;
  EXPECT_EQ(option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS), 0xC0);
  EXPECT_EQ(option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS), ttl);
  EXPECT_EQ(option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MINTTL : 73 /* IPV6_MINHOPCOUNT */), min_ttl);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), user_timeout);
}

TEST(Socket, OptionsAreOnEveryListenerAndEveryConnectionOfBothFamilies) {
  for (const char* text : {"127.0.0.1", "::1"}) {
    const IpAddress here = *IpAddress::parse(text);
    const auto listener = bind_listener({here, 0});
    ASSERT_TRUE(listener) << listener.error().message;
    ASSERT_TRUE(start_listening(listener->get(), {here, 0}));
    expect_options(listener->get(), here.family(), 255, 0, 0);  // a SYN-ACK has to satisfy GTSM as well (RFC 5082)
    for (const SocketOptions& options :
         {SocketOptions{.local_address = here, .interface = {}, .ttl = 1, .keys = {}, .user_timeout = Seconds{9}},
          SocketOptions{.local_address = {},
                        .interface = {},
                        .ttl = 255,
                        .min_ttl = 254,
                        .keys = {},
                        .user_timeout = Seconds{90}}}) {
      const auto client = begin_connect(*local_endpoint(listener->get()), options);
      ASSERT_TRUE(client) << client.error().message;
      expect_options(client->get(), here.family(), options.ttl, options.min_ttl,
                     static_cast<int>(options.user_timeout.count()));
    }
  }
}

// Keys on one socket share net.core.optmem_max: who has more neighbours than fit must learn what to change.
TEST(Socket, WhenTheKernelTakesNoMoreKeysTheErrorNamesTheSetting) {
  const auto listener = bind_listener({kHere, 0});
  ASSERT_TRUE(listener);
  Status good = ok();
  for (std::uint32_t i = 1; i < 50000 && good; ++i)
    good = set_md5_key(listener->get(), Prefix::host(IpAddress::v4(0x0A000000 + i)), "secret");
  ASSERT_FALSE(good) << "no limit found";
  EXPECT_THAT(good.error().message, testing::HasSubstr("net.core.optmem_max"));
}

TEST(Socket, AKeyOfMoreThan80OctetsIsRefused) {
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
  const auto got = set_md5_key(fd.get(), Prefix::host(kHere), std::string(81, 'k'));
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, testing::HasSubstr("at most 80"));
}

}  // namespace
}  // namespace slash32::bgp
