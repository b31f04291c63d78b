// RFC 4271 section 6.1, and a table of the least length of each type.
#include "bgpd/wire/header.h"

#include <algorithm>
#include <array>

#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

/// RFC 4271 section 6.1: the least length of each type, and whether a longer one exists. ROUTE-REFRESH judges a longer
/// one itself, since RFC 7313 section 5 has an error of its own for it.
bool length_fits(MessageType type, std::size_t size) {
  switch (type) {
    case MessageType::Open:
      return size >= kMinOpenSize && size <= kMaxMessageSize;  // RFC 8654 section 4: also where others are longer
    case MessageType::Update:
      return size >= kMinUpdateSize;
    case MessageType::Notification:
      return size >= kMinNotificationSize;
    case MessageType::Keepalive:
      return size == kHeaderSize;
    case MessageType::RouteRefresh:
      return size >= kRouteRefreshSize;
  }
  return false;
}

Notification bad_length(std::uint16_t size) {
  return notification(ErrorCode::MessageHeader, header_error::kBadMessageLength,
                      {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
}

}  // namespace

Result<Header, Notification> decode_header(std::span<const std::uint8_t, kHeaderSize> bytes, std::size_t max_size) {
  ByteReader in{bytes};
  const auto marker = in.bytes(kMarkerSize);
  if (std::ranges::any_of(marker, [](std::uint8_t b) { return b != 0xff; }))
    return std::unexpected{notification(ErrorCode::MessageHeader, header_error::kConnectionNotSynchronized)};
  const std::uint16_t size = in.u16();
  const std::uint8_t type = in.u8();
  if (size < kHeaderSize || size > max_size) return std::unexpected{bad_length(size)};
  if (type < static_cast<std::uint8_t>(MessageType::Open) ||
      type > static_cast<std::uint8_t>(MessageType::RouteRefresh))
    return std::unexpected{notification(ErrorCode::MessageHeader, header_error::kBadMessageType, {type})};
  const Header header{static_cast<MessageType>(type), size};
  if (!length_fits(header.type, size)) return std::unexpected{bad_length(size)};
  return header;
}

std::size_t begin_message(ByteWriter& out, MessageType type) {
  const std::size_t begin = out.size();
  std::array<std::uint8_t, kMarkerSize> marker{};
  marker.fill(0xff);
  out.bytes(marker);
  out.u16(0);
  out.u8(static_cast<std::uint8_t>(type));
  return begin;
}

void end_message(ByteWriter& out, std::size_t begin) {
  out.patch_u16(begin + kMarkerSize, static_cast<std::uint16_t>(out.size() - begin));
}

std::vector<std::uint8_t> encode_keepalive() {
  ByteWriter out;
  end_message(out, begin_message(out, MessageType::Keepalive));
  return out.take();
}

}  // namespace slash32::bgp
