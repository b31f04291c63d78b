// Errors are put into words an operator can act on.
#include "ctl/http_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "common/control/http_client.h"
#include "common/fd.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kEnoughOfBody = 200;
constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

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

Result<UniqueFd> connect_to(const std::filesystem::path& socket) {
  auto fd = control::connect_unix(socket);
  if (fd) return *std::move(fd);
  if (fd.error() == ENAMETOOLONG)
    return fail(5, "connect to \"" + socket.native() + "\": a socket's path has 1 to " +
                       std::to_string(control::kLongestSocketPath) + " octets");
  if (fd.error() == EAGAIN)
    return fail(5, "connect to " + socket.string() + ": its queue is full", "slash32-bgpd does not answer");
  return fail(connect_error(socket, fd.error()));
}

control::Question question(std::string_view method, std::string_view target) {
  return {.method = method, .target = target, .user_agent = "slash32ctl/" SLASH32_VERSION};
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
  const auto fd = control::connect_unix(socket);
  if (fd || fd.error() == EAGAIN) return true;  // its queue is full: somebody made it
  for (const int nobody : {ENOENT, ENOTDIR, ECONNREFUSED, ENOTSOCK})
    if (fd.error() == nobody) return false;
  if (fd.error() == ENAMETOOLONG) return fail(connect_to(socket).error());
  return fail(connect_error(socket, fd.error()));
}

Result<std::string> request(const std::filesystem::path& socket, std::string_view method, std::string_view target,
                            std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  const std::string what = std::string{method} + " " + std::string{target} + " from " + socket.string();
  const UniqueFd fd = TRY(connect_to(socket));
  auto answer = control::ask(fd.get(), question(method, target), deadline);
  if (!answer) return fail(in(what, std::move(answer).error()));
  if (!control::is_success(answer->status))
    return fail(5, what + ": status " + std::to_string(answer->status) + ": " + complaint_of(answer->body));
  return std::move(answer->body);
}

Status stream(const std::filesystem::path& socket, std::string_view target,
              const std::function<bool(std::string_view)>& take, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  const std::string what = "GET " + std::string{target} + " from " + socket.string();
  const UniqueFd fd = TRY(connect_to(socket));
  const auto answer = control::ask_stream(fd.get(), question("GET", target), take, deadline);
  if (!answer) return fail(in(what, answer.error()));
  if (!control::is_success(answer->status))
    return fail(5, what + ": status " + std::to_string(answer->status) + ": " + complaint_of(answer->body));
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
