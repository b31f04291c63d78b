#include "ctl/document.h"

#include <ostream>

#include "ctl/http_client.h"

namespace slash32::ctl {

Result<nlohmann::json> parse_document(const std::string& text, std::string_view source) {
  auto document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_object()) return document;
  return fail(6, "the answer to " + std::string{source} + " is not a JSON object",
              "are slash32ctl and slash32-bgpd of the same version?");
}

Result<std::string> fetch(const Options& options, std::string_view target) {
  return request(options.socket, "GET", target);
}

void print_line(std::ostream& out, std::string_view text) {
  out << text;
  if (!text.ends_with('\n')) out << '\n';
}

}  // namespace slash32::ctl
