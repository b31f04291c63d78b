#include "plugin/pod_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::plugin {
namespace {

using testing::HasSubstr;

cni::RouteConfig route(const char* dst) {
  cni::RouteConfig out;
  out.dst = Prefix::parse(dst).value();
  return out;
}

config::NetConf with(std::vector<cni::RouteConfig> routes) {
  config::NetConf conf;
  conf.routes = std::move(routes);
  return conf;
}

constexpr Families kBoth{.v4 = true, .v6 = true};

TEST(PlanRoutes, LeadThroughThePodsGatewayUnlessTheyHaveOneOrAreOnLink) {
  auto own = route("10.0.0.0/8");
  own.gw = IpAddress::parse("10.1.1.1").value();
  auto on_link = route("11.0.0.0/8");
  on_link.scope = 253;
  const auto plan = plan_routes(with({route("12.0.0.0/8"), route("fd00::/8"), own, on_link}), kBoth, Mtu{1500}).value();
  EXPECT_EQ(plan[0].gw->to_string(), "169.254.1.1");
  EXPECT_EQ(plan[1].gw->to_string(), "fe80::1");
  EXPECT_EQ(plan[2].gw, own.gw);
  EXPECT_FALSE(plan[3].gw.has_value());
  EXPECT_EQ(kernel_route(plan[3], IfIndex{7}).scope, netlink::Scope::Link);
}

TEST(PlanRoutes, AreOfFamiliesThatThePodHasAndFitItsLink) {
  const auto family = plan_routes(with({route("10.0.0.0/8"), route("fd00::/8")}), {.v4 = true, .v6 = false}, Mtu{1500});
  ASSERT_FALSE(family);
  EXPECT_EQ(family.error().code, 7);
  EXPECT_THAT(family.error().message, HasSubstr("/routes/1/dst: the pod has no IPv6 address"));
  auto big = route("10.0.0.0/8");
  big.mtu = 1501;
  const auto mtu = plan_routes(with({big}), kBoth, Mtu{1500});
  ASSERT_FALSE(mtu);
  EXPECT_THAT(mtu.error().message, HasSubstr("/routes/0/mtu: 1501 is more than the interface's 1500"));
}

TEST(HasPodDefault, IsADefaultRouteOfTheMainTable) {
  auto elsewhere = route("0.0.0.0/0");
  elsewhere.table = 9;
  EXPECT_FALSE(has_pod_default({elsewhere, route("10.0.0.0/8")}, AddressFamily::IPv4));
  EXPECT_TRUE(has_pod_default({route("0.0.0.0/0")}, AddressFamily::IPv4));
  EXPECT_FALSE(has_pod_default({route("0.0.0.0/0")}, AddressFamily::IPv6));
}

}  // namespace
}  // namespace slash32::plugin
