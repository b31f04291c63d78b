// Listening sockets: what has happened before anybody can connect, and what a shortage of descriptors does.
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <fstream>
#include <string>
#include <vector>

#include "bgpd/transport/listener.h"
#include "bgpd/transport/loop.h"
#include "common/log.h"
#include "common/scope_guard.h"

namespace {
std::vector<std::string> calls;   // of this program's sockets, in order
bool out_of_descriptors = false;  // for accept4() alone: the sanitizers need some to look at memory
}  // namespace

// In libc's place, for this program: they do the same and write it down.
extern "C" int listen(int fd, int backlog) noexcept {
  calls.emplace_back("listen");
  return static_cast<int>(::syscall(SYS_listen, fd, backlog));
}
extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (!out_of_descriptors) return static_cast<int>(::syscall(SYS_accept4, fd, address, size, flags));
  errno = EMFILE;
  return -1;
}
extern "C" int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  if (level == IPPROTO_TCP && (name == TCP_MD5SIG || name == TCP_MD5SIG_EXT)) calls.emplace_back("key");
  return static_cast<int>(::syscall(SYS_setsockopt, fd, level, name, value, size));
}

namespace slash32::bgp {
namespace {

const IpAddress kHere = IpAddress::v4(0x7F000001);

bool refuses(const Endpoint& at) {
  const auto client = begin_connect(at, {});
  return !client || socket_error(client->get()) != 0;
}

TEST(Listener, HasItsMd5KeysBeforeItListens) {
  Loop loop;
  const Listener::Options options{
      .keys = {{Prefix::host(kHere), TcpKeys{"secret"}}, {*Prefix::parse("127.0.0.0/8", true), TcpKeys{"b"}}}};
  calls.clear();
  const auto listener = Listener::open(loop, {kHere, 0}, {}, options);
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_EQ(calls, (std::vector<std::string>{"key", "key", "listen"}));
}

TEST(Listener, AThousandWhoCallAtOnceAllFindRoom) {
  Loop loop;
  const auto listener = Listener::open(loop, {kHere, 0}, {});
  ASSERT_TRUE(listener) << listener.error().message;
  int most = 0;  // the kernel's own limit
  std::ifstream{"/proc/sys/net/core/somaxconn"} >> most;
  std::vector<UniqueFd> callers;
  for (int i = 0; i < std::min(most, 900); ++i) {  // 1024 descriptors are the usual limit
    auto one = begin_connect(*listener->bound(), {});
    ASSERT_TRUE(one) << one.error().message;
    pollfd stands{.fd = one->get(), .events = POLLOUT, .revents = 0};
    ASSERT_EQ(::poll(&stands, 1, 0), 1) << "after " << i << " callers who were not accepted yet";
    callers.push_back(*std::move(one));
  }
}

TEST(Listener, ABoundSocketRefusesConnectionsUntilItListens) {
  const auto fd = bind_listener({kHere, 0});
  ASSERT_TRUE(fd);
  const auto at = *local_endpoint(fd->get());
  EXPECT_TRUE(refuses(at));
  ASSERT_TRUE(start_listening(fd->get(), at));
  EXPECT_FALSE(refuses(at));
}

TEST(Listener, AKeyThatCannotBeSetIsAnErrorUnlessTheCallerLooksItself) {
  Loop loop;
  Listener::Options options{.keys = {{Prefix::host(kHere), TcpKeys{std::string(81, 'x')}}}};
  const auto strict = Listener::open(loop, {kHere, 0}, {}, options);
  ASSERT_FALSE(strict);
  EXPECT_NE(strict.error().message.find("listen on 127.0.0.1:0: a TCP-MD5 key"), std::string::npos);
  options.needs_every_key = false;
  EXPECT_TRUE(Listener::open(loop, {kHere, 0}, {}, options));
}

TEST(Listener, OutOfDescriptorsItWaitsInsteadOfSpinningAndTellsOnce) {
  Loop loop;
  int accepted = 0;
  auto listener = Listener::open(loop, {kHere, 0}, [&](UniqueFd, const Endpoint&, const Endpoint&) { ++accepted; });
  ASSERT_TRUE(listener);
  int warnings = 0;
  const auto before =
      log::set_sink([&](log::Level level, const std::string&) { warnings += level == log::Level::Warn; });
  const ScopeGuard quiet{[&] { log::set_sink(before); }};
  const auto client = begin_connect(*listener->bound(), {});
  ASSERT_TRUE(client);
  out_of_descriptors = true;
  const std::clock_t cpu = std::clock();
  LoopTimer later(loop), end(loop);
  later.after(Milliseconds{350}, [&] {
    EXPECT_EQ(accepted, 0);
    out_of_descriptors = false;
    end.after(Milliseconds{300}, [&] { listener = fail(1, "done"); });
  });
  loop.run();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(warnings, 1);
  EXPECT_LT(static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC, 0.2);
}

}  // namespace
}  // namespace slash32::bgp
