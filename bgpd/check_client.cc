#include "bgpd/check_client.h"

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/control/http_client.h"

namespace slash32::bgp {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMaxAnswer = 16 << 20;

Result<json> ask(const std::string& socket, const std::string& conf, int& status) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto fd = control::connect_unix(socket);
  if (!fd && fd.error() == ENAMETOOLONG)
    return fail(5, "a socket's path has 1 to " + std::to_string(control::kLongestSocketPath) + " octets");
  if (!fd) return sys_fail("connect to " + socket, fd.error());
  auto answer = control::ask(
      fd->get(), {.method = "POST", .target = "/v1/config/check", .body = conf, .most_body = kMaxAnswer}, deadline);
  if (!answer) return fail(in("ask " + socket, std::move(answer).error()));
  status = answer->status;
  auto document = json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
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
  int status = 0;
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
