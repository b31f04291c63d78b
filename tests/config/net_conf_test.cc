#include "config/net_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace slash32::config {
namespace {

using testing::HasSubstr;

const GetEnv kNoEnv = [](const std::string&) { return std::optional<std::string>{}; };

Result<NetConf> read(const std::string& text, const GetEnv& getenv = kNoEnv) {
  const auto document = parse_json(text).value();
  return read_net_conf(JsonField(document), getenv);
}

TEST(NetConf, NeedsNoMoreThanAnIpam) {
  const auto conf = read(R"({"name": "n", "type": "slash32", "ipam": {"type": "slash32-ipam"}})").value();
  EXPECT_EQ(conf.ipam_type, "slash32-ipam");
  EXPECT_EQ(conf.gateway4.to_string(), "169.254.1.1");
  EXPECT_EQ(conf.gateway6.to_string(), "fe80::1");
  EXPECT_FALSE(conf.mtu);
  EXPECT_FALSE(conf.host_source.v4);
  EXPECT_TRUE(conf.anti_spoofing);
  EXPECT_FALSE(conf.default_route);
  EXPECT_TRUE(conf.routes.empty());
  EXPECT_FALSE(conf.masquerade);
  EXPECT_TRUE(conf.host_sysctl.empty());
  EXPECT_FALSE(conf.allow_ip_forwarding);
  EXPECT_EQ(conf.state_dir, "/var/lib/slash32");
  EXPECT_EQ(conf.node_file, "/run/slash32/node.json");
  EXPECT_EQ(conf.log.file, "/var/log/slash32/cni.log");
}

TEST(NetConf, ReadsEveryKey) {
  const auto conf =
      read(R"({"type": "slash32", "ipam": {"type": "host-local"}, "mtu": 9000, "gateway": {"v4": "169.254.9.9"},
    "hostSource": {"v4": "10.0.0.1", "v6": "fd00::1"}, "antiSpoofing": false, "defaultRoute": false, "stateDir": "/s", "nodeFile": "/n",
    "log": {"level": "debug", "file": "", "maxSize": 5000}, "dns": {"nameservers": ["192.0.2.1"]}})")
          .value();
  EXPECT_EQ(conf.mtu, Mtu{9000});
  EXPECT_EQ(conf.gateway(AddressFamily::IPv4).to_string(), "169.254.9.9");
  EXPECT_EQ(conf.gateway(AddressFamily::IPv6).to_string(), "fe80::1");
  EXPECT_EQ(conf.host_source.v6->to_string(), "fd00::1");
  EXPECT_FALSE(conf.anti_spoofing);
  EXPECT_EQ(conf.default_route, std::optional(false));
  EXPECT_EQ(conf.state_dir, "/s");
  EXPECT_EQ(conf.node_file, "/n");
  EXPECT_EQ(conf.log.level, log::Level::Debug);
  EXPECT_TRUE(conf.log.file.empty());
  EXPECT_EQ(conf.log.max_size, 5000U);
  EXPECT_EQ(conf.dns.nameservers, std::vector<std::string>{"192.0.2.1"});
}

TEST(NetConf, TakesPathsFromTheEnvironmentWhereTheKeyIsAbsent) {
  const std::map<std::string, std::string> set = {{"SLASH32_STATE_DIR", "/e/s"},
                                                  {"SLASH32_NODE_FILE", "/e/n"},
                                                  {"SLASH32_LOG_FILE", "/e/l"},
                                                  {"SLASH32_DATA_DIR", "/e/d"}};
  const GetEnv getenv = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  };
  const auto conf = read(R"({"type": "slash32", "ipam": {"type": "x"}, "stateDir": "/key"})", getenv).value();
  EXPECT_EQ(conf.state_dir, "/key");
  EXPECT_EQ(conf.node_file, "/e/n");
  EXPECT_EQ(conf.log.file, "/e/l");
  EXPECT_EQ(conf.data_dir, "/e/d");
}

struct Mistake {
  const char* name;
  const char* text;
  const char* complaint;
};
class NetConfMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(NetConfMistakes, AreNamedByTheirPathAndDoNotHoldUpDel) {
  const auto conf = read(GetParam().text);
  ASSERT_FALSE(conf);
  EXPECT_EQ(conf.error().code, 7);
  EXPECT_THAT(conf.error().message, HasSubstr(GetParam().complaint));
  std::vector<std::string> complaints;
  const auto document = parse_json(GetParam().text).value();
  (void)read_net_conf_leniently(JsonField(document), kNoEnv, complaints);
  EXPECT_THAT(complaints, testing::Contains(HasSubstr(GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(
    Each, NetConfMistakes,
    testing::Values(
        Mistake{"not_an_object", R"([])", "/: must be an object"},
        Mistake{"unknown_key", R"({"type": "slash32", "ipam": {"type": "x"}, "mtuu": 1})", "/mtuu: unknown key"},
        Mistake{"no_ipam", R"({"type": "slash32"})", "/ipam: is missing"},
        Mistake{"no_type", R"({"ipam": {"type": "x"}})", "/type: is missing"},
        Mistake{"type_path", R"({"type": "a/b", "ipam": {"type": "x"}})", "/type: must be a plugin's name"},
        Mistake{"no_ipam_type", R"({"type": "slash32", "ipam": {}})", "/ipam/type: is missing"},
        Mistake{"ipam_null", R"({"type": "slash32", "ipam": null})", "/ipam: must not be null"},
        Mistake{"ipam_text", R"({"type": "slash32", "ipam": "host-local"})", "/ipam: must be an object"},
        Mistake{"ipam_type_path", R"({"type": "slash32", "ipam": {"type": "a/b"}})",
                "/ipam/type: must be a plugin's name"},
        Mistake{"mtu_small", R"({"type": "slash32", "ipam": {"type": "x"}, "mtu": 1})",
                "/mtu: must be an integer from 68"},
        Mistake{"gateway_family", R"({"type": "slash32", "ipam": {"type": "x"}, "gateway": {"v6": "10.0.0.1"}})",
                "/gateway/v6: must be an IPv6 address"},
        Mistake{"gateway_multicast", R"({"type": "slash32", "ipam": {"type": "x"}, "gateway": {"v4": "224.0.0.1"}})",
                "/gateway/v4: must be a unicast address"},
        Mistake{"host_source_key", R"({"type": "slash32", "ipam": {"type": "x"}, "hostSource": {"v7": "::1"}})",
                "/hostSource/v7: unknown key"},
        Mistake{"gateway_mapped", R"({"type": "slash32", "ipam": {"type": "x"}, "gateway": {"v6": "::ffff:10.0.0.1"}})",
                "/gateway/v6: must be a unicast address"},
        Mistake{"gateway_broadcast",
                R"({"type": "slash32", "ipam": {"type": "x"}, "gateway": {"v4": "255.255.255.255"}})",
                "/gateway/v4: must be a unicast address"},
        Mistake{"host_source_loopback",
                R"({"type": "slash32", "ipam": {"type": "x"}, "hostSource": {"v4": "127.0.0.1"}})",
                "/hostSource/v4: must be a unicast address"},
        Mistake{"state_dir_zero_byte", R"({"type": "slash32", "ipam": {"type": "x"}, "stateDir": "/a\u0000b"})",
                "/stateDir: must not contain a zero byte"},
        Mistake{"node_file_relative", R"({"type": "slash32", "ipam": {"type": "x"}, "nodeFile": "n"})",
                "/nodeFile: must be an absolute path"},
        Mistake{"log_file_zero_byte", R"({"type": "slash32", "ipam": {"type": "x"}, "log": {"file": "/a\u0000b"}})",
                "/log/file: must not contain a zero byte"},
        Mistake{"dns_null", R"({"type": "slash32", "ipam": {"type": "x"}, "dns": null})", "/dns: must be an object"},
        Mistake{"dns_unknown_key", R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"servers": []}})",
                "/dns/servers: unknown key"},
        Mistake{"dns_no_address",
                R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"nameservers": ["10.0.0.1", "dns.example"]}})",
                "/dns/nameservers/1: \"dns.example\" is not"},
        Mistake{"dns_multicast",
                R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"nameservers": ["224.0.0.251"]}})",
                "/dns/nameservers/0: must be a unicast address"},
        Mistake{"dns_zone", R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"nameservers": ["fd00::1%eth0"]}})",
                "/dns/nameservers/0: only a link-local"},
        Mistake{"dns_search_with_newline",
                R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"search": ["a\nnameserver 10.6.6.6"]}})",
                "/dns/search/0: must not contain"},
        Mistake{"dns_domain_empty", R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"domain": ""}})",
                "/dns/domain: must not be empty"},
        Mistake{"capabilities_list", R"({"type": "slash32", "ipam": {"type": "x"}, "capabilities": ["ips"]})",
                "/capabilities: must be an object"},
        Mistake{"capability_text", R"({"type": "slash32", "ipam": {"type": "x"}, "capabilities": {"ips": "true"}})",
                "/capabilities/ips: must be true or false"},
        Mistake{"args_text", R"({"type": "slash32", "ipam": {"type": "x"}, "args": "IP=10.0.0.1"})",
                "/args: must be an object"},
        Mistake{"args_cni_list", R"({"type": "slash32", "ipam": {"type": "x"}, "args": {"cni": []}})",
                "/args/cni: must be an object"},
        Mistake{"runtime_config_null", R"({"type": "slash32", "ipam": {"type": "x"}, "runtimeConfig": null})",
                "/runtimeConfig: must be an object"},
        Mistake{"disable_check_text", R"({"type": "slash32", "ipam": {"type": "x"}, "disableCheck": "yes"})",
                "/disableCheck: must be true or false"},
        Mistake{"disable_gc_number", R"({"type": "slash32", "ipam": {"type": "x"}, "disableGC": 1})",
                "/disableGC: must be true or false"},
        Mistake{"cni_versions_text", R"({"type": "slash32", "ipam": {"type": "x"}, "cniVersions": "1.0.0"})",
                "/cniVersions: must be an array"},
        Mistake{"cni_versions_number", R"({"type": "slash32", "ipam": {"type": "x"}, "cniVersions": [1]})",
                "/cniVersions/0: must be a string"},
        Mistake{"ip_masq_text", R"({"type": "slash32", "ipam": {"type": "x"}, "ipMasq": "true"})",
                "/ipMasq: must be true or false"},
        Mistake{"log_level", R"({"type": "slash32", "ipam": {"type": "x"}, "log": {"level": "all"}})",
                "/log/level: must be"},
        Mistake{"log_file", R"({"type": "slash32", "ipam": {"type": "x"}, "log": {"file": "a.log"}})",
                "/log/file: must be an absolute path"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NetConf, TakesALinkLocalNameserverWithItsLink) {
  const auto conf =
      read(R"({"type": "slash32", "ipam": {"type": "x"}, "dns": {"nameservers": ["fe80::1%eth0", "::1"]}})");
  ASSERT_TRUE(conf) << conf.error().message;
  EXPECT_EQ(conf->dns.nameservers, (std::vector<std::string>{"fe80::1%eth0", "::1"}));
}

TEST(NetConf, ReadsRoutesAsAResultHasThem) {
  const auto conf = read(R"({"type": "slash32", "ipam": {"type": "x"}, "routes": [{"dst": "10.8.0.0/16"},
    {"dst": "fd08::/32", "gw": "fe80::1", "mtu": 1400, "advmss": 1340, "priority": 7, "table": 77, "scope": 0},
    {"dst": "224.0.0.0/4", "scope": 253}]})");
  ASSERT_TRUE(conf) << conf.error().message;
  ASSERT_EQ(conf->routes.size(), 3U);
  EXPECT_FALSE(conf->routes[0].gw);
  EXPECT_EQ(conf->routes[1].gw->to_string(), "fe80::1");
  EXPECT_EQ(conf->routes[1].table, std::optional(77U));
  EXPECT_EQ(conf->routes[2].scope, std::optional(253U));
}

TEST(NetConf, ReadsMasqueradingWithItsExemptionsSortedAndOnce) {
  const auto conf = read(R"({"type": "slash32", "ipam": {"type": "x"}, "ipMasq": true,
    "masqueradeExempt": ["fd00::/8", "10.0.0.0/8", "fd00::/8"]})");
  ASSERT_TRUE(conf) << conf.error().message;
  EXPECT_EQ(conf->masquerade, std::optional(true));
  ASSERT_EQ(conf->masquerade_exempt.size(), 2U);
  EXPECT_EQ(conf->masquerade_exempt[0].to_string(), "10.0.0.0/8");
}

TEST(NetConf, ReadsSettingsOfTheHostEndAsNumbersOrTexts) {
  const auto conf = read(R"({"type": "slash32", "ipam": {"type": "x"}, "allowIpForwarding": false, "hostSysctl":
    {"net.ipv4.conf.IFNAME.rp_filter": 2, "net.ipv6.conf.IFNAME.keep_addr_on_down": "-1", "_why": "asymmetric"}})");
  ASSERT_TRUE(conf) << conf.error().message;
  EXPECT_EQ(conf->allow_ip_forwarding, std::optional(false));
  ASSERT_EQ(conf->host_sysctl.size(), 2U);
  EXPECT_EQ(conf->host_sysctl[0].path("s32x"), "net/ipv4/conf/s32x/rp_filter");
  EXPECT_EQ(conf->host_sysctl[0].value, 2);
  EXPECT_NE(conf->host_sysctl[0].devconf, 0);
  EXPECT_EQ(conf->host_sysctl[1].path("s32x"), "net/ipv6/conf/s32x/keep_addr_on_down");
  EXPECT_EQ(conf->host_sysctl[1].value, -1);
}

/// A section that is right but for `more`.
std::string with(const std::string& more) { return R"({"type": "slash32", "ipam": {"type": "x"}, )" + more + "}"; }

TEST(NetConf, NamesWhatIsWrongWithARoute) {
  const auto told = [](const std::string& route) {
    return read(with(R"("routes": [{"dst": "10.0.0.0/8"}, )" + route + "]")).error().message;
  };
  EXPECT_THAT(told(R"({"gw": "10.0.0.1"})"), HasSubstr("/routes/1/dst: is missing"));
  EXPECT_THAT(told(R"({"dst": "10.1.2.3/16"})"), HasSubstr("/routes/1/dst: "));
  EXPECT_THAT(told(R"({"dst": "127.0.0.0/16"})"), HasSubstr("/routes/1/dst: no route leads to 127.0.0.0/16"));
  EXPECT_THAT(told(R"({"dst": "10.0.0.0/8"})"), HasSubstr("/routes/1/dst: 10.0.0.0/8 is there twice"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "gw": "fe80::1"})"), HasSubstr("/routes/1/gw: must be of the family"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "via": "10.0.0.1"})"), HasSubstr("/routes/1/via: unknown key"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "mtu": 67})"), HasSubstr("/routes/1/mtu: must be an integer from 68"));
  EXPECT_THAT(told(R"({"dst": "fd00::/8", "mtu": 1279})"), HasSubstr("/routes/1/mtu: must be an integer from 1280"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "advmss": 65496})"), HasSubstr("/routes/1/advmss: must be an integer"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "table": 0})"), HasSubstr("/routes/1/table: must be an integer from 1"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "table": 255})"), HasSubstr("/routes/1/table: must not be 255"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "scope": 254})"), HasSubstr("/routes/1/scope: must be 0"));
  EXPECT_THAT(told(R"({"dst": "11.0.0.0/8", "scope": 253, "gw": "10.0.0.1"})"), HasSubstr("/routes/1/scope: "));
}

TEST(NetConf, NamesWhatIsWrongWithOtherKeysOfThePod) {
  const auto told = [](const std::string& more) { return read(with(more)).error().message; };
  EXPECT_THAT(told(R"("masqueradeExempt": ["0.0.0.0/0"])"), HasSubstr("/masqueradeExempt/0: must be longer than /0"));
  EXPECT_THAT(told(R"("masqueradeExempt": ["10.0.0.0"])"), HasSubstr("/masqueradeExempt/0: "));
  EXPECT_THAT(told(R"("allowIpForwarding": 1)"), HasSubstr("/allowIpForwarding: must be true or false"));
  EXPECT_THAT(told(R"("hostSysctl": [])"), HasSubstr("/hostSysctl: must be an object"));
  const auto setting = [&](const std::string& name, const std::string& value) {
    return told(R"("hostSysctl": {")" + name + "\": " + value + "}");
  };
  EXPECT_THAT(setting("net.ipv4.conf.IFNAME.rp_filter", "3"),
              HasSubstr("/hostSysctl/net.ipv4.conf.IFNAME.rp_filter: must be an integer from 0 to 2"));
  EXPECT_THAT(setting("net.ipv4.conf.IFNAME.rp_filter", R"("2x")"), HasSubstr("must be an integer from 0 to 2"));
  EXPECT_THAT(setting("net.ipv4.conf.IFNAME.forwarding", "0"), HasSubstr("is not to be changed"));
  EXPECT_THAT(setting("net.ipv4.conf.eth0.rp_filter", "1"), HasSubstr("must be a setting of the pod's host end"));
  EXPECT_THAT(setting("net.ipv4.conf.IFNAME.rp_filters", "1"), HasSubstr("is none of the settings"));
}

TEST(NetConf, LetsKeysOfRuntimesAndCommentsPass) {
  EXPECT_TRUE(read(R"({"cniVersion": "1.1.0", "cniVersions": [], "name": "n", "type": "slash32", "capabilities": {},
    "args": {}, "runtimeConfig": {}, "prevResult": {}, "ipMasq": false, "disableCheck": true, "disableGC": "true",
    "deviceID": "", "pciBusID": "", "cni.dev/attachments": [], "x-note": 1, "_note": 2, "ipam": {"type": "x"}})"));
}

TEST(NetConf, KeepsWhatIsReadableForDel) {
  std::vector<std::string> complaints;
  const auto document =
      parse_json(R"({"mtu": "x", "stateDir": "/keep", "ipam": {"type": "host-local", "ranges": 7}})").value();
  const auto conf = read_net_conf_leniently(JsonField(document), kNoEnv, complaints);
  EXPECT_EQ(conf.state_dir, "/keep");
  EXPECT_EQ(conf.ipam_type, "host-local");
  EXPECT_THAT(complaints, testing::ElementsAre("/type: is missing", HasSubstr("/mtu: must be an integer")));
}

}  // namespace
}  // namespace slash32::config
