// Any bytes as a header, of either greatest size, a NOTIFICATION or a ROUTE-REFRESH; what can be read is written again.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/route_refresh.h"

namespace {

using namespace slash32::bgp;
using Bytes = std::span<const std::uint8_t>;

void require(bool holds) {
  if (!holds) std::abort();
}

void header(Bytes bytes) {
  if (bytes.size() < kHeaderSize) return;
  for (const auto most : {kMaxMessageSize, kMaxExtendedMessageSize}) {  // RFC 4271 section 4.1; RFC 8654 section 3
    const auto header = decode_header(bytes.first<kHeaderSize>(), most);
    if (!header) {
      require(header.error().code == 1);
      continue;
    }
    require(header->size >= kHeaderSize && header->size <= most);
    const bool short_ones = header->type == MessageType::Open || header->type == MessageType::Keepalive;
    require(!short_ones || header->size <= kMaxMessageSize);
  }
}

void notification(Bytes body) {
  const Notification read = decode_notification(body);
  (void)describe(read);
  const auto written = encode_notification(read);
  require(written.size() <= kMaxMessageSize);
  const Notification again = decode_notification(Bytes{written}.subspan(kHeaderSize));
  require(again.code == read.code && again.subcode == read.subcode);
  if (kHeaderSize + body.size() <= kMaxMessageSize) require(again == read);
}

void route_refresh(Bytes body) {
  const auto read = decode_route_refresh(body);
  if (!read || !std::holds_alternative<RouteRefresh>(*read)) return;
  const auto written = encode_route_refresh(std::get<RouteRefresh>(*read));
  const auto again = decode_route_refresh(Bytes{written}.subspan(kHeaderSize));
  require(again && std::holds_alternative<RouteRefresh>(*again));
  require(std::get<RouteRefresh>(*again) == std::get<RouteRefresh>(*read));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  header({data, size});
  notification({data, size});
  route_refresh({data, size});
  return 0;
}
