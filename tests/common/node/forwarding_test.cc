#include "common/node/forwarding.h"

#include <gtest/gtest.h>

namespace slash32::node {
namespace {

TEST(OrderOfRestoring, PutsTheSwitchesThatChangeOthersFirst) {
  const auto order = in_order_of_restoring({{"/proc/sys/net/ipv4/conf/all/accept_redirects", "0"},
                                            {"/proc/sys/net/ipv4/conf/eth1/forwarding", "1"},
                                            {"/proc/sys/net/ipv4/ip_forward", "0"},
                                            {"/proc/sys/net/ipv6/conf/all/forwarding", "0"},
                                            {"/proc/sys/net/ipv6/conf/eth0/accept_ra", "1"}});
  ASSERT_TRUE(order);
  ASSERT_EQ(order->size(), 5U);
  EXPECT_EQ((*order)[0].path, kForward4);
  EXPECT_EQ((*order)[1].path, kForward6);
  EXPECT_EQ((*order)[2].path, "/proc/sys/net/ipv4/conf/all/accept_redirects");
  EXPECT_EQ((*order)[4].value, "1");
}

TEST(OrderOfRestoring, RefusesWhatIsNoSettingOfTheNetwork) {
  for (const char* path : {"/etc/passwd", "/proc/sys/kernel/core_pattern", "/proc/sys/net/../kernel/core_pattern",
                           "/proc/sys/net", "proc/sys/net/ipv4/ip_forward", ""}) {
    const auto order = in_order_of_restoring({{path, "1"}});
    ASSERT_FALSE(order) << path;
    EXPECT_NE(order.error().message.find("is not a setting below /proc/sys/net/"), std::string::npos);
  }
}

}  // namespace
}  // namespace slash32::node
