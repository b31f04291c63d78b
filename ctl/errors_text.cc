// For `slash32ctl neighbors NAME`; messages as a hex dump.
#include "ctl/errors_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kDigitsALine = 64;  // 32 octets
constexpr std::size_t kDigitsAGroup = 8;
constexpr std::string_view kIndent = "            ";

std::string offset_text(std::size_t octets) {
  std::string out = std::to_string(octets);
  return std::string(out.size() < 4 ? 4 - out.size() : 0, ' ') + out;
}

/// Lines of 32 octets behind the offset of their first, which is what `offset` of an error counts.
std::string dump_text(const std::string& hex) {
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += kDigitsALine) {
    out.append(kIndent).append("  ").append(offset_text(at / 2)).append(" ");
    const std::size_t end = std::min(at + kDigitsALine, hex.size());
    for (std::size_t i = at; i < end; i += kDigitsAGroup)
      out.append(" ").append(printable(hex.substr(i, std::min(kDigitsAGroup, end - i))));
    out += '\n';
  }
  return out;
}

std::string message_text(const json& message, std::string_view whose) {
  const json& hex = member(message, "hex");
  if (!hex.is_string()) return {};
  std::string out{kIndent};
  out.append(whose).append(", ").append(field_text(message, "octets")).append(" octets");
  out += field_is_true(message, "truncated") ? ", the first of them:\n" : ":\n";
  return out + dump_text(hex.get<std::string>());
}

std::string name_text(const json& notification) {
  std::string out = field_text(notification, "name") + " (" + field_text(notification, "code") + "/" +
                    field_text(notification, "subcode") + ")";
  if (member(notification, "text").is_string()) out += ": \"" + field_text(notification, "text") + "\"";
  return out;
}

std::string notification_text(std::string_view title, const json& noted, std::string_view whose) {
  if (!noted.is_object()) return {};
  std::string out = titled_lines({{std::string(title), field_text(noted, "time") + " " + name_text(noted)}});
  if (const json& cause = member(noted, "cause"); cause.is_object())
    out.append(kIndent).append("because of ").append(name_text(cause)).append("\n");
  if (const std::string data = field_text(noted, "data"); data != kNothing)
    out.append(kIndent).append("data ").append(data).append("\n");
  return out + message_text(member(noted, "message"), whose);
}

std::string malformed_text(const json& update) {
  if (!update.is_object()) return {};
  std::string out =
      titled_lines({{"last UPDATE", field_text(update, "time") + " malformed, " + field_text(update, "treatment") +
                                        " (RFC 7606): " + field_text(update, "why")}});
  const std::string type = field_text(update, "attribute"), at = field_text(update, "offset");
  if (type != kNothing || at != kNothing) {
    out += kIndent;
    if (type != kNothing) out += "attribute " + type;
    if (member(update, "attributeName").is_string()) out += " (" + field_text(update, "attributeName") + ")";
    if (at != kNothing) out += (type != kNothing ? ", " : "") + std::string("at octet ") + at;
    out += '\n';
  }
  return out + message_text(member(update, "message"), "the message");
}

}  // namespace

std::string errors_text(const json& errors) {
  return notification_text("last sent", member(errors, "sent"), "about the neighbor's message") +
         notification_text("last recvd", member(errors, "received"), "the message") +
         malformed_text(member(errors, "malformedUpdate"));
}

}  // namespace slash32::ctl
