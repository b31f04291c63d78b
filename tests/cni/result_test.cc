// Results: what each version prints, and what every version's output is read as.
#include "common/cni/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

using nlohmann::json;

AddResult everything() {
  AddResult result;
  result.interfaces = {
      {.name = "s32abc", .mac = "ee:ee:ee:ee:ee:ee", .sandbox = "", .mtu = 1500, .socket_path = "", .pci_id = ""},
      {.name = "eth0",
       .mac = "02:00:00:00:00:01",
       .sandbox = "/run/netns/x",
       .mtu = 1400,
       .socket_path = "/s",
       .pci_id = "0:1"}};
  result.ips = {{.address = *IpAddress::parse("10.0.0.7"),
                 .prefix_length = 32,
                 .gateway = *IpAddress::parse("169.254.1.1"),
                 .interface = 1},
                {.address = *IpAddress::parse("fd00::7"), .prefix_length = 128, .gateway = {}, .interface = 1}};
  result.routes = {{.dst = *Prefix::parse("0.0.0.0/0"),
                    .gw = *IpAddress::parse("169.254.1.1"),
                    .mtu = 1400,
                    .advmss = 1360,
                    .priority = 5,
                    .table = 7,
                    .scope = 0}};
  result.dns = {.nameservers = {"10.0.0.10"}, .domain = "d", .search = {"s"}, .options = {"ndots:5"}};
  return result;
}

TEST(CniResult, Prints0_3_1And0_4_0WithTheFamilyOfEachAddress) {
  for (const auto version : {Version::V0_3_1, Version::V0_4_0}) {
    const auto out = to_json(everything(), version);
    EXPECT_EQ(out["cniVersion"], to_string(version));
    EXPECT_EQ(out["ips"][0],
              json({{"version", "4"}, {"address", "10.0.0.7/32"}, {"gateway", "169.254.1.1"}, {"interface", 1}}));
    EXPECT_EQ(out["ips"][1]["version"], "6");
    EXPECT_EQ(out["routes"][0], json({{"dst", "0.0.0.0/0"}, {"gw", "169.254.1.1"}}));
    EXPECT_EQ(out["interfaces"][0], json({{"name", "s32abc"}, {"mac", "ee:ee:ee:ee:ee:ee"}}));
  }
}

TEST(CniResult, Prints1_0_0WithoutTheFamily) {
  const auto out = to_json(everything(), Version::V1_0_0);
  EXPECT_EQ(out["ips"][0], json({{"address", "10.0.0.7/32"}, {"gateway", "169.254.1.1"}, {"interface", 1}}));
  EXPECT_EQ(out["interfaces"][1], json({{"name", "eth0"}, {"mac", "02:00:00:00:00:01"}, {"sandbox", "/run/netns/x"}}));
}

TEST(CniResult, Prints1_1_0WithEverything) {
  const auto out = to_json(everything(), Version::V1_1_0);
  EXPECT_EQ(out["interfaces"][1]["mtu"], 1400);
  EXPECT_EQ(out["interfaces"][1]["socketPath"], "/s");
  EXPECT_EQ(out["interfaces"][1]["pciID"], "0:1");
  EXPECT_EQ(out["routes"][0], json({{"dst", "0.0.0.0/0"},
                                    {"gw", "169.254.1.1"},
                                    {"mtu", 1400},
                                    {"advmss", 1360},
                                    {"priority", 5},
                                    {"table", 7},
                                    {"scope", 0}}));
  EXPECT_EQ(out["dns"]["nameservers"], json({"10.0.0.10"}));
}

TEST(CniResult, LeavesOutWhatIsEmpty) {
  AddResult ipam;
  ipam.ips = {{.address = IpAddress::v4(0x0a000007), .prefix_length = 24, .gateway = {}, .interface = {}}};
  EXPECT_EQ(to_json(ipam, Version::V1_0_0), json({{"cniVersion", "1.0.0"}, {"ips", {{{"address", "10.0.0.7/24"}}}}}));
}

TEST(CniResult, ReadsBackWhatItPrints) {
  EXPECT_EQ(parse_add_result(JsonField(to_json(everything(), Version::V1_1_0)), Version::V0_3_1), everything());
  for (const auto version : kSupportedVersions) {
    const auto once = to_json(everything(), version);
    const auto read = parse_add_result(JsonField(once), Version::V1_1_0);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(to_json(*read, version), once);
  }
}

TEST(CniResult, ReadsTheOldestShape) {
  const auto document = json::parse(R"({"cniVersion":"0.2.0",
      "ip4":{"ip":"10.0.0.7/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0"}]},
      "ip6":{"ip":"fd00::7/64"},"dns":{}})");
  const auto read = parse_add_result(JsonField(document), Version::V1_0_0);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->ips.size(), 2U);
  EXPECT_EQ(read->ips[0].address.to_string(), "10.0.0.7");
  EXPECT_EQ(read->ips[0].prefix_length, 24);
  EXPECT_EQ(read->ips[0].gateway->to_string(), "10.0.0.1");
  EXPECT_EQ(read->routes.size(), 1U);
}

TEST(CniResult, WithoutAVersionHasTheFallbacks) {
  const auto document = json::parse(R"({"ip4":{"ip":"10.0.0.7/24"}})");
  EXPECT_EQ(parse_add_result(JsonField(document), Version::V0_2_0)->ips.size(), 1U);
  EXPECT_EQ(parse_add_result(JsonField(document), Version::V1_0_0)->ips.size(), 0U);
}

TEST(CniResult, PassesOverKeysNobodyKnowsAndTakesNullsAsAbsent) {
  const auto document = json::parse(R"({"cniVersion":"1.0.0","x":1,"interfaces":null,"routes":null,"dns":null,
      "ips":[{"address":"10.0.0.7/24","gateway":"","new":true}]})");
  const auto read = parse_add_result(JsonField(document), Version::V1_0_0);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_FALSE(read->ips[0].gateway);
}

struct Bad {
  const char* name;
  const char* text;
  const char* path;
};
class CniResultBad : public testing::TestWithParam<Bad> {};
TEST_P(CniResultBad, NamesThePlace) {
  const auto document = json::parse(GetParam().text);
  const auto read = parse_add_result(JsonField(document), Version::V1_0_0);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, kDecodingFailure);
  EXPECT_THAT(read.error().message, testing::HasSubstr(GetParam().path));
}
INSTANTIATE_TEST_SUITE_P(
    All, CniResultBad,
    testing::Values(
        Bad{"not_an_object", "[]", "/"}, Bad{"unknown_version", R"({"cniVersion":"2.0.0"})", "/cniVersion"},
        Bad{"no_length", R"({"ips":[{"address":"10.0.0.7"}]})", "/ips/0/address"},
        Bad{"no_address", R"({"ips":[{}]})", "/ips/0"}, Bad{"ips_no_list", R"({"ips":{}})", "/ips"},
        Bad{"bad_gateway", R"({"ips":[{"address":"10.0.0.7/24","gateway":"x"}]})", "/ips/0/gateway"},
        Bad{"interface_of_none", R"({"ips":[{"address":"10.0.0.7/24","interface":0}]})", "/ips/0/interface"},
        Bad{"negative_interface", R"({"ips":[{"address":"10.0.0.7/24","interface":-1}]})", "/ips/0/interface"},
        Bad{"huge_interface", R"({"ips":[{"address":"10.0.0.7/24","interface":18446744073709551615}]})",
            "/ips/0/interface"},
        Bad{"nameless_interface", R"({"interfaces":[{"mac":"x"}]})", "/interfaces/0"},
        Bad{"route_gw_family", R"({"routes":[{"dst":"0.0.0.0/0","gw":"::1"}]})", "/routes/0/gw"},
        Bad{"dns_of_numbers", R"({"dns":{"nameservers":[1]}})", "/dns/nameservers/0"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace slash32::cni
