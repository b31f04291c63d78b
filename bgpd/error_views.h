// What the control interface shows of errors on a session, as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "bgpd/peer/last_errors.h"
#include "bgpd/view_text.h"

namespace slash32::bgp {

/// How much of it: messages are long, and a list has many neighbours.
enum class ErrorDetail : std::uint8_t { Summary, Messages };

/// {"octets": how many there were, "hex": those kept, "truncated": only where these are not all}.
nlohmann::ordered_json message_view(const KeptMessage& message);

/// {"code", "subcode", "name", "text", "cause": what a Hard Reset carries (RFC 8538)}; "data" in hex with Messages.
nlohmann::ordered_json notification_view(const Notification& notification, ErrorDetail detail);

nlohmann::ordered_json malformed_view(const NotedUpdate& update, const ViewTime& time, ErrorDetail detail);

/// {"sent", "received", "malformedUpdate"}: the last of each, with its time; null where there was none. With Messages
/// each has the "message" it is about, where there is one: {"octets", "hex"}.
nlohmann::ordered_json errors_view(const LastErrors& errors, const ViewTime& time, ErrorDetail detail);

}  // namespace slash32::bgp
