#include "bgpd/transport/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace slash32::bgp {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;

constexpr std::size_t kInbox = 2 << 10;        // octets: a thousand quiet sessions must not cost more
constexpr std::chrono::seconds kFlushTime{2};  // how long a closing connection may take to hand over what is queued

}  // namespace

struct TcpConnection::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& owner, Events handlers)
      : loop(owner), socket(loop.context()), deadline(loop.context()), events(std::move(handlers)), inbox(kInbox) {}

  Loop& loop;
  Socket socket;
  asio::steady_timer deadline;  // of connecting, later of closing
  Events events;
  std::vector<std::uint8_t> inbox;
  std::vector<std::vector<std::uint8_t>> waiting, writing;  // writing is with Asio and must not move
  std::size_t queued = 0;
  bool established = false;
  bool closing = false;  // close() was called: no callback any more
  bool resets = false;   // when the time for closing is over
  bool dead = false;
  bool drained_posted = false;

  void open(UniqueFd fd) {
    error_code error;
    const auto family = local_endpoint(fd.get());
    const int domain = family && family->address.is_v4() ? AF_INET : AF_INET6;
    socket.assign(asio::generic::stream_protocol(domain, 0 /* TCP */), fd.get(), error);
    if (error) return fail_later(error.message());
    (void)fd.release();
  }

  void fail_later(std::string why) {
    asio::post(socket.get_executor(), [self = shared_from_this(), why = std::move(why)] { self->finish(why); });
  }

  void finish(const std::string& why) {
    if (dead) return;
    dead = true;
    deadline.cancel();
    error_code ignored;
    socket.close(ignored);
    if (!closing && events.closed) events.closed(why);
    events = {};  // callbacks may own us
  }

  void wait_connected(Duration timeout) {
    deadline.expires_after(timeout);
    deadline.async_wait([self = shared_from_this()](error_code error) {
      if (!error && !self->established) self->finish("connection attempt timed out");
    });
    socket.async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
      if (self->dead) return;
      if (error) return self->finish(error.message());
      if (const int failed = socket_error(self->socket.native_handle()); failed != 0)
        return self->finish(std::strerror(failed));
      self->begin();
      if (!self->closing && self->events.connected) self->events.connected();
    });
  }

  void begin() {
    established = true;
    if (!closing) deadline.cancel();
    read();
    write();
  }

  void read() {
    socket.async_read_some(asio::buffer(inbox), [self = shared_from_this()](error_code error, std::size_t count) {
      if (self->dead) return;
      if (error) return self->finish(error == asio::error::eof ? "closed by the other side" : error.message());
      self->take(std::span{self->inbox}.first(count));
      if (self->dead) return;
      // Behind what the bytes set off: a change goes out before anybody looks whether there is more to read.
      asio::post(self->socket.get_executor(), [self] {
        if (!self->dead) self->read();
      });
    });
  }

  /// Where the inbox is full there is more: it is fetched into the place that all connections share, so that a table
  /// comes in large pieces.
  void take(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < inbox.size()) {
      if (!closing) events.bytes(bytes);
      return;
    }
    const auto all = loop.scratch();
    std::ranges::copy(bytes, all.begin());
    const auto more = all.subspan(bytes.size());
    const auto got = ::recv(socket.native_handle(), more.data(), more.size(), MSG_DONTWAIT);
    const int error = got < 0 ? errno : 0;
    if (closing) return;                   // it only waits for FIN, and for that all before it is to be read
    const auto self = shared_from_this();  // the callback may let go of us
    events.bytes(all.first(bytes.size() + static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
    // The kernel tells an error once. The end (0) it tells again.
    if (error != 0 && error != EAGAIN && error != EINTR) finish(std::strerror(error));
  }

  /// What the kernel takes at once needs no turn of the loop.
  void send(std::vector<std::uint8_t> bytes) {
    if (established && waiting.empty() && writing.empty()) {
      const auto sent = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      // The kernel tells an error once.
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail_later(std::strerror(errno));
      bytes.erase(bytes.begin(), bytes.begin() + std::max<ssize_t>(sent, 0));
    }
    if (bytes.empty()) return tell_drained_later();
    queued += bytes.size();
    waiting.push_back(std::move(bytes));
    write();
  }

  void tell_drained_later() {
    if (!events.drained || std::exchange(drained_posted, true)) return;
    asio::post(socket.get_executor(), [self = shared_from_this()] {
      self->drained_posted = false;
      if (!self->dead && !self->closing && self->queued == 0 && self->events.drained) self->events.drained();
    });
  }

  void write() {
    if (!established || dead || !writing.empty()) return;
    if (waiting.empty()) {
      if (closing) shut();
      return;
    }
    writing = std::exchange(waiting, {});
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(writing.size());
    for (const auto& bytes : writing) buffers.emplace_back(asio::buffer(bytes));
    asio::async_write(socket, buffers, [self = shared_from_this()](error_code error, std::size_t count) {
      self->queued -= count;
      self->writing.clear();
      if (self->dead) return;
      if (error) return self->finish(error.message());
      if (self->waiting.empty() && !self->closing && self->events.drained) self->events.drained();
      self->write();
    });
  }

  void shut() {
    error_code error;
    socket.shutdown(Socket::shutdown_send, error);  // FIN; then read() waits for the other side's
    if (error) finish(error.message());
  }

  void close() {
    if (closing || dead) return;
    closing = true;
    if (!established) return finish("");
    deadline.expires_after(kFlushTime);
    deadline.async_wait([self = shared_from_this()](error_code error) {
      if (error || self->dead) return;
      error_code ignored;
      if (self->resets) self->socket.set_option(asio::socket_base::linger(true, 0), ignored);
      self->finish("");
    });
    write();
  }

  void abort() {
    if (dead) return;
    closing = true;
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);  // else the kernel would go on trying to deliver
    socket.close(ignored);
    fail_later("");  // a callback of ours may be running
  }
};

TcpConnection TcpConnection::connect(Loop& loop, const Endpoint& remote, const SocketOptions& options, Duration timeout,
                                     Events events) {
  auto impl = std::make_shared<Impl>(loop, std::move(events));
  auto fd = begin_connect(remote, options);
  if (!fd) {
    impl->fail_later(fd.error().message);
  } else {
    impl->open(*std::move(fd));
    if (impl->socket.is_open()) impl->wait_connected(timeout);
  }
  return TcpConnection(std::move(impl));
}

TcpConnection TcpConnection::adopt(Loop& loop, UniqueFd fd, Events events) {
  auto impl = std::make_shared<Impl>(loop, std::move(events));
  impl->open(std::move(fd));
  if (impl->socket.is_open()) impl->begin();
  return TcpConnection(std::move(impl));
}

TcpConnection::TcpConnection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
TcpConnection::~TcpConnection() {
  if (impl_) impl_->close();
}
TcpConnection::TcpConnection(TcpConnection&&) noexcept = default;
TcpConnection& TcpConnection::operator=(TcpConnection&& other) noexcept {
  if (impl_) impl_->close();
  impl_ = std::move(other.impl_);
  return *this;
}

void TcpConnection::send(std::vector<std::uint8_t> bytes) {
  if (impl_->closing || impl_->dead || bytes.empty()) return;
  impl_->send(std::move(bytes));
}

std::size_t TcpConnection::queued() const { return impl_->queued; }
void TcpConnection::close() { impl_->close(); }
void TcpConnection::abort() { impl_->abort(); }
void TcpConnection::reset_at_end() { impl_->resets = true; }
int TcpConnection::fd() const { return impl_->socket.is_open() ? impl_->socket.native_handle() : -1; }

}  // namespace slash32::bgp
