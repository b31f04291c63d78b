#include "agent/bgpd_client.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <utility>

namespace slash32::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::seconds kPatience{10};
constexpr std::uint64_t kMaxAnswer = 16 << 20;  // the neighbours of a large mesh
constexpr std::size_t kLongestPath = 107;       // unix(7)

/// One question.
class Question : public std::enable_shared_from_this<Question> {
 public:
  Question(asio::io_context& context, BgpdClient::Done done) : stream_(context), done_(std::move(done)) {
    parser_.body_limit(kMaxAnswer);
  }

  void ask(const std::string& socket, const std::string& method, const std::string& target) {
    request_.method_string(method);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, "slash32-bgpd");
    request_.prepare_payload();
    stream_.expires_after(kPatience);
    stream_.async_connect(stream_protocol::endpoint(socket), [self = shared_from_this(), socket](error_code error) {
      if (error) return self->finish(fail(5, "slash32-bgpd does not answer on " + socket + ": " + error.message()));
      self->write();
    });
  }

 private:
  void write() {
    http::async_write(stream_, request_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->finish(fail(5, "ask slash32-bgpd: " + error.message()));
      self->read();
    });
  }
  void read() {
    http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->finish(fail(5, "read slash32-bgpd's answer: " + error.message()));
      auto& answer = self->parser_.get();
      self->finish(BgpdAnswer{static_cast<int>(answer.result_int()), std::move(answer.body())});
    });
  }
  void finish(Result<BgpdAnswer> result) { std::exchange(done_, {})(std::move(result)); }

  beast::basic_stream<stream_protocol> stream_;
  BgpdClient::Done done_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
};

}  // namespace

class BgpdClient::Impl {
 public:
  Impl(asio::io_context& io, std::filesystem::path path) : context(io), socket(std::move(path)) {}

  asio::io_context& context;
  std::filesystem::path socket;
};

BgpdClient::BgpdClient(asio::io_context& context, std::filesystem::path socket)
    : impl_(std::make_shared<Impl>(context, std::move(socket))) {}
BgpdClient::~BgpdClient() = default;
BgpdClient::BgpdClient(BgpdClient&&) noexcept = default;

void BgpdClient::ask(const std::string& method, const std::string& target, Done done) {
  const auto path = impl_->socket.string().substr(0, kLongestPath);  // a longer one cannot be bound either
  auto told = [weak = std::weak_ptr(impl_), done = std::move(done)](Result<BgpdAnswer> result) {
    if (!weak.expired()) done(std::move(result));
  };
  std::make_shared<Question>(impl_->context, std::move(told))->ask(path, method, target);
}

}  // namespace slash32::agent
