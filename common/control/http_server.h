// HTTP/1.1 over a unix socket, as `curl --unix-socket` speaks it. Bounded in size, time and number of connections; long
// answers go out in chunks, a piece a turn, so that nothing else waits. Knows no BGP: what is asked and answered is the
// handler's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/control/socket_access.h"
#include "common/fd.h"
#include "common/result.h"

namespace boost::asio {
class io_context;
}

namespace slash32::control {

struct HttpRequest {
  std::string method;                        // "GET"; also for HEAD, whose answer goes without its body
  std::string path;                          // "/v1/neighbors", percent-decoded
  std::map<std::string, std::string> query;  // percent-decoded
  std::string body;
};

/// An answer, JSON unless it says otherwise.
struct HttpResponse {
  int status = 200;
  std::string body;
  /// Where there is one, the answer is chunked: `body` first, then what this returns, a call a turn, until it returns
  /// nothing.
  std::function<std::optional<std::string>()> more;
  std::string allow = {};  // of a 405: the methods there are (RFC 9110 section 15.5.6)
  std::string content_type = "application/json";
  /// Where there is one, `more` returning an empty piece means "nothing yet": this is then given what to call, from the
  /// loop, when there may be more. Such an answer lasts as long as its reader and the server do; only each write of it
  /// is bounded in time.
  std::function<void(std::function<void()> wake)> when_more = {};
};

/// {"error": message}
HttpResponse error_response(int status, const std::string& message);

/// Path and query of a request target. Error: it is malformed, or names a parameter twice.
Result<HttpRequest> parse_target(const std::string& method, const std::string& target);

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  /// Binds `path` (for whom `access` says, never for others in between; its directory made where missing). A socket
  /// nobody answers on is replaced; one that answers, and anything that is not a socket, is left alone and an error.
  /// `program` names us in it and in answers.
  static Result<HttpServer> open(boost::asio::io_context& context, const std::string& program, const std::string& path,
                                 Handler handler, const SocketAccess& access = {});
  /// Gives the socket's file to another group, or another mode. Error: why not; then nothing changed.
  Status set_access(const SocketAccess& access);
  /// The same on a stream socket that listens already (TCP); there is no file then, and a request with a body is
  /// refused: anybody may call.
  static HttpServer adopt(boost::asio::io_context& context, const std::string& program, UniqueFd listening,
                          Handler handler);
  /// Begins to answer. Clients that connected since open() have waited in the kernel's queue.
  void serve();
  /// Whether the socket's file is still the one we made.
  bool is_in_place() const;
  ~HttpServer();  // removes the socket if it is still ours; answers that are being written have a second more
  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) noexcept;

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::control
