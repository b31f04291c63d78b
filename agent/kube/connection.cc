#include "agent/kube/connection.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "agent/kube/credentials.h"
#include "agent/kube/tls.h"

namespace slash32::agent::kube {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kOpening{15};    // each of: name look-up, TCP, TLS, sending the request
constexpr std::chrono::seconds kLeastShare{2};  // of that, for each address of a name that has many
constexpr std::size_t kPiece = 16 << 10;
constexpr std::uint32_t kMaxHeader = 32 << 10;

std::optional<Seconds> retry_after(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Seconds{seconds};
}

/// What the operations in progress use. They hold it: after close() they still end, and must find it there.
struct Line {
  Line(asio::io_context& context, ssl::context with) : tls(std::move(with)), stream(context, tls) {}

  ssl::context tls;
  beast::ssl_stream<beast::tcp_stream> stream;
  http::request<http::string_body> message;
  beast::flat_static_buffer<kMaxHeader> buffer;
  std::optional<http::response_parser<http::buffer_body>> parser;
  std::array<char, kPiece> piece{};
};

}  // namespace

/// Handlers hold it; `turn_` tells those of a request that was given up from the present one's.
class Connection::Impl : public std::enable_shared_from_this<Impl> {
 private:
  /// Keeps us alive and does nothing when another request has begun.
  template <class F>
  auto guarded(F then) {
    return [self = shared_from_this(), line = line_, turn = turn_, then = std::move(then)](auto&&... arguments) {
      if (self->turn_ == turn) then(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 public:
  Impl(asio::io_context& context, const Access& access) : context_(context), resolver_(context), access_(access) {}

  void send(Request request, ResponseHandler handler) {
    if (busy_) cut();
    ++turn_;
    busy_ = true;
    handler_ = std::move(handler);
    request_ = std::move(request);
    told_ = false;
    asio::post(context_, guarded([this] { begin(); }));
  }

  void cut() {
    ++turn_;
    busy_ = false;
    handler_ = {};
    close();
  }

 private:
  void begin() {
    auto token = read_token(access_);
    if (!token) return fail(token.error().message);
    token_ = *std::move(token);
    auto credentials = read_credentials(access_);
    if (!credentials) return fail(credentials.error().message);
    reused_ = line_ && *credentials == credentials_;
    if (reused_) return write();
    credentials_ = *std::move(credentials);
    open();
  }

  void open() {
    close();
    reused_ = false;
    auto context = tls_context(access_, credentials_);
    if (!context) return fail(context.error().message);
    line_ = std::make_shared<Line>(context_, *std::move(context));
    if (auto named = expect_server(line_->stream.native_handle(), access_); !named) return fail(named.error().message);
    error_code no_address;
    const auto address = asio::ip::make_address(access_.host, no_address);
    where_.assign(1, tcp::endpoint(address, access_.port));
    if (!no_address) return connect();
    // The stream's own timer bounds nothing before there is a socket.
    lookup_limit_.emplace(context_, kOpening);
    lookup_limit_->async_wait(guarded([this](error_code error) {
      if (!error) fail("look up " + access_.host + ": no answer in 15 s");
    }));
    resolver_.async_resolve(access_.host, std::to_string(access_.port),
                            guarded([this](error_code error, const tcp::resolver::results_type& found) {
                              lookup_limit_.reset();
                              if (error) return fail("look up " + access_.host + ": " + error.message());
                              where_.assign(found.begin(), found.end());
                              connect();
                            }));
  }

  /// One after the other, each with its share of the time: one that drops what it is sent must not have all of it.
  void connect(std::size_t at = 0) {
    auto& socket = tcp_stream();
    socket.close();  // what the one before left
    socket.expires_after(std::max(kOpening / static_cast<int>(where_.size()), kLeastShare));
    socket.async_connect(where_[at], guarded([this, at](error_code error) {
                           if (error && at + 1 < where_.size()) return connect(at + 1);
                           if (error) return fail("connect to " + url_of(access_) + ": " + error.message());
                           watch_over(tcp_stream().socket().native_handle());
                           handshake();
                         }));
  }

  void handshake() {
    tcp_stream().expires_after(kOpening);
    line_->stream.async_handshake(ssl::stream_base::client, guarded([this](error_code error) {
                                    if (!error) return write();
                                    fail("connect to " + url_of(access_) +
                                         ": TLS: " + tls_trouble(line_->stream.native_handle(), error.message()));
                                  }));
  }

  void write() {
    if (request_.send_before && Instant::clock::now() >= *request_.send_before) return fail("too late to be sent");
    auto& message = line_->message;
    message = {};
    message.method_string(request_.method);
    message.target(access_.base_path + request_.target);
    message.version(11);
    message.set(http::field::host, host_header());
    message.set(http::field::user_agent, "slash32-agent/" SLASH32_VERSION);
    message.set(http::field::accept, "application/json");
    if (!token_.empty()) line_->message.set(http::field::authorization, "Bearer " + token_);
    if (!request_.content_type.empty()) line_->message.set(http::field::content_type, request_.content_type);
    message.body() = request_.body;
    message.prepare_payload();
    tcp_stream().expires_after(kOpening);
    http::async_write(line_->stream, message, guarded([this](error_code error, std::size_t) {
                        if (error) return lost("send", error);
                        read_head();
                      }));
  }

  std::string host_header() const {
    const bool brackets = access_.host.find(':') != access_.host.npos;
    return (brackets ? "[" + access_.host + "]" : access_.host) + ":" + std::to_string(access_.port);
  }

  void read_head() {
    tcp_stream().expires_never();  // how long to wait is the caller's decision
    line_->parser.emplace();
    line_->parser->header_limit(kMaxHeader);
    line_->parser->body_limit(boost::none);  // it goes through our hands in pieces
    http::async_read_header(line_->stream, line_->buffer, *line_->parser,
                            guarded([this](error_code error, std::size_t) {
                              if (error) return lost("read", error);
                              took_head();
                            }));
  }

  void took_head() {
    const auto& message = line_->parser->get();
    told_ = true;
    const auto wait = retry_after(std::string_view(message[http::field::retry_after]));
    tell(handler_.head, ResponseHead{static_cast<int>(message.result_int()), wait});
  }

  /// Calls back; goes on only when the caller did not begin something else in there.
  template <class F, class... Args>
  void tell(const F& handler, Args&&... arguments) {
    const auto turn = turn_;
    const auto call = handler;  // it may be replaced while it runs
    call(std::forward<Args>(arguments)...);
    if (turn == turn_) read_body();
  }

  void read_body() {
    if (line_->parser->is_done()) return finish();
    line_->parser->get().body() = {.data = line_->piece.data(), .size = line_->piece.size(), .more = true};
    http::async_read_some(line_->stream, line_->buffer, *line_->parser, guarded([this](error_code error, std::size_t) {
                            if (error && error != http::error::need_buffer) return lost("read", error);
                            const auto got = line_->piece.size() - line_->parser->get().body().size;
                            if (got == 0) return read_body();
                            tell(handler_.body, std::string_view(line_->piece.data(), got));
                          }));
  }

  void finish() {
    if (!line_->parser->keep_alive()) close();
    busy_ = false;
    ++turn_;
    const auto end = std::exchange(handler_, {}).end;
    end();
  }

  /// A kept connection may have been closed before our request arrived: once more, on a new one.
  void lost(const std::string& doing, error_code error) {
    if (std::exchange(reused_, false) && !told_) return open();
    const bool closed = error == http::error::end_of_stream || error == http::error::partial_message ||
                        error == ssl::error::stream_truncated || error == asio::error::eof;
    fail(doing + ": " + (closed ? "the server closed the connection" : error.message()));
  }

  void fail(const std::string& why) {
    busy_ = false;
    ++turn_;
    close();
    const auto failed = std::exchange(handler_, {}).failed;
    failed(why);
  }

  /// Without TLS's own farewell: nobody who could send more is listened to, and waiting for theirs could take for ever.
  void close() {
    resolver_.cancel();
    lookup_limit_.reset();
    if (line_) tcp_stream().close();
    line_.reset();
  }
  beast::tcp_stream& tcp_stream() { return beast::get_lowest_layer(line_->stream); }

  asio::io_context& context_;
  tcp::resolver resolver_;
  std::optional<asio::steady_timer> lookup_limit_;
  const Access& access_;
  Credentials credentials_;  // of the connection
  std::string token_;
  std::vector<tcp::endpoint> where_;  // never empty once looked for
  std::shared_ptr<Line> line_;
  bool reused_ = false;  // the line served a request before this one
  bool busy_ = false;
  bool told_ = false;  // the caller has seen a head
  std::uint64_t turn_ = 0;
  Request request_;
  ResponseHandler handler_;
};

Connection::Connection(asio::io_context& context, const Access& access)
    : impl_(std::make_shared<Impl>(context, access)) {}
Connection::~Connection() {
  if (impl_) impl_->cut();
}
Connection::Connection(Connection&&) noexcept = default;

void Connection::send(Request request, ResponseHandler handler) { impl_->send(std::move(request), std::move(handler)); }
void Connection::cut() { impl_->cut(); }

}  // namespace slash32::agent::kube
