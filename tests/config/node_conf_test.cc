#include "config/node_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::config {
namespace {

using testing::HasSubstr;

TEST(NodeConf, ReadsTheDesignsExample) {
  const auto node = parse_node_conf(R"({"nodeName": "n1", "podCidrs": ["10.244.1.0/24", "fd00::/64"], "mtu": 1500})");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->node_name, "n1");
  EXPECT_EQ(node->pod_cidrs.size(), 2U);
  EXPECT_EQ(node->mtu, Mtu{1500});
  EXPECT_FALSE(node->masquerade);
}

TEST(NodeConf, NamesThePlaceOfAMistake) {
  const auto complaint = [](const char* text) { return parse_node_conf(text).error().message; };
  EXPECT_THAT(complaint(R"({})"), HasSubstr("/podCidrs: is missing"));
  EXPECT_THAT(complaint(R"({"podCidrs": null})"), HasSubstr("/podCidrs: must not be null"));
  EXPECT_THAT(complaint(R"({"podCidrs": ["10.0.0.0/24", "fe80::/64"]})"), HasSubstr("/podCidrs/1: must be unicast"));
  EXPECT_THAT(complaint(R"({"podCidrs": ["10.244.1.1/24"]})"), HasSubstr("/podCidrs/0: "));
  EXPECT_THAT(complaint(R"({"podCidrs": ["10.0.0.0/8", "10.1.0.0/16"]})"),
              HasSubstr("/podCidrs/1: 10.1.0.0/16 overlaps"));
  EXPECT_THAT(complaint(R"({"podCidrs": [], "mtu": 1})"), HasSubstr("/mtu: must be an integer"));
  EXPECT_THAT(complaint(R"({"podCidrs": [], "masquerade": 1})"), HasSubstr("/masquerade: must be true or false"));
  EXPECT_THAT(complaint(R"({"podCidrs": [], "masqueradeExempt": ["::/0"]})"), HasSubstr("/masqueradeExempt/0: "));
}

TEST(NodeConf, PassesOverKeysOfANewerAgent) {
  const auto node = parse_node_conf(R"({"podCidrs": [], "zone": {"x": 1}})");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->unknown_keys, std::vector<std::string>{"zone"});
}

TEST(NodeConf, IsAbsentWithoutAFile) {
  const auto none = read_node_conf("/nonexistent/node.json");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

}  // namespace
}  // namespace slash32::config
