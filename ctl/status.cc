// `slash32ctl status`: the daemon at a glance, and what is wrong with it.
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

/// "10.244.1.0/24 (ready), fd00::/64 (not ready)".
std::string aggregates_text(const json& aggregates) {
  std::string out;
  if (!aggregates.is_array()) return out;
  for (const json& one : aggregates) {
    if (!out.empty()) out += ", ";
    out += one.is_object() ? field_text(one, "prefix") : scalar_text(one);
    if (member(one, "ready").is_boolean()) out += field_is_true(one, "ready") ? " (ready)" : " (not ready)";
  }
  return out;
}

/// The scalar members of an object: "installed 12, failed 0"; a scalar is itself.
std::string numbers_text(const json& value) {
  if (!value.is_object()) return scalar_text(value);
  std::string out;
  for (const auto& [key, number] : value.items()) {
    if (number.is_structured()) continue;
    if (!out.empty()) out += ", ";
    out += printable(key) + " " + scalar_text(number);
  }
  return out;
}

/// A condition is a sentence, or an object with a type and a message.
std::string condition_text(const json& condition) {
  if (!condition.is_object()) return scalar_text(condition);
  std::string out;
  for (const char* key : {"type", "status", "reason", "message"}) {
    const std::string text = field_text(condition, key);
    if (text == kNothing) continue;
    if (!out.empty()) out += ": ";
    out += text;
  }
  return out.empty() ? numbers_text(condition) : out;
}

/// "/etc/slash32/bgpd.json, since 2026-11-22T03:15:28Z", or that it was PUT in the place of that file.
std::string configuration_text(const json& one) {
  const bool put = field_text(one, "source") == "put";
  std::string out =
      (put ? "PUT in the place of " : "") + field_text(one, "file") + ", since " + field_text(one, "since");
  if (member(one, "kept").is_string()) out += ", kept in " + field_text(one, "kept");
  return out;
}

}  // namespace

std::string render_status(const json& document) {
  std::vector<std::pair<std::string, std::string>> lines{
      {"version", field_text(document, "version")},
      {"state", field_text(document, "state")},
      {"up", field_duration(document, "uptimeSeconds")},
      {"router ID", field_text(document, "routerId")},
      {"local AS", field_text(document, "localAs")},
      {"neighbors", numbers_text(member(document, "neighbors"))},
      {"prefixes", numbers_text(member(document, "prefixes"))},
      {"pods", numbers_text(member(document, "pods"))},
      {"aggregates", aggregates_text(member(document, "aggregates"))},
      {"kernel", numbers_text(member(document, "fib"))},
  };
  if (const json& source = member(document, "configuration"); source.is_object())
    lines.insert(lines.begin() + 3, {"configured", configuration_text(source)});
  const json& conditions = member(document, "conditions");
  if (conditions.is_array()) {
    for (const json& one : conditions) lines.emplace_back("condition", condition_text(one));
  }
  return titled_lines(lines);
}

Status run_status(const Options& options, std::ostream& out) { return show(options, "/v1/status", out, render_status); }

}  // namespace slash32::ctl
