// Capabilities, args.cni and CNI_ARGS: whose word counts, and in which case.
#include "common/cni/runtime_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

using nlohmann::json;
using Args = std::map<std::string, std::string>;

Result<std::vector<IpAddress>> addresses(const char* config, const Args& args = {}) {
  const auto document = json::parse(config);
  return requested_addresses(JsonField(document), args);
}
std::string joined(const Result<std::vector<IpAddress>>& all) {
  if (!all) return "error " + std::to_string(all.error().code) + ": " + all.error().message;
  std::string text;
  for (const auto& a : *all) text += (text.empty() ? "" : " ") + a.to_string();
  return text;
}

TEST(RuntimeConfig, DnsIsWhatTheRuntimeSays) {
  const auto dns = [](const char* text) { return requested_dns(JsonField(json::parse(text))); };
  EXPECT_TRUE(dns(R"({"dns":{"nameservers":["192.0.2.1"]}})")->empty()) << "that is the configuration's";
  EXPECT_EQ(*dns(R"({"runtimeConfig":{"DNS":{"Servers":["192.0.2.53"],"searches":["a.b"],"options":["ndots:5"]}}})"),
            (Dns{.nameservers = {"192.0.2.53"}, .domain = {}, .search = {"a.b"}, .options = {"ndots:5"}}));
  const auto bad = dns(R"({"runtimeConfig":{"dns":{"servers":[1]}}})");
  EXPECT_EQ(bad.error().code, kInvalidConfig);
  EXPECT_THAT(bad.error().message, testing::HasSubstr("/runtimeConfig/dns/servers/0"));
}

TEST(RuntimeConfig, FindsKeysWhateverTheirCase) {
  const auto document = json::parse(R"({"HostPort":1,"hostport":2,"null":null})");
  const JsonField field(document);
  EXPECT_EQ(find_ignoring_case(field, "hostPort")->value(), 1);
  EXPECT_EQ(find_ignoring_case(field, "hostport")->value(), 2) << "an exact match wins";
  EXPECT_FALSE(find_ignoring_case(field, "null"));
  EXPECT_FALSE(find_ignoring_case(field, "hostPor"));
}

TEST(RuntimeConfig, CapabilityBeatsArgsBeatsCniArgs) {
  const Args args = {{"IP", "10.0.0.3"}};
  EXPECT_EQ(joined(addresses(
                R"({"runtimeConfig":{"ips":["10.0.0.1/24","fd00::1"]},"args":{"cni":{"ips":["10.0.0.2"]}}})", args)),
            "10.0.0.1 fd00::1");
  EXPECT_EQ(joined(addresses(R"({"runtimeConfig":{"IPs":["10.0.0.1"]}})", args)), "10.0.0.1");
  EXPECT_EQ(joined(addresses(R"({"args":{"cni":{"ips":["10.0.0.2"]}}})", args)), "10.0.0.2");
  EXPECT_EQ(joined(addresses(R"({"runtimeConfig":{"ips":[]}})", args)), "10.0.0.3");
  EXPECT_EQ(joined(addresses("{}", args)), "10.0.0.3");
  EXPECT_EQ(joined(addresses("{}", {{"IP", "10.0.0.3/24,fd00::3"}})), "10.0.0.3 fd00::3");
  EXPECT_EQ(joined(addresses("{}")), "");
}

TEST(RuntimeConfig, NamesWhereABadAddressStands) {
  EXPECT_THAT(joined(addresses(R"({"runtimeConfig":{"ips":["x"]}})")),
              testing::HasSubstr("error 7: /runtimeConfig/ips/0"));
  EXPECT_THAT(joined(addresses(R"({"args":{"cni":{"ips":"10.0.0.1"}}})")),
              testing::HasSubstr("error 7: /args/cni/ips"));
  EXPECT_THAT(joined(addresses(R"({"runtimeConfig":{"ips":["10.0.0.1","10.0.0.2"]}})")),
              testing::HasSubstr("one address of each family"));
  EXPECT_THAT(joined(addresses(R"({"runtimeConfig":{"ips":["10.0.0.1/99"]}})")),
              testing::HasSubstr("/runtimeConfig/ips/0"));
  EXPECT_THAT(joined(addresses("{}", {{"IP", "x"}})), testing::HasSubstr("error 4: CNI_ARGS: IP"));
}

TEST(RuntimeConfig, ReadsAMac) {
  const auto mac = [](const char* config, const Args& args = {}) -> std::string {
    const auto document = json::parse(config);
    const auto got = requested_mac(JsonField(document), args);
    if (!got) return "error " + std::to_string(got.error().code);
    return got->value_or("none");
  };
  EXPECT_EQ(mac(R"({"runtimeConfig":{"mac":"C2:B0:57:49:47:F1"}})"), "c2:b0:57:49:47:f1");
  EXPECT_EQ(mac("{}", {{"MAC", "c2-b0-57-49-47-f1"}}), "c2:b0:57:49:47:f1");
  EXPECT_EQ(mac(R"({"args":{"cni":{"mac":"c2:b0:57:49:47:f2"}}})", {{"MAC", "c2:b0:57:49:47:f1"}}),
            "c2:b0:57:49:47:f2");
  EXPECT_EQ(mac("{}"), "none");
  for (const char* bad :
       {"x", "01:00:00:00:00:01", "00:00:00:00:00:00", "c2:b0:57:49:47", "c2:b0:57:49:47:fg", "c2:b0:57:49:47:f1:00"}) {
    EXPECT_EQ(mac("{}", {{"MAC", bad}}), "error 4") << bad;
    const auto document = json({{"runtimeConfig", {{"mac", bad}}}});
    EXPECT_THAT(requested_mac(JsonField(document), {}).error().message, testing::HasSubstr("/runtimeConfig/mac"));
  }
}

}  // namespace
}  // namespace slash32::cni
