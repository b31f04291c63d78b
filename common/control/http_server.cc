#include "common/control/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>
#include <exception>
#include <set>
#include <utility>

#include "common/control/unix_socket.h"
#include "common/log.h"

namespace slash32::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kMaxHeader = 16 << 10;
constexpr std::uint64_t kMaxBody = 16 << 20;  // a configuration of thousands of neighbours fits; over TCP there is none
constexpr std::size_t kMaxConnections = 64;
constexpr std::chrono::seconds kIdle{15};  // between requests, and to send one
constexpr std::chrono::milliseconds kBreath{100};
constexpr std::chrono::seconds kWrite{10};      // for each piece of an answer …
constexpr std::chrono::seconds kAnswer{120};    // … and for all of them
constexpr std::chrono::seconds kPatience{300};  // for each piece of an answer that lasts
constexpr std::chrono::seconds kLastWord{1};    // for answers on their way out when the server goes

class Client;

/// What the server and its clients share.
struct Shared {
  HttpServer::Handler handler;
  std::string program;
  std::uint64_t max_body = kMaxBody;
  std::set<Client*> clients;
  bool stopped = false;                     // answers that are being written are finished, nothing more is read
  std::optional<asio::steady_timer> grace;  // once stopped: until those that are not finished are cut off
};

/// One client: request, answer, again.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(stream_protocol::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    shared_->clients.insert(this);
  }
  ~Client() {
    shared_->clients.erase(this);
    if (shared_->stopped && shared_->clients.empty() && shared_->grace) shared_->grace->cancel();
  }

  void read() {
    if (shared_->stopped) return close();
    reading_ = true;
    parser_.emplace();
    parser_->header_limit(kMaxHeader);
    parser_->body_limit(shared_->max_body);
    stream_.expires_after(kIdle);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      self->reading_ = false;
      if (error == http::error::body_limit || error == http::error::header_limit)
        return self->answer(error_response(413, "the request is too large"), false);
      if (error == http::error::end_of_stream || error == asio::error::eof || error == beast::error::timeout ||
          error == asio::error::connection_reset || error == asio::error::operation_aborted)
        return self->close();
      if (error) return self->answer(error_response(400, "not HTTP: " + error.message()), false);
      self->handle();
    });
  }

  /// The server goes: a client that is not being answered has nothing to wait for, and an answer that waits is over.
  void stop() {
    if (reading_) close();
    if (std::exchange(waiting_, false)) end_chunks();
  }
  /// Whatever it is doing ends with an error.
  void cut_off() { stream_.close(); }

 private:
  void handle() {
    const auto& message = parser_->get();
    head_ = message.method() == http::verb::head;
    auto request = parse_target(head_ ? "GET" : std::string(message.method_string()), std::string(message.target()));
    if (!request) return answer(error_response(400, request.error().message), message.keep_alive());
    request->body = message.body();
    answer(handled(*request), message.keep_alive());
  }

  /// What a library threw must not end the daemon.
  HttpResponse handled(const HttpRequest& request) {
    try {
      return shared_->handler(request);
    } catch (const std::exception& e) {
      log::error("request not answered", {{"path", request.path}, {"why", e.what()}});
      return error_response(500, e.what());
    }
  }

  void answer(HttpResponse response, bool keep_alive) {
    more_ = std::move(response.more);
    when_more_ = std::move(response.when_more);
    response_ = {};
    response_.result(static_cast<unsigned>(response.status));
    response_.version(11);
    response_.set(http::field::content_type, response.content_type);
    response_.set(http::field::server, shared_->program + "/" SLASH32_VERSION);
    response_.keep_alive(keep_alive);
    if (!response.allow.empty()) response_.set(http::field::allow, response.allow);
    give_up_at_ = when_more_ ? Clock::time_point::max() : Clock::now() + kAnswer;
    stream_.expires_after(kWrite);
    if (head_) return answer_without_body(response.body.size());
    if (more_) {
      piece_ = std::move(response.body);
      return answer_in_chunks();
    }
    response_.body() = std::move(response.body);
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, std::size_t) { self->answered(error); });
  }

  /// RFC 9110 section 9.3.2: the fields that GET would have sent, and nothing else.
  void answer_without_body(std::size_t size) {
    header_.emplace(http::response_header<>(response_.base()));
    if (std::exchange(more_, nullptr))
      header_->chunked(true);
    else
      header_->content_length(size);
    serializer_.emplace(*header_);
    http::async_write_header(stream_, *serializer_,
                             [self = shared_from_this()](error_code error, std::size_t) { self->answered(error); });
  }

  void answer_in_chunks() {
    header_.emplace(http::response_header<>(response_.base()));
    header_->chunked(true);
    serializer_.emplace(*header_);
    http::async_write_header(stream_, *serializer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->close();
      self->write_piece();
    });
  }

  /// One call of `more_` a turn; an empty chunk would end the answer.
  void write_piece() {
    if (piece_.empty()) {
      auto next = next_piece();
      if (!next) return;
      if (!*next) return write_last();
      piece_ = **std::move(next);
    }
    if (piece_.empty() && when_more_) return wait_for_more();
    if (piece_.empty())
      return asio::post(stream_.get_executor(), [self = shared_from_this()] {
        if (Clock::now() < self->give_up_at_ && self->stream_.socket().is_open()) return self->write_piece();
        self->cut_off();
      });
    stream_.expires_at(std::min(Clock::now() + (when_more_ ? kPatience : kWrite), give_up_at_));
    asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->close();
                        self->piece_.clear();
                        self->write_piece();
                      });
  }

  void wait_for_more() {
    if (shared_->stopped) return end_chunks();
    waiting_ = true;
    stream_.expires_never();
    watch_reader();
    when_more_([weak = weak_from_this()] {
      if (const auto self = weak.lock())
        asio::post(self->stream_.get_executor(), [self] {
          if (std::exchange(self->waiting_, false)) self->write_piece();
        });
    });
  }

  /// A reader that goes while nothing is written would keep its place for good.
  void watch_reader() {
    if (std::exchange(watching_, true)) return;
    stream_.socket().async_wait(stream_protocol::socket::wait_read, [self = shared_from_this()](error_code error) {
      self->watching_ = false;
      if (error || !self->waiting_) return;
      char next = 0;
      const auto n = ::recv(self->stream_.socket().native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n > 0) {  // its next request: it has had enough of this answer
        self->waiting_ = false;
        return self->end_chunks();
      }
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return self->watch_reader();
      self->waiting_ = false;
      self->more_ = nullptr;
      self->when_more_ = nullptr;
      self->cut_off();
    });
  }

  void end_chunks() {
    when_more_ = nullptr;
    more_ = nullptr;
    stream_.expires_after(kWrite);
    write_last();
  }

  /// Nothing: what it threw ended this answer, which is cut off, and not the daemon.
  std::optional<std::optional<std::string>> next_piece() {
    try {
      return more_();
    } catch (const std::exception& e) {
      log::error("answer cut off", {{"why", e.what()}});
      cut_off();
      return std::nullopt;
    }
  }

  void write_last() {
    asio::async_write(stream_, http::make_chunk_last(),
                      [self = shared_from_this()](error_code error, std::size_t) { self->answered(error); });
  }

  void answered(error_code error) {
    more_ = nullptr;
    when_more_ = nullptr;
    if (error || !response_.keep_alive()) return close();
    read();
  }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(stream_protocol::socket::shutdown_both, ignored);
  }

  beast::basic_stream<stream_protocol> stream_;
  std::shared_ptr<Shared> shared_;
  bool reading_ = false;
  bool head_ = false;  // of the request that is answered
  Clock::time_point give_up_at_;
  beast::flat_buffer buffer_{kMaxHeader + kMaxBody};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::optional<http::response<http::empty_body>> header_;
  std::optional<http::response_serializer<http::empty_body>> serializer_;
  std::function<std::optional<std::string>()> more_;
  std::function<void(std::function<void()>)> when_more_;
  bool waiting_ = false;   // for what when_more_ was given
  bool watching_ = false;  // whether the reader is still there
  std::string piece_;
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, const std::string& program, BoundSocket socket, Handler on_request)
      : bound(std::move(socket)), acceptor(context, stream_protocol(), bound.fd.release()), pause(context) {
    shared->handler = std::move(on_request);
    shared->program = program;
  }

  BoundSocket bound;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  stream_protocol::acceptor acceptor;
  asio::steady_timer pause;
  bool is_short = false;  // of descriptors; told once, not ten times a second

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code error, stream_protocol::socket socket) {
      if (self->shared->stopped) return;
      if (error) return self->take_breath(error);
      self->is_short = false;
      if (self->shared->clients.size() < kMaxConnections)
        std::make_shared<Client>(std::move(socket), self->shared)->read();
      self->accept();
    });
  }

  void take_breath(error_code why) {  // out of descriptors: the socket stays readable, so look again later
    if (!std::exchange(is_short, true)) log::warn("control socket: cannot accept", {{"why", why.message()}});
    pause.expires_after(kBreath);
    pause.async_wait([self = shared_from_this()](error_code error) {
      if (!error && !self->shared->stopped) self->accept();
    });
  }

  void stop() {
    shared->stopped = true;
    remove_unix_socket(bound);
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (Client* client : std::set<Client*>(shared->clients)) client->stop();
    if (shared->clients.empty()) return;
    shared->grace.emplace(acceptor.get_executor(), kLastWord);
    shared->grace->async_wait([shared = shared](error_code error) {
      if (error) return;
      for (Client* client : std::set<Client*>(shared->clients)) client->cut_off();
    });
  }
};

Result<HttpServer> HttpServer::open(asio::io_context& context, const std::string& program, const std::string& path,
                                    Handler handler, const SocketAccess& access) {
  return HttpServer(
      std::make_shared<Impl>(context, program, TRY(bind_unix_socket(path, program, access)), std::move(handler)));
}

Status HttpServer::set_access(const SocketAccess& access) { return set_socket_access(impl_->bound.path, access); }

HttpServer HttpServer::adopt(asio::io_context& context, const std::string& program, UniqueFd listening,
                             Handler handler) {
  // For Asio the protocol is no more than a label of the descriptor: what is done with it is the same for every stream.
  BoundSocket socket{std::move(listening), {}, 0, 0};
  auto impl = std::make_shared<Impl>(context, program, std::move(socket), std::move(handler));
  impl->shared->max_body = 0;
  return HttpServer(std::move(impl));
}

void HttpServer::serve() { impl_->accept(); }

bool HttpServer::is_in_place() const { return unix_socket_is_ours(impl_->bound); }

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  if (impl_) impl_->stop();
}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer& HttpServer::operator=(HttpServer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

}  // namespace slash32::control
