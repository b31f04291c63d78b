// A bare TCP relay in the speaker's place: what the first to call says goes to all others, as it is. What a latency
// must at least be.
#include "tests/bench/bgpbench/peers/relay.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <vector>

#include "tests/bench/bgpbench/peers/session.h"

namespace bench {
namespace {

void send_all(int fd, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) die("send", errno);
    if (sent > 0) data = data.subspan(static_cast<std::size_t>(sent));
  }
}

}  // namespace

void relay(const Options& options) {
  const slash32::UniqueFd listener =
      tcp_socket(parse_address(options.text("address")), static_cast<std::uint16_t>(options.number("port", 179)));
  if (::listen(listener.get(), 4096) != 0) die("listen", errno);
  const slash32::UniqueFd source = accept_one(listener.get());
  std::vector<slash32::UniqueFd> sinks(options.number("sinks"));
  for (auto& sink : sinks) sink = accept_one(listener.get());
  std::vector<std::uint8_t> buffer(std::size_t{64} << 10);
  for (;;) {
    const auto got = ::recv(source.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (const auto& sink : sinks) send_all(sink.get(), std::span{buffer}.first(static_cast<std::size_t>(got)));
  }
}

}  // namespace bench
