// Connect, write, read to the end, all under one deadline; errors are put into words an operator can act on.
#include "ctl/http_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBufferSize = 65536;
constexpr std::size_t kEnoughOfBody = 200;
constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::chrono::milliseconds kLongestPoll = std::chrono::hours{1};
constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

bool is_success(int status) { return status >= 200 && status <= 299; }

Error connect_error(const std::filesystem::path& socket, int error_number) {
  Error error = sys_fail("connect to " + socket.string(), error_number).error();
  switch (error_number) {
    case ENOENT:
      error.details = "is slash32-bgpd running? Its socket is control.socket in bgpd.json; see --socket";
      break;
    case ECONNREFUSED:
      error.details = "slash32-bgpd has ended and left its socket behind";
      break;
    case EACCES:
    case EPERM:
      error.details = "run slash32ctl as root, or name a socket that only tells (control.readOnlySocket) with --socket";
      break;
    case ENOTSOCK:
    case EPROTOTYPE:
      error.details = "this is not a stream socket; see --socket";
      break;
    default:
      break;
  }
  return error;
}

Result<sockaddr_un> address_of(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(5, "connect to \"" + path + "\": a socket's path has 1 to " +
                       std::to_string(sizeof address.sun_path - 1) + " octets");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> connect_to(const std::filesystem::path& socket) {
  const auto address = TRY(address_of(socket));
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return sys_fail("make a unix socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN)
      return fail(5, "connect to " + socket.string() + ": its queue is full", "slash32-bgpd does not answer");
    return fail(connect_error(socket, errno));
  }
  return fd;
}

/// Waits until `events` are there; an error when the deadline passes first.
Status wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(deadline - Clock::now(), kLongestPoll))
            .count();
    if (left <= 0) return fail(5, "no answer in time", "slash32-bgpd is busy or hangs");
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return ok();
    if (ready < 0 && errno != EINTR) return sys_fail("poll");
  }
}

Status send_all(int fd, std::string_view data, Clock::time_point deadline) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      data.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      TRY(wait_for(fd, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return sys_fail("send the request");
    }
  }
  return ok();
}

/// Takes what is there of the answer, or waits for more.
Status receive_some(int fd, HttpResponseReader& reader, Clock::time_point deadline) {
  std::array<char, kBufferSize> buffer;
  const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (n > 0) return reader.feed({buffer.data(), static_cast<std::size_t>(n)});
  if (n == 0) return reader.finish();
  if (errno == EAGAIN) return wait_for(fd, POLLIN, deadline);
  if (errno != EINTR) return sys_fail("receive the answer");
  return ok();
}

Result<HttpResponse> receive(int fd, Clock::time_point deadline) {
  HttpResponseReader reader;
  while (!reader.done()) TRY(receive_some(fd, reader, deadline));
  return reader.take();
}

Status ask(int fd, std::string_view method, std::string_view target, Clock::time_point deadline) {
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  head += "Host: localhost\r\nUser-Agent: slash32ctl/" SLASH32_VERSION "\r\nAccept: application/json\r\n";
  head += "Content-Length: 0\r\nConnection: close\r\n\r\n";
  return send_all(fd, head, deadline);
}

Result<HttpResponse> exchange(int fd, std::string_view method, std::string_view target, Clock::time_point deadline) {
  TRY(ask(fd, method, target, deadline));
  return receive(fd, deadline);
}

/// Until the answer ends or `take` has enough; an answer that is an error is read to its end and left in `reader`.
Status receive_stream(int fd, HttpResponseReader& reader, const std::function<bool(std::string_view)>& take,
                      Clock::time_point deadline) {
  while (!reader.done()) {
    TRY(receive_some(fd, reader, is_success(reader.status()) ? Clock::time_point::max() : deadline));
    if (!is_success(reader.status())) continue;
    if (const auto body = reader.take_body(); !body.empty() && !take(body)) return ok();
  }
  return ok();
}

/// What the daemon says is wrong: every text of {"errors": [ … ]}, the text of {"error": "…"} or {"error": {"message":
/// "…"}}, else the body's beginning.
std::string complaint_of(const std::string& body) {
  const auto document = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string all;
  if (const auto& errors = member(document, "errors"); errors.is_array())
    for (const auto& one : errors) all += (all.empty() ? "" : "; ") + scalar_text(one);
  if (!all.empty()) return all;
  if (document.is_object() && document.contains("error")) {
    const auto& error = document.at("error");
    if (error.is_string()) return printable(error.get<std::string>());
    if (error.is_object() && error.contains("message") && error.at("message").is_string()) {
      return printable(error.at("message").get<std::string>());
    }
  }
  return body.empty() ? "it does not say why" : printable(body.substr(0, kEnoughOfBody));
}

}  // namespace

Result<bool> is_answering(const std::filesystem::path& socket) {
  const auto address = TRY(address_of(socket));
  const UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return sys_fail("make a unix socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  if (errno == EAGAIN) return true;  // its queue is full: somebody made it
  if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED || errno == ENOTSOCK) return false;
  return fail(connect_error(socket, errno));
}

Result<std::string> request(const std::filesystem::path& socket, std::string_view method, std::string_view target,
                            std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  const std::string what = std::string{method} + " " + std::string{target} + " from " + socket.string();
  const UniqueFd fd = TRY(connect_to(socket));
  auto response = exchange(fd.get(), method, target, deadline);
  if (!response) return fail(in(what, std::move(response).error()));
  if (!is_success(response->status)) {
    return fail(5, what + ": status " + std::to_string(response->status) + ": " + complaint_of(response->body));
  }
  return std::move(response->body);
}

Status stream(const std::filesystem::path& socket, std::string_view target,
              const std::function<bool(std::string_view)>& take, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  const std::string what = "GET " + std::string{target} + " from " + socket.string();
  const UniqueFd fd = TRY(connect_to(socket));
  HttpResponseReader reader;
  auto done = ask(fd.get(), "GET", target, deadline);
  if (done) done = receive_stream(fd.get(), reader, take, deadline);
  if (!done) return fail(in(what, std::move(done).error()));
  if (!is_success(reader.status()))
    return fail(5, what + ": status " + std::to_string(reader.status()) + ": " + complaint_of(reader.take_body()));
  return ok();
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kHexDigits[octet >> 4];
    out += kHexDigits[octet & 0xf];
  }
  return out;
}

}  // namespace slash32::ctl
