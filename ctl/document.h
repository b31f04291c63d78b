// Documents of the control socket: fetched, parsed, or passed on as they are.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "common/result.h"
#include "ctl/commands.h"

namespace slash32::ctl {

/// Parses what the daemon sent; it must be a JSON object. `source` names it in the error.
Result<nlohmann::json> parse_document(const std::string& text, std::string_view source);

/// The body of GET `target`.
Result<std::string> fetch(const Options& options, std::string_view target);
/// `text` and a line end, unless it has one.
void print_line(std::ostream& out, std::string_view text);

/// GET `target` and print it: `render`ed, or with --json as the daemon sent it.
template <class Render>
Status show(const Options& options, std::string_view target, std::ostream& out, Render render) {
  const std::string text = TRY(fetch(options, target));
  const nlohmann::json document = TRY(parse_document(text, target));
  print_line(out, options.json ? text : render(document));
  return ok();
}

}  // namespace slash32::ctl
