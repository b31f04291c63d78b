// `slash32ctl reload`: the daemon reads its configuration file again, as on SIGHUP, and says what came of it; or, in a
// dry run, what would.
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/http_client.h"
#include "ctl/text.h"

namespace slash32::ctl {

std::string render_reload(const nlohmann::json& document) {
  const auto& changes = member(document, "changes");
  if (!changes.is_array() || changes.empty()) return "taken; nothing changed\n";
  std::string out = "taken\n";
  for (const auto& change : changes) out += "  " + scalar_text(change) + "\n";
  return out;
}

Status run_reload(const Options& options, std::ostream& out) {
  const std::string answer = TRY(request(options.socket, "POST", "/v1/reload"));
  const auto document = TRY(parse_document(answer, "/v1/reload"));
  print_line(out, options.json ? answer : render_reload(document));
  return ok();
}

std::string render_reload_check(const nlohmann::json& document) {
  const auto& changes = member(document, "changes");
  std::string out = changes.is_array() && !changes.empty() ? "would be taken\n" : "nothing would change\n";
  if (changes.is_array())
    for (const auto& change : changes) out += "  " + scalar_text(change) + "\n";
  return out + field_text(document, "summary") + "\n";
}

Result<bool> run_reload_check(const Options& options, std::ostream& out) {
  const std::string answer = TRY(request(options.socket, "POST", "/v1/reload/check"));
  const auto document = TRY(parse_document(answer, "/v1/reload/check"));
  const auto& resets = member(document, "resets");
  if (!resets.is_number_unsigned()) return fail(5, "/v1/reload/check: the answer does not say what would be reset");
  print_line(out, options.json ? answer : render_reload_check(document));
  return resets.get<std::uint64_t>() == 0;
}

}  // namespace slash32::ctl
