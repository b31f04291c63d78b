// `slash32ctl reload`: the daemon reads its configuration file again, as on SIGHUP, and says what came of it.
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

}  // namespace slash32::ctl
