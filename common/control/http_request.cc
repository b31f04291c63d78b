// What an HTTP request asks for: path and query of its target (RFC 3986 section 3), and answers that say no.
#include <nlohmann/json.hpp>

#include "common/control/http_server.h"

namespace slash32::control {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(const std::string& text) {  // RFC 3986 section 2.1
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

}  // namespace

Result<HttpRequest> parse_target(const std::string& method, const std::string& target) {
  constexpr const char* kMalformed = "malformed request target";
  if (target.empty() || target.front() != '/') return fail(7, kMalformed);
  HttpRequest out{.method = method, .path = {}, .query = {}, .body = {}};
  const auto question = target.find('?');
  const auto path = decode(target.substr(0, question));
  if (!path) return fail(7, kMalformed);
  out.path = *path;
  if (question == std::string::npos) return out;
  std::size_t at = question + 1;
  while (at <= target.size()) {
    const auto end = std::min(target.find('&', at), target.size());
    const auto pair = target.substr(at, end - at);
    const auto equals = pair.find('=');
    const auto name = decode(pair.substr(0, equals));
    const auto value = equals == std::string::npos ? std::optional<std::string>{""} : decode(pair.substr(equals + 1));
    if (!name || !value) return fail(7, kMalformed);
    if (!name->empty() && !out.query.emplace(*name, *value).second)
      return fail(7, "the parameter \"" + *name + "\" is there twice");
    at = end + 1;
  }
  return out;
}

HttpResponse error_response(int status, const std::string& message) {
  const nlohmann::json body = {{"error", message}};
  return {.status = status,
          .body = body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
          .more = nullptr};
}

}  // namespace slash32::control
