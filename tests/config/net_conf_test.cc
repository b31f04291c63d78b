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

TEST(NetConf, RefusesMasqueradingAsUnsupported) {
  const auto conf = read(R"({"type": "slash32", "ipam": {"type": "x"}, "ipMasq": true})");
  ASSERT_FALSE(conf);
  EXPECT_EQ(conf.error().code, 2);
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
