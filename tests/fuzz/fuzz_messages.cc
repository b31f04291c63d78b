// Any bytes as a header, a NOTIFICATION or a ROUTE-REFRESH.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/route_refresh.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slash32::bgp;
  const std::span<const std::uint8_t> bytes{data, size};
  if (size >= kHeaderSize) {
    const auto header = decode_header(bytes.first<kHeaderSize>());
    if (header && (header->size < kHeaderSize || header->size > kMaxMessageSize)) std::abort();
  }
  const Notification n = decode_notification(bytes);
  (void)describe(n);
  if (encode_notification(n).size() > kMaxMessageSize) std::abort();
  (void)decode_route_refresh(bytes);
  return 0;
}
