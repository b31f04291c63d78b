// OPENs and their capabilities as the control interface shows them.
#include "bgpd/capability_views.h"

#include <gtest/gtest.h>

#include "bgpd/wire/open.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::message;
using testing::operator+;

const ViewTime kTime{Instant{Seconds{1000}}, std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + Seconds{100}};

/// An OPEN of AS 65001 with these capabilities in one parameter.
Bytes open_with(const Bytes& capabilities) {
  const auto size = static_cast<std::uint8_t>(capabilities.size());
  return message(MessageType::Open,
                 hex("04 fde9 005a 0a000001") + Bytes{static_cast<std::uint8_t>(size + 2), 2, size} + capabilities);
}

std::string shown(const Bytes& capabilities) { return capabilities_view(open_with(capabilities)).dump(); }

struct Row {
  const char* octets;
  const char* json;
};
const Row kRows[] = {
    {"01 04 0001 00 01", R"([{"code":1,"name":"multiprotocol","family":"ipv4"}])"},
    {"01 04 0019 00 46", R"([{"code":1,"name":"multiprotocol","family":{"afi":25,"safi":70}}])"},
    {"02 00", R"([{"code":2,"name":"routeRefresh"}])"},
    {"05 06 0001 0001 0002",
     R"([{"code":5,"name":"extendedNextHop","families":[{"family":"ipv4","nextHop":"ipv6"}]}])"},
    {"06 00", R"([{"code":6,"name":"extendedMessages"}])"},
    {"09 01 03", R"([{"code":9,"name":"role","role":"customer"}])"},
    {"09 01 63", R"([{"code":9,"name":"role","role":99}])"},
    {"40 06 c078 0001 01 80",
     R"([{"code":64,"name":"gracefulRestart","restartTime":120,"restarting":true,"notification":true,)"
     R"("families":[{"family":"ipv4","forwardingPreserved":true}]}])"},
    {"41 04 0001 0001", R"([{"code":65,"name":"fourOctetAs","as":65537}])"},
    {"45 08 0001 01 01 0002 01 03",
     R"([{"code":69,"name":"addPath","families":[{"family":"ipv4","receive":true,"send":false},)"
     R"({"family":"ipv6","receive":true,"send":true}]}])"},
    {"46 00", R"([{"code":70,"name":"enhancedRouteRefresh"}])"},
    {"47 07 0002 01 80 000e10", R"([{"code":71,"name":"longLivedGracefulRestart",)"
                                R"("families":[{"family":"ipv6","forwardingPreserved":true,"staleTime":3600}]}])"},
    {"49 09 04 746f7231 03 6c616e", R"([{"code":73,"name":"fqdn","hostname":"tor1","domain":"lan"}])"},
    {"4b 04 03 312e30", R"([{"code":75,"name":"softwareVersion","version":"1.0"}])"},
    {"80 00", R"([{"code":128,"name":"routeRefreshPrestandard","hex":""}])"},
    {"fe 02 beef", R"([{"code":254,"hex":"beef"}])"},
    {"02 00 fe 00 46 00",
     R"([{"code":2,"name":"routeRefresh"},{"code":254,"hex":""},{"code":70,"name":"enhancedRouteRefresh"}])"},
};

TEST(CapabilityViews, EachIsShownByCodeNameAndWhatItSays) {
  for (const Row& row : kRows) EXPECT_EQ(shown(hex(row.octets)), row.json) << row.octets;
}

TEST(CapabilityViews, OneThatDoesNotReadAsItsRfcSaysIsShownAsItCame) {
  EXPECT_EQ(shown(hex("41 02 fde9")), R"([{"code":65,"name":"fourOctetAs","malformed":true,"hex":"fde9"}])");
  EXPECT_EQ(shown(hex("45 04 0001 01 07")), R"([{"code":69,"name":"addPath","malformed":true,"hex":"00010107"}])");
  EXPECT_EQ(shown(hex("40 03 0078 00")), R"([{"code":64,"name":"gracefulRestart","malformed":true,"hex":"007800"}])");
}

TEST(CapabilityViews, ANameThatIsNoPlainTextIsShownInHexAndBreaksNoDocument) {
  EXPECT_EQ(shown(hex("49 04 02 ff1b 00")), R"([{"code":73,"name":"fqdn","malformed":true,"hex":"02ff1b00"}])");
}

TEST(CapabilityViews, OfAnOpenWhoseLengthsDoNotAddUpWhatStandsBefore) {
  EXPECT_EQ(shown(hex("02 00 41 09 0001")), R"([{"code":2,"name":"routeRefresh"}])");
  EXPECT_EQ(capabilities_view(Bytes(19, 0xff)).dump(), "[]");
  EXPECT_EQ(capabilities_view(Bytes{}).dump(), "[]");
}

TEST(CapabilityViews, CapabilitiesAreFoundInRfc9072sFormAndInSeveralParameters) {
  const Bytes extended = message(MessageType::Open, hex("04 fde9 005a 0a000001 ff ff 0005 02 0002 02 00"));
  EXPECT_EQ(capabilities_view(extended).dump(), R"([{"code":2,"name":"routeRefresh"}])");
  const Bytes two = message(MessageType::Open, hex("04 fde9 005a 0a000001 08 02 02 02 00 02 02 46 00"));
  EXPECT_EQ(capabilities_view(two).size(), 2U);
}

TEST(CapabilityViews, EveryTruncationOfAnOpenIsShownWithoutHarm) {
  Bytes all;
  for (const Row& row : kRows) all = all + hex(row.octets);
  const Bytes whole = open_with(all);
  ASSERT_FALSE(capabilities_view(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(capabilities_view(std::span{whole}.first(size)).is_array());
}

TEST(CapabilityViews, WhatBothHaveIsNamedAlike) {
  Session session;
  session.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  session.route_refresh = session.four_octet_as = session.graceful_restart = true;
  session.add_path_out = {AddressFamily::IPv4};
  session.restartable = {AddressFamily::IPv6};
  session.long_lived = {Seconds{0}, Seconds{3600}};
  EXPECT_EQ(negotiated_view(session).dump(),
            R"([{"name":"multiprotocol","families":["ipv4","ipv6"]},{"name":"routeRefresh"},{"name":"fourOctetAs"},)"
            R"({"name":"addPath","receive":[],"send":["ipv4"]},)"
            R"({"name":"gracefulRestart","families":["ipv6"],"notification":false},)"
            R"({"name":"longLivedGracefulRestart","staleTime":{"ipv6":3600}}])");
}

TEST(OpenView, HasTheFieldsAndTheMessage) {
  const Bytes open = open_with(hex("02 00"));
  const auto noted = std::make_shared<const NotedOpen>(NotedOpen{kTime.now, KeptMessage::of(open)});
  const auto view = open_view(noted, kTime);
  EXPECT_EQ(view["time"], "2026-11-22T00:01:40Z");
  EXPECT_EQ(view["version"], 4);
  EXPECT_EQ(view["as"], 65001);
  EXPECT_EQ(view["holdTime"], 90);
  EXPECT_EQ(view["routerId"], "10.0.0.1");
  EXPECT_EQ(view["message"]["octets"], open.size());
  EXPECT_TRUE(open_view(nullptr, kTime).is_null());
}

TEST(OpenView, OfACutOffOneHasTheMessageOnly) {
  const auto noted =
      std::make_shared<const NotedOpen>(NotedOpen{kTime.now, KeptMessage::of(message(MessageType::Open, {4}))});
  EXPECT_FALSE(open_view(noted, kTime).contains("holdTime"));
  EXPECT_EQ(open_view(noted, kTime)["message"]["octets"], 20);
}

}  // namespace
}  // namespace slash32::bgp
