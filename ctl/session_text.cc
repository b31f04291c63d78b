// For `slash32ctl neighbors NAME`. Knows no capability: whatever an entry has is said in its order.
#include "ctl/session_text.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view kIndent = "            ";

std::string joined(const std::string& before, std::string_view separator, const std::string& next) {
  if (next.empty()) return before;
  return before.empty() ? next : before + std::string(separator) + next;
}

/// "ipv4 no restarting restartTime 120": an object's members, without those that stand elsewhere.
std::string members_text(const json& object);

/// "a, b" of texts, "(…) (…)" of objects.
std::string value_text(const json& value) {
  if (value.is_object()) return "(" + members_text(value) + ")";
  if (!value.is_array()) return scalar_text(value);
  std::string out;
  for (const json& one : value) out = joined(out, one.is_object() ? " " : ", ", value_text(one));
  return out.empty() ? "none" : out;
}

std::string member_text(const std::string& key, const json& value) {
  if (value.is_boolean()) return (value.get<bool>() ? "" : "no ") + printable(key);
  const bool speaks_for_itself = key == "family" || key == "families";
  return speaks_for_itself ? value_text(value) : printable(key) + " " + value_text(value);
}

std::string members_text(const json& object) {
  std::string out;
  for (const auto& [key, value] : object.items())
    if (key != "code" && key != "name") out = joined(out, ", ", member_text(key, value));
  return out;
}

/// "64 gracefulRestart: restartTime 120, no restarting, …"
std::string capability_text(const json& capability) {
  std::string out = member(capability, "code").is_number() ? field_text(capability, "code") : std::string{};
  if (member(capability, "name").is_string()) out = joined(out, " ", field_text(capability, "name"));
  const std::string more = members_text(capability);
  return more.empty() ? out : out + ": " + more;
}

std::string lines_of(const json& capabilities) {
  std::string out;
  if (!capabilities.is_array()) return out;
  for (const json& one : capabilities) out.append(kIndent).append(capability_text(one)).append("\n");
  return out;
}

std::string open_text(const std::string& title, const json& open, const json& capabilities) {
  if (!open.is_object()) return {};
  return titled_lines(
             {{title, field_text(open, "time") + ", AS " + field_text(open, "as") + ", ID " +
                          field_text(open, "routerId") + ", hold time " + field_text(open, "holdTime") + " s"}}) +
         lines_of(capabilities);
}

/// "hold 81.25 s, keepalive 12 s, restart (ipv4 81 s)"; "sendHoldTime 480 s".
std::string seconds_text(const json& times) {
  std::string out;
  for (const auto& [key, value] : times.items()) {
    const std::string text = value.is_object() ? "(" + seconds_text(value) + ")" : scalar_text(value) + " s";
    out = joined(out, ", ", printable(key) + " " + text);
  }
  return out;
}

std::string timers_text(const json& timers) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto put = [&](const char* title, const char* key) {
    const json& times = member(timers, key);
    if (times.is_object() && !times.empty()) lines.emplace_back(title, seconds_text(times));
  };
  put("time left", "remaining");
  put("configured", "configured");
  put("agreed on", "negotiated");
  return titled_lines(lines);
}

}  // namespace

std::string session_text(const json& neighbor) {
  const json& capabilities = member(neighbor, "capabilities");
  const json& open = member(neighbor, "open");
  std::string out = timers_text(member(neighbor, "timers"));
  out += open_text("our OPEN", member(open, "sent"), member(capabilities, "local"));
  out += open_text("its OPEN", member(open, "received"), member(capabilities, "remote"));
  if (const std::string both = lines_of(member(capabilities, "negotiated")); !both.empty())
    out += titled_lines({{"both have", "what is used of it"}}) + both;
  return out;
}

}  // namespace slash32::ctl
