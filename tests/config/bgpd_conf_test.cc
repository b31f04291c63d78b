// bgpd.json as it should be: the design's shapes, groups, defaults, printing; and its reference page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "config/bgpd_conf.h"

namespace slash32::config {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(SLASH32_SOURCE_DIR) + "/" + path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

BgpdConf must_read(const std::string& text) {
  auto got = read_bgpd_conf(text);
  EXPECT_TRUE(got) << (got ? "" : got.error().message);
  return got ? *std::move(got) : BgpdConf{};
}

TEST(BgpdConf, ReadsTheDesignsExample) {
  const auto conf = must_read(
      R"({"localAs": 64512, "routerId": "10.0.1.1", "kernel": {"install": true}, "control": {"socket": "/run/slash32/bgpd.sock"},
          "originate": {"prefixes": ["10.244.1.0/24", "fd00:10:244:1::/64"]},
          "neighbors": [{"name": "tor1", "address": "10.0.1.254", "remoteAs": 65000, "import": ["all"], "export": ["own"]}],
          "policies": {"all": [{"then": "accept"}], "own": [{"match": {"source": ["local"]}, "then": "accept"}]}})");
  EXPECT_EQ(conf.local_as, Asn{64512});
  EXPECT_EQ(conf.router_id, RouterId{0x0A000101});
  ASSERT_EQ(conf.originate.prefixes.size(), 2U);
  EXPECT_TRUE(conf.originate.prefixes[0].blackhole);
  ASSERT_EQ(conf.neighbors.size(), 1U);
  EXPECT_EQ(conf.neighbors[0].hold_time, Seconds{90});
  EXPECT_EQ(conf.neighbors[0].import_policies, std::vector<std::string>{"all"});
  EXPECT_EQ(conf.policies.at("own").at(0).match.sources, std::vector{RouteSource::Local});
  EXPECT_EQ(conf.kernel.metric, 512U);
}

TEST(BgpdConf, ANeighbourWinsOverItsGroupKeyByKey) {
  const auto conf = must_read(
      R"({"localAs": 1, "peerGroups": {"g": {"remoteAs": 2, "holdTime": 30,
          "gracefulRestart": {"restartTime": 7, "notification": true, "staleTime": 90}}},
          "neighbors": [{"address": "10.0.0.1", "group": "g", "holdTime": 9, "gracefulRestart": {"enabled": false}}]})");
  ASSERT_EQ(conf.neighbors.size(), 1U);
  EXPECT_EQ(conf.neighbors[0].remote_as.asn, Asn{2});
  EXPECT_EQ(conf.neighbors[0].hold_time, Seconds{9});
  EXPECT_EQ(conf.neighbors[0].graceful_restart.restart_time, Seconds{7});
  EXPECT_TRUE(conf.neighbors[0].graceful_restart.notification);
  EXPECT_EQ(conf.neighbors[0].graceful_restart.stale_time, Seconds{90});
  EXPECT_FALSE(conf.neighbors[0].graceful_restart.enabled);
  EXPECT_EQ(conf.neighbors[0].name, "10.0.0.1");
}

TEST(BgpdConf, BfdIsSharedByAGroupKeyByKeyAndCanBeTakenBack) {
  const auto conf = must_read(
      R"({"localAs": 1, "peerGroups": {"g": {"remoteAs": 2, "bfd": {"minTx": 50, "multihop": true}}},
          "neighbors": [{"address": "10.0.0.1", "group": "g", "bfd": {"minRx": 60, "multiplier": 5}},
                        {"address": "10.0.0.2", "group": "g", "bfd": false},
                        {"address": "10.0.0.3", "remoteAs": 2, "bfd": true}, {"address": "10.0.0.4", "remoteAs": 2}],
          "dynamicNeighbors": [{"range": "10.1.0.0/16", "group": "g"}]})");
  ASSERT_EQ(conf.neighbors.size(), 4U);
  EXPECT_EQ(conf.neighbors[0].bfd, (BfdConf{Milliseconds{50}, Milliseconds{60}, 5, true}));
  EXPECT_EQ(conf.neighbors[1].bfd, std::nullopt);
  EXPECT_EQ(conf.neighbors[2].bfd, (BfdConf{Milliseconds{300}, Milliseconds{300}, 3, std::nullopt}));
  EXPECT_EQ(conf.neighbors[3].bfd, std::nullopt);
  ASSERT_TRUE(conf.dynamic_neighbors.at(0).settings.bfd);
  EXPECT_EQ(conf.dynamic_neighbors[0].settings.bfd->min_tx, Milliseconds{50});
  EXPECT_EQ(must_read(print_bgpd_conf(conf)).neighbors[0].bfd, conf.neighbors[0].bfd);
}

TEST(BgpdConf, PrefixLengthsFollowGeAndLe) {
  const auto conf = must_read(
      R"({"localAs": 1, "policies": {"p": [{"match": {"prefix": ["10.0.0.0/8", {"prefix": "10.0.0.0/8", "ge": 16},
          {"prefix": "10.0.0.0/8", "le": 24}, {"prefix": "10.0.0.0/8", "ge": 9, "le": 10}]}, "then": "accept"}]}})");
  const auto& prefixes = conf.policies.at("p").at(0).match.prefixes;
  ASSERT_EQ(prefixes.size(), 4U);
  EXPECT_EQ(std::pair(prefixes[0].min_length, prefixes[0].max_length), std::pair(std::uint8_t{8}, std::uint8_t{8}));
  EXPECT_EQ(std::pair(prefixes[1].min_length, prefixes[1].max_length), std::pair(std::uint8_t{16}, std::uint8_t{32}));
  EXPECT_EQ(std::pair(prefixes[2].min_length, prefixes[2].max_length), std::pair(std::uint8_t{8}, std::uint8_t{24}));
  EXPECT_EQ(std::pair(prefixes[3].min_length, prefixes[3].max_length), std::pair(std::uint8_t{9}, std::uint8_t{10}));
}

TEST(BgpdConf, ListenTakesTextsAndObjects) {
  const auto conf = must_read(R"({"localAs": 1, "listen": ["10.0.0.1", "10.0.0.1:1790", "::", "[fd00::1]:1790",
                                  {"address": "10.0.0.2", "port": 5}]})");
  const std::vector<ListenConf> expected{{*IpAddress::parse("10.0.0.1"), 179},
                                         {*IpAddress::parse("10.0.0.1"), 1790},
                                         {*IpAddress::parse("::"), 179},
                                         {*IpAddress::parse("fd00::1"), 1790},
                                         {*IpAddress::parse("10.0.0.2"), 5}};
  EXPECT_EQ(conf.listen, expected);
}

TEST(BgpdConf, IsReadAgainAsItWasPrinted) {
  const auto conf = must_read(
      R"({"localAs": 1, "clusterId": "1.2.3.4", "onStop": "final", "guard": {"ranges": ["10.96.0.0/12", "fd00:96::/108"]}, "listen": [], "metrics": {"address": "[fd00::1]:9179"}, "kernel": {"prefSrc6": "fd00::1", "multipathRelax": false, "nextHopObjects": "auto", "nextHopNeighbors": "off"},
          "control": {"group": "adm", "readOnlySocket": "/run/ro", "readOnlyGroup": "100", "readOnlyMode": "0666"},
          "mrt": {"updates": {"file": "/var/log/u.%Y%m%d.%H%M.mrt", "rotateSeconds": 900,
                              "rotateBytes": 8388608, "sent": true}},
          "originate": {"podRoutes": "all", "prefixes": [{"prefix": "10.0.0.0/24", "communities": "no-export", "med": 3}]},
          "dynamicNeighbors": [{"range": "fd00::/64", "remoteAs": "internal", "routeReflectorClient": true}],
          "neighbors": [{"address": "fd00::3", "remoteAs": "external", "tcpAo": {"keys": [{"sendId": 1, "receiveId": 2, "algorithm": "aes-128-cmac-96", "keyFile": "/a"}]}}, {"address": "fd00::2", "remoteAs": "external", "connectRetryTime": 0.5, "ttlSecurity": true,
                         "families": ["ipv6"], "allow": ["default", "martians", "connected"], "maxPrefixes": {"in": 5, "out": 6, "warn": 50, "restart": 0}, "nextHop": "self",
                         "gracefulShutdown": false, "drain": true, "allowAsSet": true, "extendedMessages": true,
                         "enhancedRouteRefresh": false, "connectedCheck": false, "nextHopResolution": "recursiveViaDefault", "extendedNextHop": true,
                         "gracefulRestart": {"longLived": {"staleTime4": 5, "staleTime6": 6, "maxStaleTime": 7, "partialDeployment": true}}, "addPath": {"receive": true, "send": "all"},
                         "role": "rs-client", "roleStrict": true, "enforceFirstAs": true,
                         "export": ["p"], "localAs": 7, "allowOwnAs": 1, "passwordFile": "/k", "bindInterface": "eth0"}],
          "policies": {"p": [{"name": "t", "match": {"community": ["1:2"], "largeCommunity": "1:2:3", "asPathContains": 9,
                       "family": "ipv4", "neighbor": ["fd00::*", "fd00::2"], "extendedCommunity": ["rt:*:5-9", "ro:10.0.0.1:*",
                       "0x4300000000000001"], "asPath": ["", "1 ? 2-3|5+ *", "0-4294967295 ?+"], "origin": "egp",
                       "nextHop": ["10.0.0.1", "fd00::/64"], "peerType": ["client", "ebgp"]}, "set": {"localPref": 5, "communities": [],
                       "addCommunities": "blackhole", "removeCommunities": ["no-export", "*:5", "7:1-2"],
                       "addLargeCommunities": ["3:2:1"], "largeCommunities": [], "removeLargeCommunities": "*:*:*",
                       "extendedCommunities": ["rt:65535:70000", "rt:70000:5"], "addExtendedCommunities": "ro:10.0.0.1:5",
                       "removeExtendedCommunities": "rt:*:*", "addMed": -7, "prepend": 2, "kernelMetric": 600,
                       "nextHop": ["fd00::9", "10.0.0.9"], "blackhole": true}}, {"set": {"nextHop": "self"}}, {"set": {"removeMed": true}}]}})");
  const auto printed = print_bgpd_conf(conf);
  const auto again = read_bgpd_conf(printed);
  ASSERT_TRUE(again) << again.error().message << "\n" << printed;
  EXPECT_EQ(*again, conf) << printed;
}

TEST(BgpdConf, AnUnnumberedNeighborIsItsLinkAndIsReadAgainAsItWasPrinted) {
  const auto conf = must_read(
      R"({"localAs": 1, "peerGroups": {"tors": {"remoteAs": "external", "bfd": {}}},
          "neighbors": [{"interface": "eth0", "group": "tors"}, {"name": "b", "interface": "eth1", "group": "tors"}]})");
  const auto& one = conf.neighbors.at(0);
  EXPECT_EQ(one.name, "eth0");
  EXPECT_EQ(one.bind_interface, "eth0");
  EXPECT_TRUE(one.address.is_unspecified());
  auto found = one;
  found.address = *IpAddress::parse("fe80::1");
  EXPECT_EQ(key_of(found), key_of(one)) << "whoever is there";
  EXPECT_NE(key_of(conf.neighbors.at(1)), key_of(one));
  const auto printed = print_bgpd_conf(conf);
  const auto again = read_bgpd_conf(printed);
  ASSERT_TRUE(again) << again.error().message << "\n" << printed;
  for (std::size_t i = 0; i < 2; ++i) {
    auto expected = conf.neighbors.at(i);
    expected.group.clear();  // what it says is printed with each neighbour
    EXPECT_EQ(again->neighbors.at(i), expected) << printed;
  }
}

TEST(BgpdConf, OneLinkLocalAddressOnTwoLinksIsTwoNeighbours) {
  const auto conf = must_read(
      R"({"localAs": 1, "neighbors": [{"name": "a", "address": "fe80::1", "bindInterface": "eth0", "remoteAs": 2},
                                      {"name": "b", "address": "fe80::1", "bindInterface": "eth1", "remoteAs": 2}]})");
  EXPECT_NE(key_of(conf.neighbors.at(0)), key_of(conf.neighbors.at(1)));
}

TEST(BgpdConf, TheNameOfARangeInAPolicyMeansAllWhoComeFromIt) {
  const auto conf = must_read(
      R"({"localAs": 1, "dynamicNeighbors": [{"name": "rack", "range": "10.9.0.0/16", "remoteAs": "external"}],
          "policies": {"p": [{"match": {"neighbor": ["rack", "rack-10.9.0.7"]}, "then": "accept"}]}})");
  EXPECT_EQ(conf.policies.at("p").at(0).match.neighbors, (std::vector<std::string>{"rack-*", "rack-10.9.0.7"}));
}

TEST(BgpdConf, TheShippedExampleIsRead) {
  const auto conf = must_read(text_of("config/examples/bgpd.json"));
  EXPECT_EQ(conf.neighbors.size(), 2U);
}

// ---------------------------------------------------------------- config/README.md

std::set<std::string> documented_keys() {
  std::set<std::string> out;
  std::istringstream page(text_of("config/README.md"));
  const std::regex row(R"(^\| `([A-Za-z0-9.\[\]{}]+)` \|)");
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_search(line, match, row)) out.insert(match[1]);
  }
  return out;
}

TEST(BgpdConfReference, HasEveryKeyTheReaderKnowsAndNoOther) {
  const auto known = bgpd_conf_keys();
  EXPECT_EQ(documented_keys(), std::set<std::string>(known.begin(), known.end()));
}

}  // namespace
}  // namespace slash32::config
