// The NOTIFICATION codec (RFC 4271 section 4.5), its text (RFC 9003) and Hard Reset (RFC 8538 section 3).
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/wire/iana.h"
#include "bgpd/wire/message.h"

namespace slash32::bgp {

/// A Notification from named parts.
Notification notification(ErrorCode code, std::uint8_t subcode = 0, std::vector<std::uint8_t> data = {});

/// Cease with a text for the other side's operator (RFC 9003): cut to 255 octets at a UTF-8 character. An empty text
/// sends no data. Only subcodes 2 and 4 carry a text; for others it is left out.
Notification cease_with_text(std::uint8_t subcode, std::string_view text);

/// Cease/9 around `cause`, whose code, subcode and data are the data (RFC 8538 section 3.1). A Hard Reset is not
/// wrapped again.
Notification hard_reset(const Notification& cause);
bool is_hard_reset(const Notification& notification);

/// What a Hard Reset carries, where it carries anything; of any other NOTIFICATION itself.
Notification cause_of(const Notification& notification);
/// The longest text, in octets (RFC 9003 section 2).
inline constexpr std::size_t kMaxShutdownText = 255;

/// "Cease/Administrative Shutdown": code and subcode as the IANA registry has them, numbers where it has none.
std::string notification_name(const Notification& notification);
/// The text for operators in a Cease/2 or /4 (RFC 9003 section 2), printable; empty where there is none.
std::string shutdown_text(const Notification& notification);

/// Reads the body of a NOTIFICATION (two octets at least; the header's length check saw to that). Never fails: an error
/// in a NOTIFICATION is not answered (RFC 4271 section 6.4).
Notification decode_notification(std::span<const std::uint8_t> body);

/// The whole message; data that would pass 4096 octets is cut.
std::vector<std::uint8_t> encode_notification(const Notification& notification);

/// Code and subcode under which a NOTIFICATION is counted: its own where a registry has them, else 255 for the subcode,
/// or for both. What a peer makes up cannot make the counters many.
struct NotificationKind {
  std::uint8_t code = 0;
  std::uint8_t subcode = 0;
  auto operator<=>(const NotificationKind&) const = default;
};
inline constexpr std::uint8_t kOtherKind = 255;
NotificationKind kind_of(const Notification& notification);

}  // namespace slash32::bgp
