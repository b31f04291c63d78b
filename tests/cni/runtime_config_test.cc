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
  EXPECT_EQ(joined(addresses(R"({"runtimeConfig":{"ips":[]},"args":{"cni":{"ips":["10.0.0.2"]}}})", args)), "10.0.0.2");
  EXPECT_EQ(joined(addresses("{}", args)), "10.0.0.3");
  EXPECT_EQ(joined(addresses("{}", {{"IP", "10.0.0.3/24,fd00::3"}})), "10.0.0.3 fd00::3");
  EXPECT_EQ(joined(addresses("{}")), "");
}

TEST(RuntimeConfig, FoldsTheCaseOfCapabilitiesAndNotOfArgs) {
  const Args args = {{"IP", "10.0.0.3"}};
  EXPECT_EQ(joined(addresses(R"({"runtimeConfig":{"IPS":["10.0.0.1"]}})", args)), "10.0.0.1");
  for (const char* other : {R"({"args":{"cni":{"IPs":["10.0.0.2"]}}})", R"({"args":{"CNI":{"ips":["10.0.0.2"]}}})",
                            R"({"Args":{"cni":{"ips":["10.0.0.2"]}}})", R"({"args":{"cni":{"ips":null}}})",
                            R"({"args":{"cni":7}})", R"({"args":7})"})
    EXPECT_EQ(joined(addresses(other, args)), "10.0.0.3") << other;
  const auto mac = requested_mac(JsonField(json::parse(R"({"args":{"cni":{"MAC":"c2:b0:57:49:47:f2"}}})")), {});
  ASSERT_TRUE(mac.has_value());
  EXPECT_FALSE(mac->has_value());
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

TEST(RuntimeConfig, TheAnnotationAsksWhereNothingElseDoes) {
  constexpr const char* kBoth =
      R"({"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"slash32.io/ip":" 10.0.0.4 , fd00::4/64"}}})";
  EXPECT_EQ(joined(addresses(kBoth)), "10.0.0.4 fd00::4");
  EXPECT_EQ(joined(addresses(kBoth, {{"IP", "10.0.0.3"}})), "10.0.0.3");
  EXPECT_EQ(joined(addresses(
                R"({"runtimeConfig":{"ips":["10.0.0.1"],
                "io.kubernetes.cri.pod-annotations":{"slash32.io/ip":"10.0.0.4"}}})")),
            "10.0.0.1");
  EXPECT_EQ(joined(addresses(
                R"({"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"slash32.io/ip":"10.0.0.4"}},
                "args":{"cni":{"ips":["10.0.0.2"]}}})")),
            "10.0.0.2");
}

TEST(RuntimeConfig, AnnotationsOfOtherNamesAndKindsArePassedOver) {
  for (const char* annotations :
       {R"({"Slash32.io/ip":"x"})", R"({"slash32.io/IP":"x"})", R"({"slash32.io/ip":7})", R"({"slash32.io/ip":null})",
        R"({"slash32.io/ip":""})", R"({"a/b":{"c":[]}})", "{}", "null", "7", R"(["slash32.io/ip"])"}) {
    const auto config = std::string(R"({"runtimeConfig":{"io.kubernetes.cri.pod-annotations":)") + annotations + "}}";
    EXPECT_EQ(joined(addresses(config.c_str())), "") << annotations;
  }
  EXPECT_EQ(
      joined(addresses(R"({"runtimeConfig":{"IO.Kubernetes.cri.Pod-Annotations":{"slash32.io/ip":"10.0.0.4"}}})")),
      "10.0.0.4")
      << "the capability's name is runtimeConfig's, whose case does not count";
}

TEST(RuntimeConfig, NamesTheAnnotationThatCannotBeRead) {
  for (const char* bad : {"x", "10.0.0.4,,fd00::4", "10.0.0.4,10.0.0.5", ",", "10.0.0.4 fd00::4", "10.0.0.4/33", " "}) {
    const auto document = json({{"runtimeConfig", {{"io.kubernetes.cri.pod-annotations", {{"slash32.io/ip", bad}}}}}});
    const auto got = requested_addresses(JsonField(document), {});
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().code, kInvalidConfig);
    EXPECT_THAT(got.error().message,
                testing::HasSubstr("/runtimeConfig/io.kubernetes.cri.pod-annotations/slash32.io~1ip: "))
        << bad;
  }
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
