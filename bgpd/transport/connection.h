// One TCP connection: bytes in, bytes out, an orderly end. Knows nothing of BGP. Callbacks run from the loop, never
// from inside a call of ours.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bgpd/transport/loop.h"
#include "bgpd/transport/socket.h"
#include "common/clock.h"
#include "common/fd.h"

namespace slash32::bgp {

class TcpConnection {
 public:
  struct Events {
    std::function<void()> connected;                           // of an outgoing one
    std::function<void(std::span<const std::uint8_t>)> bytes;  // valid during the call
    std::function<void(const std::string& why)> closed;        // by the other side, an error or a timeout; at most once
    std::function<void()> drained;                             // all that was queued is with the kernel
    std::shared_ptr<void> token = nullptr;  // let go with the socket, which may be some time after close()
  };

  /// Begins to connect. What fails at once (no route, a bad source address) is reported through `closed` as well.
  static TcpConnection connect(Loop& loop, const Endpoint& remote, const SocketOptions& options, Duration timeout,
                               Events events);
  /// Takes a connected socket.
  static TcpConnection adopt(Loop& loop, UniqueFd fd, Events events);

  ~TcpConnection();  // like close()
  TcpConnection(TcpConnection&&) noexcept;
  TcpConnection& operator=(TcpConnection&&) noexcept;

  void send(std::vector<std::uint8_t> bytes);
  /// Octets queued here, not counting what the kernel has.
  std::size_t queued() const;
  /// Sends what is queued, then FIN, waits a moment for the other side to take it, and closes: a NOTIFICATION must
  /// arrive and not be destroyed by a RST. No callback comes any more.
  void close();
  /// Closes at once with a RST; what is queued is lost. No callback comes any more.
  void abort();
  /// Makes the end that close() brings a RST where the other side has not taken everything by then: the kernel would go
  /// on trying to deliver it.
  void reset_at_end();
  /// The descriptor, for options; -1 when there is none (yet).
  int fd() const;

 private:
  struct Impl;
  explicit TcpConnection(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
