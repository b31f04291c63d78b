// A default route that is away for a moment.
#include "agent/node_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

plan::DefaultGateway at(const char* address) { return {.address = *IpAddress::parse(address), .interface = "eth0"}; }

NodeFacts facts(std::map<AddressFamily, NodeFacts::Way> ways) { return {.ways = std::move(ways)}; }

const NodeFacts kBoth = facts({{AddressFamily::IPv4, {.gateways = {at("10.0.0.254")}, .mtu = Mtu{9000}}},
                               {AddressFamily::IPv6, {.gateways = {at("fe80::1")}, .mtu = Mtu{1432}}}});

TEST(NodeFacts, KeepTheGatewayAndTheMtuOfAFamilyWhoseDefaultRouteIsAway) {
  EXPECT_EQ(last_known(kBoth, {}), kBoth);
  const auto now =
      last_known(kBoth, facts({{AddressFamily::IPv4, {.gateways = {at("10.0.0.253")}, .mtu = Mtu{1500}}}}));
  EXPECT_THAT(now.default_gateways(), ElementsAre(at("10.0.0.253"), at("fe80::1")));
  EXPECT_EQ(now.mtu(), Mtu{1432});
  EXPECT_THAT(last_known({}, {}).default_gateways(), IsEmpty());
  EXPECT_EQ(last_known({}, {}).mtu(), std::nullopt);
}

TEST(NodeFacts, TakeAnotherDefaultRouteInPlaceOfTheOldOne) {
  const auto now = facts({{AddressFamily::IPv4, {.gateways = {}, .mtu = Mtu{1500}}}});
  EXPECT_THAT(last_known(kBoth, now).default_gateways(), ElementsAre(at("fe80::1"))) << "it has no gateway";
}

}  // namespace
}  // namespace slash32::agent
