#include "bgpd/check_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

namespace slash32::bgp {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;
using Stream = boost::beast::basic_stream<stream_protocol>;
using nlohmann::json;

constexpr std::chrono::seconds kPatience{10};
constexpr std::uint64_t kMaxAnswer = 16 << 20;
constexpr std::size_t kLongestPath = 107;  // unix(7)

struct Exchange {
  http::request<http::string_body> request{http::verb::post, "/v1/config/check", 11};
  http::response_parser<http::string_body> parser;
  boost::beast::flat_buffer buffer;
  error_code error;
};

/// One step of the exchange, to its end: the stream's deadline ends it where the daemon does not.
template <class Begin>
Status step(asio::io_context& context, Exchange& exchange, const std::string& what, Begin begin) {
  begin([&exchange](error_code error, auto...) { exchange.error = error; });
  context.restart();
  context.run();
  if (exchange.error) return fail(5, what + ": " + exchange.error.message());
  return ok();
}

Result<json> ask(const std::string& socket, const std::string& conf, unsigned& status) {
  if (socket.empty() || socket.size() > kLongestPath)
    return fail(5, "a socket's path has 1 to " + std::to_string(kLongestPath) + " octets");
  asio::io_context context;
  Stream stream(context);
  Exchange exchange;
  exchange.request.set(http::field::host, "localhost");
  exchange.request.set(http::field::connection, "close");
  exchange.request.body() = conf;
  exchange.request.prepare_payload();
  exchange.parser.body_limit(kMaxAnswer);
  stream.expires_after(kPatience);
  TRY(step(context, exchange, "connect to " + socket,
           [&](auto done) { stream.async_connect(stream_protocol::endpoint(socket), done); }));
  TRY(step(context, exchange, "ask " + socket, [&](auto done) { http::async_write(stream, exchange.request, done); }));
  TRY(step(context, exchange, "read the answer of " + socket,
           [&](auto done) { http::async_read(stream, exchange.buffer, exchange.parser, done); }));
  status = exchange.parser.get().result_int();
  auto document = json::parse(exchange.parser.get().body(), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return fail(5, "the answer of " + socket + " is no JSON object");
  return document;
}

/// The strings of an array, a line each, indented.
std::string lines_of(const json& document, const char* key) {
  std::string out;
  if (const auto found = document.find(key); found != document.end() && found->is_array())
    for (const auto& one : *found)
      if (one.is_string()) out += "  " + one.get<std::string>() + "\n";
  return out;
}

}  // namespace

Result<CheckAnswer> check_against(const std::string& socket, const std::string& conf) {
  unsigned status = 0;
  const json document = TRY(ask(socket, conf, status));
  if (status != 200) {
    const auto errors = lines_of(document, "errors");
    const auto error = document.value("error", json{});
    return fail(7, "slash32-bgpd on " + socket + " would refuse it (status " + std::to_string(status) + "):\n" +
                       (errors.empty() ? "  " + (error.is_string() ? error.get<std::string>() : "it does not say why")
                                       : errors.substr(0, errors.size() - 1)));
  }
  const auto resets = document.find("resets"), summary = document.find("summary");
  if (resets == document.end() || !resets->is_number_unsigned() || summary == document.end() || !summary->is_string())
    return fail(5, "the answer of " + socket + " does not say what would be reset");
  const auto changes = lines_of(document, "changes");
  return CheckAnswer{.resets = resets->get<std::uint64_t>() > 0,
                     .text = (changes.empty() ? "nothing would change\n" : "would be taken\n" + changes) +
                             summary->get<std::string>() + "\n"};
}

}  // namespace slash32::bgp
