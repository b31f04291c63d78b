#include "bgpd/error_views.h"

#include <algorithm>

#include "bgpd/wire/attribute_table.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

using nlohmann::ordered_json;

ordered_json one_notification(const Notification& n, ErrorDetail detail) {
  ordered_json out = {{"code", n.code}, {"subcode", n.subcode}, {"name", notification_name(n)}};
  if (auto text = shutdown_text(n); !text.empty()) out["text"] = std::move(text);
  if (detail == ErrorDetail::Messages)
    out["data"] = hex_text(std::span{n.data}.first(std::min(n.data.size(), KeptMessage::kMost)));
  return out;
}

ordered_json noted_view(const std::shared_ptr<const NotedNotification>& noted, const ViewTime& time,
                        ErrorDetail detail) {
  if (!noted) return nullptr;
  ordered_json out = {{"time", time_text(time, noted->at)}};
  out.update(notification_view(noted->notification, detail));
  if (detail == ErrorDetail::Messages && noted->message) out["message"] = message_view(*noted->message);
  return out;
}

std::string attribute_name(std::uint8_t type) {
  const AttributeRule* rule = find_rule(type);
  return rule == nullptr ? std::string{} : std::string{rule->name};
}

}  // namespace

ordered_json message_view(const KeptMessage& message) {
  ordered_json out = {{"octets", message.octets}, {"hex", hex_text(message.bytes)}};
  if (message.bytes.size() < message.octets) out["truncated"] = true;
  return out;
}

ordered_json notification_view(const Notification& n, ErrorDetail detail) {
  ordered_json out = one_notification(n, detail);
  if (const Notification cause = cause_of(n); cause != n) out["cause"] = one_notification(cause, detail);
  return out;
}

ordered_json malformed_view(const NotedUpdate& update, const ViewTime& time, ErrorDetail detail) {
  const bool withdrawn = update.verdict == Verdict::TreatAsWithdraw;
  ordered_json out = {{"time", time_text(time, update.at)},
                      {"treatment", withdrawn ? "treatAsWithdraw" : "attributeDiscard"},
                      {"why", update.why}};
  if (const auto type = update.fault.attribute) {
    out["attribute"] = *type;
    if (auto name = attribute_name(*type); !name.empty()) out["attributeName"] = std::move(name);
  }
  if (update.fault.offset) out["offset"] = *update.fault.offset;
  if (detail == ErrorDetail::Messages) out["message"] = message_view(update.message);
  return out;
}

ordered_json errors_view(const LastErrors& errors, const ViewTime& time, ErrorDetail detail) {
  return {
      {"sent", noted_view(errors.sent, time, detail)},
      {"received", noted_view(errors.received, time, detail)},
      {"malformedUpdate", errors.malformed ? malformed_view(*errors.malformed, time, detail) : ordered_json(nullptr)}};
}

}  // namespace slash32::bgp
