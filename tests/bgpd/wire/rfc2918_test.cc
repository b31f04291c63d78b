// RFC 2918 ROUTE-REFRESH, and what RFC 7313 says of its subtypes.
#include <gtest/gtest.h>

#include "bgpd/wire/route_refresh.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;

TEST(Rfc2918, ComesBackAsItWas) {
  for (const AddressFamily family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    for (const RefreshKind kind : {RefreshKind::Request, RefreshKind::Begin, RefreshKind::End}) {
      const Bytes bytes = encode_route_refresh({family, kind});
      EXPECT_EQ(bytes.size(), kRouteRefreshSize);
      const auto back = decode_route_refresh(std::span{bytes}.subspan(kHeaderSize));
      ASSERT_TRUE(back);
      EXPECT_EQ(std::get<RouteRefresh>(*back), (RouteRefresh{family, kind}));
    }
  }
}

TEST(Rfc2918, AnUnknownFamilyIsIgnored) {
  EXPECT_TRUE(std::holds_alternative<IgnoredMessage>(*decode_route_refresh(hex("0019 00 46"))));
}

TEST(Rfc7313, TheSubtypesAreBeginAndEnd) {
  EXPECT_EQ(std::get<RouteRefresh>(*decode_route_refresh(hex("0001 01 01"))).kind, RefreshKind::Begin);
  EXPECT_EQ(std::get<RouteRefresh>(*decode_route_refresh(hex("0002 02 01"))).kind, RefreshKind::End);
}

TEST(Rfc7313, OtherSubtypesAreIgnored) {
  for (const char* body : {"0001 03 01", "0001 ff 01"})
    EXPECT_TRUE(std::holds_alternative<IgnoredMessage>(*decode_route_refresh(hex(body)))) << body;
}

TEST(Rfc7313, BeginAndEndOfAWrongLengthAreSentBackWhole) {
  const Bytes body = hex("0001 01 01 00");
  EXPECT_EQ(decode_route_refresh(body).error(),
            (Notification{7, 1, testing::message(MessageType::RouteRefresh, body)}));
}

TEST(Rfc7313, EachSubtypeOfAWrongLengthIsRefused) {
  EXPECT_EQ(decode_route_refresh(hex("0001 02 01 00")).error().code, 7);
  EXPECT_EQ(decode_route_refresh(hex("0001 03 01 00")).error(), (Notification{1, 2, {0, 24}}));
}

TEST(Rfc2918, ALongerMessageIsAnOutboundRouteFilterWeNeverOffered) {
  EXPECT_EQ(decode_route_refresh(hex("0001 00 01 01 40 00 00")).error(), (Notification{1, 2, {0, 27}}));
}

}  // namespace
}  // namespace slash32::bgp
