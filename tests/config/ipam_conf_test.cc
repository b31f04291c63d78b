// The `ipam` section: what it means, and that every mistake names its place and changes nothing.
#include "config/ipam_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/cni/error.h"

namespace slash32::config {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Result<IpamConf> read(const std::string& text) {
  const auto document = json::parse(R"({"ipam":)" + text + "}");
  return read_ipam_conf(JsonField(document).child("ipam"));
}
IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(IpamConf, HasTheDocumentedDefaults) {
  const auto conf = read(R"({"type":"slash32-ipam"})");
  ASSERT_TRUE(conf.has_value()) << conf.error().message;
  EXPECT_TRUE(conf->ranges.empty());
  EXPECT_EQ(conf->data_dir, "/run/slash32/ipam");
  EXPECT_EQ(conf->node_file, "/run/slash32/node.json");
  EXPECT_EQ(conf->cool_down, std::chrono::seconds{30});
}

TEST(IpamConf, ReadsTheWholeThing) {
  const auto conf = read(R"({"type":"slash32-ipam","dataDir":"/d","nodeFile":"/n","coolDown":1200,
    "routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}],
    "ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.10","rangeEnd":"10.1.0.20","exclude":["10.1.0.12","10.1.0.16/30"],"gateway":"10.1.0.1"},
               {"subnet":"10.2.0.0/24"}],[{"subnet":"fd00::/64"}]]})");
  ASSERT_TRUE(conf.has_value()) << conf.error().message;
  ASSERT_EQ(conf->ranges.size(), 3U);
  EXPECT_EQ(conf->ranges[0].first, ip("10.1.0.10"));
  EXPECT_EQ(conf->ranges[0].last, ip("10.1.0.20"));
  EXPECT_EQ(conf->ranges[0].gateway, ip("10.1.0.1"));
  EXPECT_TRUE(conf->ranges[0].contains(ip("10.1.0.11")));
  for (const char* not_in : {"10.1.0.9", "10.1.0.12", "10.1.0.16", "10.1.0.19", "10.1.0.21", "10.2.0.1", "fd00::1"})
    EXPECT_FALSE(conf->ranges[0].contains(ip(not_in))) << not_in;
  EXPECT_EQ(conf->routes.size(), 1U);
  EXPECT_EQ(conf->cool_down, std::chrono::seconds{1200});
}

TEST(IpamConf, TakesHostLocalsSingleSubnet) {
  const auto conf =
      read(R"({"type":"slash32-ipam","subnet":"10.1.0.0/24","rangeStart":"10.1.0.5","gateway":"10.1.0.254"})");
  ASSERT_TRUE(conf.has_value()) << conf.error().message;
  ASSERT_EQ(conf->ranges.size(), 1U);
  EXPECT_EQ(conf->ranges[0].first, ip("10.1.0.5"));
  EXPECT_EQ(conf->ranges[0].last, ip("10.1.0.254"));
  EXPECT_FALSE(conf->ranges[0].contains(ip("10.1.0.254"))) << "the gateway";
}

TEST(IpamConf, ExampleOfTheDesignIsGood) {
  EXPECT_TRUE(read(
      R"({"type":"slash32-ipam","dataDir":"/run/slash32/ipam","ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10:244:1::/64"}]]})"));
}

TEST(WholeRange, LeavesOutWhatIsNoEndpoint) {
  const auto bounds = [](const char* prefix) {
    const auto range = whole_range(*Prefix::parse(prefix));
    return range.first.to_string() + " " + range.last.to_string();
  };
  EXPECT_EQ(bounds("10.0.0.0/24"), "10.0.0.1 10.0.0.254");
  EXPECT_EQ(bounds("10.0.0.0/16"), "10.0.0.1 10.0.255.254");
  EXPECT_EQ(bounds("10.0.0.4/30"), "10.0.0.5 10.0.0.6");
  EXPECT_EQ(bounds("10.0.0.4/31"), "10.0.0.4 10.0.0.5");
  EXPECT_EQ(bounds("10.0.0.4/32"), "10.0.0.4 10.0.0.4");
  EXPECT_EQ(bounds("255.255.255.0/24"), "255.255.255.1 255.255.255.254");
  EXPECT_EQ(bounds("fd00::/64"), "fd00::1 fd00::ffff:ffff:ffff:ffff");
  EXPECT_EQ(bounds("fd00::/127"), "fd00:: fd00::1");
  EXPECT_EQ(bounds("fd00::7/128"), "fd00::7 fd00::7");
}

TEST(HasAddress, SeesWhatExclusionsAndTheGatewayLeave) {
  const auto left = [](const char* subnet, std::vector<const char*> exclude, const char* gateway) {
    auto range = whole_range(*Prefix::parse(subnet));
    for (const auto* text : exclude) range.exclude.push_back(*Prefix::parse(text));
    if (gateway != nullptr) range.gateway = ip(gateway);
    return has_address(range);
  };
  EXPECT_TRUE(left("10.0.0.0/29", {}, nullptr));
  EXPECT_TRUE(left("10.0.0.0/29", {"10.0.0.4/30", "10.0.0.0/31", "10.0.0.2/32"}, nullptr)) << "10.0.0.3";
  EXPECT_FALSE(left("10.0.0.0/29", {"10.0.0.4/30", "10.0.0.0/31", "10.0.0.2/32"}, "10.0.0.3"));
  EXPECT_FALSE(left("10.0.0.0/29", {"10.0.0.4/32", "10.0.0.0/24"}, nullptr));
  EXPECT_TRUE(left("10.0.0.0/31", {"10.0.0.1/32"}, nullptr));
  EXPECT_FALSE(left("fd00::/127", {"fd00::/128"}, "fd00::1"));
}

struct Bad {
  const char* name;
  const char* text;
  const char* path;
};
class IpamConfBad : public testing::TestWithParam<Bad> {};
TEST_P(IpamConfBad, NamesThePlace) {
  const auto conf = read(GetParam().text);
  ASSERT_FALSE(conf.has_value());
  EXPECT_EQ(conf.error().code, cni::kInvalidConfig);
  EXPECT_THAT(conf.error().message, testing::StartsWith(std::string(GetParam().path) + ": "));
}
// clang-format off
INSTANTIATE_TEST_SUITE_P(All, IpamConfBad, testing::Values(
    Bad{"not_an_object", R"([])", "/ipam"},
    Bad{"no_type", R"({})", "/ipam/type"},
    Bad{"other_type", R"({"type":"host-local"})", "/ipam/type"},
    Bad{"unknown_key", R"({"type":"slash32-ipam","dataDirr":"/d"})", "/ipam/dataDirr"},
    Bad{"unknown_range_key", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","rangestart":"10.0.0.1"}]]})", "/ipam/ranges/0/0/rangestart"},
    Bad{"ranges_flat", R"({"type":"slash32-ipam","ranges":[{"subnet":"10.0.0.0/24"}]})", "/ipam/ranges/0"},
    Bad{"ranges_no_list", R"({"type":"slash32-ipam","ranges":{}})", "/ipam/ranges"},
    Bad{"ranges_null", R"({"type":"slash32-ipam","ranges":null})", "/ipam/ranges"},
    Bad{"empty_set", R"({"type":"slash32-ipam","ranges":[[]]})", "/ipam/ranges/0"},
    Bad{"no_subnet", R"({"type":"slash32-ipam","ranges":[[{}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_is_garbage", R"({"type":"slash32-ipam","ranges":[[{"subnet":"ten"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_without_length", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_host_bits", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.1/24"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_too_long", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/33"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_default", R"({"type":"slash32-ipam","ranges":[[{"subnet":"0.0.0.0/0"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_multicast", R"({"type":"slash32-ipam","ranges":[[{"subnet":"224.0.0.0/24"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_link_local", R"({"type":"slash32-ipam","ranges":[[{"subnet":"fe80::/64"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_reserved", R"({"type":"slash32-ipam","ranges":[[{"subnet":"255.255.255.0/24"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_class_e", R"({"type":"slash32-ipam","ranges":[[{"subnet":"240.0.0.0/24"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_this_network", R"({"type":"slash32-ipam","ranges":[[{"subnet":"0.1.0.0/16"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_loopback", R"({"type":"slash32-ipam","ranges":[[{"subnet":"127.0.0.0/24"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_link_local_v4", R"({"type":"slash32-ipam","ranges":[[{"subnet":"169.254.0.0/16"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_v6_low", R"({"type":"slash32-ipam","ranges":[[{"subnet":"::/64"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_mapped", R"({"type":"slash32-ipam","ranges":[[{"subnet":"::ffff:10.0.0.0/120"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_multicast_v6", R"({"type":"slash32-ipam","ranges":[[{"subnet":"ff00::/64"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_holds_a_special_block", R"({"type":"slash32-ipam","ranges":[[{"subnet":"224.0.0.0/3"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"subnet_padded_length", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/024"}]]})", "/ipam/ranges/0/0/subnet"},
    Bad{"no_range", R"({"type":"slash32-ipam","ranges":[]})", "/ipam/ranges"},
    Bad{"all_excluded", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/30","exclude":["10.0.0.0/30"]}]]})", "/ipam/ranges/0/0/exclude"},
    Bad{"all_excluded_piecemeal", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","rangeEnd":"10.0.0.3","gateway":"10.0.0.2","exclude":["10.0.0.3","10.0.0.1/32"]}]]})", "/ipam/ranges/0/0/exclude"},
    Bad{"all_excluded_in_single_subnet", R"({"type":"slash32-ipam","subnet":"fd00::4/126","exclude":["fd00::/64"]})", "/ipam/exclude"},
    Bad{"gateway_is_all", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.7/32","gateway":"10.0.0.7"}]]})", "/ipam/ranges/0/0/gateway"},
    Bad{"data_dir_zero_byte", R"({"type":"slash32-ipam","dataDir":"/a\u0000b"})", "/ipam/dataDir"},
    Bad{"route_host_bits", R"({"type":"slash32-ipam","routes":[{"dst":"10.0.0.1/8"}]})", "/ipam/routes/0/dst"},
    Bad{"route_unknown_key", R"({"type":"slash32-ipam","routes":[{"dst":"0.0.0.0/0","via":"10.0.0.1"}]})", "/ipam/routes/0/via"},
    Bad{"route_twice", R"({"type":"slash32-ipam","routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]})", "/ipam/routes/2/dst"},
    Bad{"route_multicast_gw", R"({"type":"slash32-ipam","routes":[{"dst":"0.0.0.0/0","gw":"224.0.0.1"}]})", "/ipam/routes/0/gw"},
    Bad{"start_outside", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","rangeStart":"10.0.1.1"}]]})", "/ipam/ranges/0/0/rangeStart"},
    Bad{"start_of_other_family", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","rangeStart":"fd00::1"}]]})", "/ipam/ranges/0/0/rangeStart"},
    Bad{"end_before_start", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","rangeStart":"10.0.0.9","rangeEnd":"10.0.0.8"}]]})", "/ipam/ranges/0/0/rangeEnd"},
    Bad{"exclude_outside", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","exclude":["10.0.0.1","10.0.1.0/28"]}]]})", "/ipam/ranges/0/0/exclude/1"},
    Bad{"exclude_no_list", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","exclude":"10.0.0.1"}]]})", "/ipam/ranges/0/0/exclude"},
    Bad{"gateway_outside", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24","gateway":"10.0.1.1"}]]})", "/ipam/ranges/0/0/gateway"},
    Bad{"families_in_one_set", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24"},{"subnet":"fd00::/64"}]]})", "/ipam/ranges/0/1/subnet"},
    Bad{"ranges_overlap", R"({"type":"slash32-ipam","ranges":[[{"subnet":"10.0.0.0/24"}],[{"subnet":"10.0.0.0/25"}]]})", "/ipam/ranges"},
    Bad{"start_without_subnet", R"({"type":"slash32-ipam","rangeStart":"10.0.0.1"})", "/ipam/rangeStart"},
    Bad{"data_dir_relative", R"({"type":"slash32-ipam","dataDir":"d"})", "/ipam/dataDir"},
    Bad{"data_dir_empty", R"({"type":"slash32-ipam","dataDir":""})", "/ipam/dataDir"},
    Bad{"data_dir_a_number", R"({"type":"slash32-ipam","dataDir":1})", "/ipam/dataDir"},
    Bad{"node_file_relative", R"({"type":"slash32-ipam","nodeFile":"n"})", "/ipam/nodeFile"},
    Bad{"cool_down_negative", R"({"type":"slash32-ipam","coolDown":-1})", "/ipam/coolDown"},
    Bad{"cool_down_too_long", R"({"type":"slash32-ipam","coolDown":1201})", "/ipam/coolDown"},
    Bad{"cool_down_text", R"({"type":"slash32-ipam","coolDown":"30s"})", "/ipam/coolDown"},
    Bad{"route_without_dst", R"({"type":"slash32-ipam","routes":[{}]})", "/ipam/routes/0/dst"},
    Bad{"route_bad_gw", R"({"type":"slash32-ipam","routes":[{"dst":"0.0.0.0/0","gw":"x"}]})", "/ipam/routes/0/gw"}),
    [](const auto& row) { return std::string(row.param.name); });
// clang-format on

TEST(IpamConfLeniently, GivesDelWhatItCanRead) {
  const auto lenient = [](const char* text) {
    const auto document = json::parse(text);
    return read_ipam_conf_leniently(JsonField(document), "/default");
  };
  EXPECT_EQ(lenient(R"({"ipam":{"dataDir":"/d","coolDown":5,"ranges":"nonsense","x":1}})").data_dir, "/d");
  EXPECT_EQ(lenient(R"({"ipam":{"dataDir":"/d","coolDown":5,"ranges":"nonsense","x":1}})").cool_down,
            std::chrono::seconds{5});
  EXPECT_EQ(lenient(R"({"ipam":[]})").data_dir, "/default");
  EXPECT_EQ(lenient(R"({"ipam":{"dataDir":7}})").data_dir, "/default");
  EXPECT_EQ(lenient(R"({"ipam":{"coolDown":9999}})").cool_down, std::chrono::seconds{30});
  EXPECT_EQ(lenient("{}").data_dir, "/default");
}

class EffectiveRanges : public testing::Test {
 protected:
  std::filesystem::path file_ =
      std::filesystem::path(testing::TempDir()) / ("node." + std::to_string(::getpid()) + ".json");
  ~EffectiveRanges() override { std::filesystem::remove(file_); }
  Result<std::vector<IpamRange>> ranges(const char* text) {
    std::ofstream(file_) << text;
    IpamConf conf;
    conf.node_file = file_;
    return effective_ranges(conf);
  }
};
TEST_F(EffectiveRanges, AreTheNodesPodCidrs) {
  const auto got = ranges(R"({"nodeName":"n1","podCidrs":["10.244.1.0/24","fd00::/64"]})");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ((*got)[0].first.to_string(), "10.244.1.1");
  EXPECT_EQ((*got)[1].first.to_string(), "fd00::1");
}
TEST_F(EffectiveRanges, AreAskedForAgainLaterWhenNobodyGaveAny) {
  EXPECT_EQ(ranges(R"({"nodeName":"n1","podCidrs":[]})").error().code, cni::kTryAgainLater);
  IpamConf conf;
  conf.node_file = "/nowhere/node.json";
  EXPECT_EQ(effective_ranges(conf).error().code, cni::kTryAgainLater);
}
TEST(IpRanges, TakeThePlaceOfTheirFamilysRanges) {
  const auto use = [](const char* text) -> Result<std::vector<IpamRange>> {
    const auto document = nlohmann::json::parse(text);
    IpamConf conf;
    conf.node_file = "/nowhere/node.json";
    if (document.contains("ipam")) conf = TRY(read_ipam_conf(JsonField(document).child("ipam")));
    TRY(use_ip_ranges(JsonField(document), conf));
    return conf.ranges;
  };
  constexpr const char* kBoth = R"({"ipam":{"type":"slash32-ipam","ranges":[[{"subnet":"10.1.0.0/24"}],
    [{"subnet":"fd01::/64"}]]},"runtimeConfig":{"IPRanges":[[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.8"}]]}})";
  const auto both = use(kBoth).value();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].subnet.to_string(), "fd01::/64");
  EXPECT_EQ(both[1].first.to_string(), "10.9.0.8");
  EXPECT_EQ(use(R"({"runtimeConfig":{"ipRanges":[[{"subnet":"10.9.0.0/24"}]]}})")->size(), 1U) << "no other are needed";
  const auto of_go_cni = use(R"({"runtimeConfig":{"ipRanges":[{"Subnet":"10.9.0.0/24","RangeStart":"10.9.0.8",
    "RangeEnd":"","Gateway":""},{"Subnet":"fd09::/64","RangeStart":"","RangeEnd":"","Gateway":""}]}})")
                             .value();
  ASSERT_EQ(of_go_cni.size(), 2U);
  EXPECT_EQ(of_go_cni[0].first.to_string(), "10.9.0.8");
  EXPECT_EQ(of_go_cni[0].last.to_string(), "10.9.0.254");
  EXPECT_EQ(of_go_cni[1].subnet.to_string(), "fd09::/64");
  const auto bad = use(R"({"runtimeConfig":{"ipRanges":[[{"subnet":"10.9.0.0/33"}]]}})");
  EXPECT_THAT(bad.error().message, HasSubstr("/runtimeConfig/ipRanges/0/0/subnet"));
}
TEST_F(EffectiveRanges, RefuseACidrNobodyCanUse) {
  EXPECT_THAT(ranges(R"({"podCidrs":["224.0.0.0/24"]})").error().message, HasSubstr("json: /podCidrs/0: "));
}

}  // namespace
}  // namespace slash32::config
