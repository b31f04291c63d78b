// What the control interface shows of an OPEN and of its capabilities (RFC 5492), as JSON: each by code, name and what
// it says, read from the octets themselves, so that what nobody here knows is shown as well. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>

#include "bgpd/fsm/session.h"
#include "bgpd/peer/last_opens.h"
#include "bgpd/view_text.h"

namespace slash32::bgp {

/// "ipv4" or "ipv6".
nlohmann::ordered_json family_view(AddressFamily family);
nlohmann::ordered_json family_view(const std::vector<AddressFamily>& families);

/// Of a whole OPEN, the capabilities in their order: [{"code", "name", …}]. One that is not known by name, or does not
/// read as its RFC says ("malformed"), has its value in "hex".
nlohmann::ordered_json capabilities_view(std::span<const std::uint8_t> open);
/// What both sides have, by the same names.
nlohmann::ordered_json negotiated_view(const Session& session);

/// {"time", "version", "as", "holdTime", "routerId", "message"}; null where there was none. `as` is what the message's
/// own field says (RFC 6793: 23456 where it does not fit).
nlohmann::ordered_json open_view(const std::shared_ptr<const NotedOpen>& open, const ViewTime& time);

}  // namespace slash32::bgp
