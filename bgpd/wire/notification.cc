// Names of codes and subcodes as the IANA registry has them; the text of RFC 9003; RFC 8538's Hard Reset.
#include "bgpd/wire/notification.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "bgpd/wire/header.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

struct CodeName {
  std::uint8_t code;
  std::uint8_t subcode;
  std::string_view name;
};

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-3 and the subcode registries behind it.
constexpr std::array kSubcodes{
    CodeName{1, 1, "Connection Not Synchronized"},
    CodeName{1, 2, "Bad Message Length"},
    CodeName{1, 3, "Bad Message Type"},
    CodeName{2, 1, "Unsupported Version Number"},
    CodeName{2, 2, "Bad Peer AS"},
    CodeName{2, 3, "Bad BGP Identifier"},
    CodeName{2, 4, "Unsupported Optional Parameter"},
    CodeName{2, 6, "Unacceptable Hold Time"},
    CodeName{2, 7, "Unsupported Capability"},
    CodeName{2, 11, "Role Mismatch"},
    CodeName{3, 1, "Malformed Attribute List"},
    CodeName{3, 2, "Unrecognized Well-known Attribute"},
    CodeName{3, 3, "Missing Well-known Attribute"},
    CodeName{3, 4, "Attribute Flags Error"},
    CodeName{3, 5, "Attribute Length Error"},
    CodeName{3, 6, "Invalid ORIGIN Attribute"},
    CodeName{3, 8, "Invalid NEXT_HOP Attribute"},
    CodeName{3, 9, "Optional Attribute Error"},
    CodeName{3, 10, "Invalid Network Field"},
    CodeName{3, 11, "Malformed AS_PATH"},
    CodeName{5, 1, "Receive Unexpected Message in OpenSent State"},
    CodeName{5, 2, "Receive Unexpected Message in OpenConfirm State"},
    CodeName{5, 3, "Receive Unexpected Message in Established State"},
    CodeName{6, 1, "Maximum Number of Prefixes Reached"},
    CodeName{6, 2, "Administrative Shutdown"},
    CodeName{6, 3, "Peer De-configured"},
    CodeName{6, 4, "Administrative Reset"},
    CodeName{6, 5, "Connection Rejected"},
    CodeName{6, 6, "Other Configuration Change"},
    CodeName{6, 7, "Connection Collision Resolution"},
    CodeName{6, 8, "Out of Resources"},
    CodeName{6, 9, "Hard Reset"},
    CodeName{6, 10, "BFD Down"},
    CodeName{7, 1, "Invalid Message Length"},
};

std::string code_name(std::uint8_t code) {
  switch (static_cast<ErrorCode>(code)) {
    case ErrorCode::MessageHeader:
      return "Message Header Error";
    case ErrorCode::OpenMessage:
      return "OPEN Message Error";
    case ErrorCode::UpdateMessage:
      return "UPDATE Message Error";
    case ErrorCode::HoldTimerExpired:
      return "Hold Timer Expired";
    case ErrorCode::FiniteStateMachine:
      return "Finite State Machine Error";
    case ErrorCode::Cease:
      return "Cease";
    case ErrorCode::RouteRefreshMessage:
      return "ROUTE-REFRESH Message Error";
    case ErrorCode::SendHoldTimerExpired:
      return "Send Hold Timer Expired";
  }
  return "code " + std::to_string(code);
}

bool carries_text(std::uint8_t subcode) {
  return subcode == cease::kAdministrativeShutdown || subcode == cease::kAdministrativeReset;
}

/// How many octets a UTF-8 character of this first octet has; 0: none begins so (RFC 3629 section 4).
std::size_t utf8_length(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/// RFC 3629 section 4, the second octet's ranges included (no surrogates, nothing overlong).
bool is_utf8_character(std::span<const std::uint8_t> c) {
  if (c.size() == 1) return c[0] >= 0x20 && c[0] != 0x7f;
  for (const std::uint8_t octet : c.subspan(1))
    if ((octet & 0xc0) != 0x80) return false;
  return !(c[0] == 0xe0 && c[1] < 0xa0) && !(c[0] == 0xed && c[1] > 0x9f) && !(c[0] == 0xf0 && c[1] < 0x90) &&
         !(c[0] == 0xf4 && c[1] > 0x8f);
}

/// Printable text of a peer's octets: control characters and broken UTF-8 must reach neither a log line nor JSON.
std::string printable(std::span<const std::uint8_t> text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_length(text[0]);
    const bool good = size != 0 && size <= text.size() && is_utf8_character(text.first(size));
    if (good)
      out.append(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    else
      out += '?';
    text = text.subspan(good ? size : 1);
  }
  return out;
}

std::string describe_one(const Notification& n) {
  const std::string text = shutdown_text(n);
  return notification_name(n) + (text.empty() ? "" : ": " + text);
}

}  // namespace

std::string notification_name(const Notification& n) {
  std::string out = code_name(n.code);
  const auto* row =
      std::ranges::find_if(kSubcodes, [&](const CodeName& s) { return s.code == n.code && s.subcode == n.subcode; });
  if (row != kSubcodes.end())
    out += "/" + std::string{row->name};
  else if (n.subcode != 0)
    out += "/" + std::to_string(n.subcode);
  return out;
}

// One octet of length, then UTF-8. Nothing where the length disagrees with the data.
std::string shutdown_text(const Notification& n) {
  if (n.code != static_cast<std::uint8_t>(ErrorCode::Cease) || !carries_text(n.subcode)) return {};
  ByteReader in{n.data};
  const auto text = in.bytes(in.u8());
  return in.failed() || !in.empty() ? std::string{} : printable(text);
}

Notification notification(ErrorCode code, std::uint8_t subcode, std::vector<std::uint8_t> data) {
  return {static_cast<std::uint8_t>(code), subcode, std::move(data)};
}

Notification cease_with_text(std::uint8_t subcode, std::string_view text) {
  Notification out = notification(ErrorCode::Cease, subcode);
  if (text.empty() || !carries_text(subcode)) return out;
  std::size_t size = std::min(text.size(), kMaxShutdownText);
  const auto continues = [&](std::size_t at) { return (static_cast<std::uint8_t>(text[at]) & 0xc0) == 0x80; };
  while (size > 0 && size < text.size() && continues(size)) --size;  // never half a character
  out.data.push_back(static_cast<std::uint8_t>(size));
  out.data.insert(out.data.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
  return out;
}

bool is_hard_reset(const Notification& n) {
  return n.code == static_cast<std::uint8_t>(ErrorCode::Cease) && n.subcode == cease::kHardReset;
}

Notification hard_reset(const Notification& cause) {
  if (is_hard_reset(cause)) return cause;
  Notification out = notification(ErrorCode::Cease, cease::kHardReset, {cause.code, cause.subcode});
  out.data.insert(out.data.end(), cause.data.begin(), cause.data.end());
  return out;
}

Notification cause_of(const Notification& n) {
  return is_hard_reset(n) && n.data.size() >= 2 ? decode_notification(n.data) : n;
}

Notification decode_notification(std::span<const std::uint8_t> body) {
  ByteReader in{body};
  Notification out;
  out.code = in.u8();
  out.subcode = in.u8();
  const auto data = in.rest();
  out.data.assign(data.begin(), data.end());
  return out;
}

std::vector<std::uint8_t> encode_notification(const Notification& n) {
  ByteWriter out;
  begin_message(out, MessageType::Notification);
  out.u8(n.code);
  out.u8(n.subcode);
  out.bytes(std::span{n.data}.first(std::min(n.data.size(), kMaxMessageSize - kMinNotificationSize)));
  end_message(out, 0);
  return out.take();
}

// Of a Hard Reset inside of a Hard Reset only the name is shown: nobody has a use for one, and the depth stays bounded.
std::string describe(const Notification& n) {
  const Notification cause = cause_of(n);
  return cause == n ? describe_one(n) : describe_one(n) + " (" + describe_one(cause) + ")";
}

NotificationKind kind_of(const Notification& n) {
  const auto last = static_cast<std::uint8_t>(ErrorCode::SendHoldTimerExpired);
  if (n.code == 0 || n.code > last) return {kOtherKind, kOtherKind};
  const bool known = n.subcode == 0 || std::ranges::any_of(kSubcodes, [&](const CodeName& one) {
                       return one.code == n.code && one.subcode == n.subcode;
                     });
  return {n.code, known ? n.subcode : kOtherKind};
}

}  // namespace slash32::bgp
