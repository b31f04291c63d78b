#include "bgpd/control/http_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <set>
#include <utility>

#include "bgpd/control/unix_socket.h"
#include "common/log.h"

namespace slash32::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::uint32_t kMaxHeader = 16 << 10;
constexpr std::uint64_t kMaxBody = 16 << 20;  // a configuration of thousands of neighbours fits
constexpr std::size_t kMaxConnections = 64;
constexpr std::chrono::seconds kIdle{15};  // between requests, and to send one
constexpr std::chrono::milliseconds kBreath{100};
constexpr std::chrono::seconds kWrite{30};  // for each piece of an answer

class Client;

/// What the server and its clients share.
struct Shared {
  HttpServer::Handler handler;
  std::set<Client*> clients;
  bool stopped = false;  // answers that are being written are finished, nothing more is read
};

/// One client: request, answer, again.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(stream_protocol::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    shared_->clients.insert(this);
  }
  ~Client() { shared_->clients.erase(this); }

  void read() {
    if (shared_->stopped) return close();
    reading_ = true;
    parser_.emplace();
    parser_->header_limit(kMaxHeader);
    parser_->body_limit(kMaxBody);
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

  /// The server goes: a client that is not being answered has nothing to wait for.
  void stop() {
    if (reading_) close();
  }

 private:
  void handle() {
    const auto& message = parser_->get();
    auto request = parse_target(std::string(message.method_string()), std::string(message.target()));
    if (!request) return answer(error_response(400, "malformed request target"), message.keep_alive());
    request->body = message.body();
    answer(shared_->handler(*request), message.keep_alive());
  }

  void answer(HttpResponse response, bool keep_alive) {
    more_ = std::move(response.more);
    response_ = {};
    response_.result(static_cast<unsigned>(response.status));
    response_.version(11);
    response_.set(http::field::content_type, "application/json");
    response_.set(http::field::server, "slash32-bgpd/" SLASH32_VERSION);
    response_.keep_alive(keep_alive);
    stream_.expires_after(kWrite);
    if (more_) {
      piece_ = std::move(response.body);
      return answer_in_chunks();
    }
    response_.body() = std::move(response.body);
    response_.prepare_payload();
    http::async_write(stream_, response_,
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

  void write_piece() {  // an empty chunk would end the answer
    while (piece_.empty()) {
      auto next = more_();
      if (!next) return write_last();
      piece_ = *std::move(next);
    }
    stream_.expires_after(kWrite);
    asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->close();
                        self->piece_.clear();
                        self->write_piece();
                      });
  }

  void write_last() {
    asio::async_write(stream_, http::make_chunk_last(),
                      [self = shared_from_this()](error_code error, std::size_t) { self->answered(error); });
  }

  void answered(error_code error) {
    more_ = nullptr;
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
  beast::flat_buffer buffer_{kMaxHeader + kMaxBody};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::optional<http::response<http::empty_body>> header_;
  std::optional<http::response_serializer<http::empty_body>> serializer_;
  std::function<std::optional<std::string>()> more_;
  std::string piece_;
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, BoundSocket socket, Handler on_request)
      : bound(std::move(socket)), acceptor(context, stream_protocol(), bound.fd.release()), pause(context) {
    shared->handler = std::move(on_request);
  }

  BoundSocket bound;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  stream_protocol::acceptor acceptor;
  asio::steady_timer pause;

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code error, stream_protocol::socket socket) {
      if (self->shared->stopped) return;
      if (error) return self->take_breath(error);
      if (self->shared->clients.size() < kMaxConnections)
        std::make_shared<Client>(std::move(socket), self->shared)->read();
      self->accept();
    });
  }

  void take_breath(error_code why) {  // out of descriptors: the socket stays readable, so look again later
    log::warn("control socket: cannot accept", {{"why", why.message()}});
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
  }
};

Result<HttpServer> HttpServer::open(asio::io_context& context, const std::string& path, Handler handler) {
  return HttpServer(std::make_shared<Impl>(context, TRY(bind_unix_socket(path)), std::move(handler)));
}

void HttpServer::serve() { impl_->accept(); }

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
