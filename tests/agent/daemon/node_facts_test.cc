// A default route that is away for a moment.
#include "agent/node_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

plan::DefaultGateway at(const char* address) { return {.address = *IpAddress::parse(address), .interface = "eth0"}; }

TEST(NodeFacts, KeepTheGatewayOfAFamilyWhoseDefaultRouteIsAway) {
  const std::vector before = {at("10.0.0.254"), at("fe80::1")};
  EXPECT_THAT(last_known_gateways(before, {}), ElementsAre(at("10.0.0.254"), at("fe80::1")));
  EXPECT_THAT(last_known_gateways(before, {at("fe80::2")}),
              testing::UnorderedElementsAre(at("10.0.0.254"), at("fe80::2")));
  EXPECT_THAT(last_known_gateways({}, {}), IsEmpty());
}

TEST(NodeFacts, TakeAnotherDefaultRoutesGatewayInPlaceOfTheOldOne) {
  EXPECT_THAT(last_known_gateways({at("10.0.0.254")}, {at("10.0.0.253")}), ElementsAre(at("10.0.0.253")));
}

}  // namespace
}  // namespace slash32::agent
