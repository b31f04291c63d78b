// RFC 2918 and RFC 7313.
#include "bgpd/wire/route_refresh.h"

#include <string>

#include "bgpd/wire/family.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

constexpr auto kBeginRefresh = static_cast<std::uint8_t>(RefreshKind::Begin);
constexpr auto kEndRefresh = static_cast<std::uint8_t>(RefreshKind::End);

/// The message as it came, which is the data of the error (RFC 7313 section 5).
std::vector<std::uint8_t> whole_message(std::span<const std::uint8_t> body) {
  ByteWriter out;
  begin_message(out, MessageType::RouteRefresh);
  out.bytes(body);
  end_message(out, 0);
  return out.take();
}

Notification bad_length(std::span<const std::uint8_t> body, std::uint8_t subtype) {
  // RFC 7313 section 5 for the subtypes it defines; else RFC 4271 section 6.1. We never offer ORF (RFC 5291), the only
  // reason for a longer message.
  if (subtype == kBeginRefresh || subtype == kEndRefresh)
    return notification(ErrorCode::RouteRefreshMessage, route_refresh_error::kInvalidMessageLength,
                        whole_message(body));
  const auto size = static_cast<std::uint16_t>(kHeaderSize + body.size());
  return notification(ErrorCode::MessageHeader, header_error::kBadMessageLength,
                      {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
}

}  // namespace

Result<std::variant<RouteRefresh, IgnoredMessage>, Notification> decode_route_refresh(
    std::span<const std::uint8_t> body) {
  ByteReader in{body};
  const std::uint16_t afi = in.u16();
  const std::uint8_t subtype = in.u8();
  const std::uint8_t safi = in.u8();
  if (in.failed() || !in.empty()) return std::unexpected{bad_length(body, subtype)};
  // RFC 7313 section 5: other subtypes are ignored.
  if (subtype > kEndRefresh) return IgnoredMessage{"ROUTE-REFRESH of subtype " + std::to_string(subtype)};
  const auto family = to_family(afi, safi);
  if (!family)  // RFC 2918 section 4
    return IgnoredMessage{"ROUTE-REFRESH for AFI " + std::to_string(afi) + " SAFI " + std::to_string(safi)};
  return RouteRefresh{*family, static_cast<RefreshKind>(subtype)};
}

std::vector<std::uint8_t> encode_route_refresh(const RouteRefresh& refresh) {
  ByteWriter out;
  begin_message(out, MessageType::RouteRefresh);
  out.u16(to_afi(refresh.family));
  out.u8(static_cast<std::uint8_t>(refresh.kind));
  out.u8(kSafiUnicast);
  end_message(out, 0);
  return out.take();
}

}  // namespace slash32::bgp
