// Sessions as plain as a tester needs them: hold time 90 and a KEEPALIVE every 10 s unless told otherwise, no timer
// watches the speaker.
#include "tests/bench/bgpbench/peers/session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace bench {
namespace {

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Endpoint endpoint(const Address& address, std::uint16_t port) {
  Endpoint out;
  if (address.size() == 4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::ranges::copy(address, reinterpret_cast<std::uint8_t*>(&in->sin_addr));
    out.size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&out.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    std::ranges::copy(address, in->sin6_addr.s6_addr);
    out.size = sizeof *in;
  }
  return out;
}

void set_blocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) != 0) die("fcntl", errno);
}

}  // namespace

slash32::UniqueFd tcp_socket(const Address& address, std::uint16_t port) {
  slash32::UniqueFd fd{::socket(address.size() == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!fd) die("socket", errno);
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  Endpoint self = endpoint(address, port);
  if (::bind(fd.get(), self.get(), self.size) != 0) die("bind", errno);
  return fd;
}

slash32::UniqueFd accept_one(int listener) {
  slash32::UniqueFd fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
  if (!fd) die("accept", errno);
  const int on = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::uint16_t port_of(int fd) {
  Endpoint self;
  self.size = sizeof self.storage;
  if (::getsockname(fd, self.get(), &self.size) != 0) die("getsockname", errno);
  return ntohs(reinterpret_cast<sockaddr_in*>(&self.storage)->sin_port);  // where sockaddr_in6 has it as well
}

bool connect_to(int fd, const Address& address, std::uint16_t port) {
  Endpoint there = endpoint(address, port);
  return ::connect(fd, there.get(), there.size) == 0;
}

bool Session::connect(std::uint16_t port) {
  slash32::UniqueFd fd = tcp_socket(settings_.local, 0);
  if (!connect_to(fd.get(), settings_.remote, port)) return false;
  adopt(std::move(fd));
  return true;
}

void Session::begin(std::uint16_t port) {
  slash32::UniqueFd fd = tcp_socket(settings_.local, 0);
  set_blocking(fd.get(), false);
  const bool stands = connect_to(fd.get(), settings_.remote, port);
  if (!stands && errno != EINPROGRESS) return;
  start(std::move(fd));
  pending_ = open_;  // what can be written tells that it stands
}

void Session::adopt(slash32::UniqueFd fd) {
  set_blocking(fd.get(), false);
  start(std::move(fd));
  if (!settings_.raw) send_now(open_);
}

void Session::start(slash32::UniqueFd fd) {
  fd_ = std::move(fd);
  ++life_;
  end_of_rib_ = false;
  updates_ = 0;
  rest_.clear();
  pending_ = {};
  trouble_.clear();
  state_ = settings_.raw ? State::Established : State::Greeting;
  open_ = open_message(settings_.asn, settings_.router_id, settings_.ipv6, settings_.hold, settings_.add_path);
}

void Session::close() {
  fd_.reset();
  state_ = State::Closed;
  pending_ = {};
  if (table_ != nullptr) table_->clear();
}

void Session::lost(const std::string& why) {
  close();
  trouble_ = why;
}

void Session::send(std::span<const std::uint8_t> stream) {
  pending_ = stream;
  on_writable();
}

// What is this short finds room in an idle connection; where it does not, the connection is of no use to a benchmark.
void Session::send_now(const Stream& message) {
  if (!pending_.empty()) die("a message would interrupt a stream");
  const auto sent = ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(message.size())) lost(sent < 0 ? std::strerror(errno) : "no room for a message");
}

void Session::on_writable() {
  constexpr std::size_t kPiece = std::size_t{256} << 10;  // then the sinks have their turn
  if (pending_.empty()) return;
  const auto sent = ::send(fd_.get(), pending_.data(), std::min(pending_.size(), kPiece), MSG_NOSIGNAL);
  if (sent >= 0)
    pending_ = pending_.subspan(static_cast<std::size_t>(sent));
  else if (errno != EAGAIN && errno != EINTR)
    lost(std::strerror(errno));
}

void Session::keepalive() {
  if (state_ == State::Established && pending_.empty() && !settings_.raw) send_now(keepalive_message());
}

void Session::on_readable(std::span<std::uint8_t> buffer) {
  std::ranges::copy(rest_, buffer.begin());
  const auto got = ::recv(fd_.get(), buffer.data() + rest_.size(), buffer.size() - rest_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    lost(trouble_.empty() ? (got == 0 ? "closed by the speaker" : std::strerror(errno)) : trouble_);
    return;
  }
  std::span<const std::uint8_t> in = buffer.first(rest_.size() + static_cast<std::size_t>(got));
  while (in.size() >= kHeader && size_of(in.data()) <= in.size()) {
    const std::size_t size = size_of(in.data());
    if (size < kHeader) die("the speaker sent a message shorter than a header");
    on_message(in.first(size));
    if (state_ == State::Closed) return;
    in = in.subspan(size);
  }
  rest_.assign(in.begin(), in.end());
}

void Session::on_message(std::span<const std::uint8_t> message) {
  silence_ = std::max(silence_, now() - heard_);
  heard_ = now();
  switch (type_of(message.data())) {
    case Type::Open:
      send_now(keepalive_message());
      return;
    case Type::Keepalive:
      if (state_ == State::Greeting) {
        state_ = State::Established;
        if (!first_.empty()) send(first_);
      }
      return;
    case Type::Notification:
      if (message.size() < kHeader + 2) die("the speaker sent a NOTIFICATION without a code");
      trouble_ = "NOTIFICATION " + std::to_string(message[kHeader]) + "/" + std::to_string(message[kHeader + 1]);
      return;
    case Type::Update:
      on_update(message);
      return;
    case Type::RouteRefresh:
      return;
  }
}

void Session::on_update(std::span<const std::uint8_t> message) {
  if (table_ == nullptr) return;
  const Read* read = reader_->read(message, updates_);
  if (read == nullptr) die("the speaker sent a malformed UPDATE");
  if (read->end_of_rib) end_of_rib_ = true;
  table_->apply(read->withdrawn, 0);
  table_->apply(read->announced, read->hash);
}

}  // namespace bench
