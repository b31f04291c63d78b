// The hostile hand: every value of a configuration that uses every key is replaced by what does not belong there, left
// out, or spelled differently. No reader may crash, and what is refused must be told with a place of the document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/json_field.h"
#include "config/bgpd_conf.h"
#include "config/ipam_conf.h"
#include "config/net_conf.h"
#include "config/node_conf.h"

namespace slash32::config {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;
using Complaints = std::vector<std::string>;

// ---------------------------------------------------------------- the readers, and documents with all their keys

Complaints read_bgpd(const std::string& text) {
  Complaints out;
  for (const auto& error : check_bgpd_conf(text).errors) out.push_back(error.message);
  return out;
}

/// What ADD reads of a conflist's section, and then what DEL reads: nothing may hold that up.
Complaints read_plugin(const std::string& text) {
  const GetEnv none = [](const std::string&) { return std::optional<std::string>{}; };
  const auto document = parse_json(text);
  if (!document) return {document.error().message};
  const JsonField root(*document);
  Complaints ignored;
  (void)read_net_conf_leniently(root, none, ignored);
  (void)read_ipam_conf_leniently(root);
  (void)read_log_conf(root, none);
  const auto conf = read_net_conf(root, none);
  if (!conf) return {conf.error().message};
  const auto ipam = read_ipam_conf(root.child("ipam"));
  return ipam ? Complaints{} : Complaints{ipam.error().message};
}

Complaints read_node(const std::string& text) {
  const auto node = parse_node_conf(text);
  return node ? Complaints{} : Complaints{node.error().message};
}

constexpr const char* kBgpd = R"({
  "localAs": 64512, "routerId": "10.0.1.1", "clusterId": "10.0.1.1", "logLevel": "info", "stateFile": "/run/s",
  "onStop": "final", "listen": ["10.0.0.1:1790", {"address": "::", "port": 1}],
  "originate": {"podRoutes": "all", "prefixes": ["10.244.1.0/24", {"prefix": "fd00::/64", "blackhole": true,
    "communities": ["1:2", "no-export"], "localPref": 1, "med": 2, "onDrain": "withdraw", "dropForwarded": false}]},
  "kernel": {"install": true, "table": 254, "metric": 512, "multipath": 16, "maxRoutes": 9, "prefSrc4": "10.0.1.1",
    "prefSrc6": "fd00::1"},
  "control": {"socket": "/run/c"}, "metrics": {"address": "[::1]:9179"},
  "peerGroups": {"g": {"remoteAs": 65000, "holdTime": 30, "import": ["p"]}},
  "neighbors": [
    {"name": "a", "address": "10.0.1.254", "group": "g"},
    {"name": "b", "address": "fe80::1", "remoteAs": "internal", "port": 179, "passive": false, "enabled": true,
     "description": "d", "localAddress": "fe80::2", "bindInterface": "eth0", "passwordFile": "/k", "holdTime": 90,
     "keepaliveTime": 30, "connectRetryTime": 5, "delayOpen": 2, "multihop": 3, "families": ["ipv4", "ipv6"],
     "gracefulRestart": {"enabled": true, "restartTime": 120, "notification": true, "staleTime": 360,
       "longLived": {"staleTime": 9, "staleTime4": 8, "staleTime6": 7, "maxStaleTime": 6, "partialDeployment": true}},
     "bfd": {"minTx": 50, "minRx": 50, "multiplier": 3, "multihop": false}, "routeReflectorClient": true, "allowOwnAs": 1,
     "localAs": 64512, "nextHop": "self", "import": ["p"], "export": ["p", "q"], "allow": ["default"],
     "maxPrefixes": {"in": 5}}],
  "dynamicNeighbors": [{"name": "d", "range": "10.9.0.0/16", "limit": 5, "remoteAs": "external", "ttlSecurity": 1}],
  "policies": {"p": [{"name": "t", "match": {"prefix": ["10.0.0.0/8", {"prefix": "10.0.0.0/8", "ge": 9, "le": 24}],
      "community": ["1:2", "*:1-9"], "largeCommunity": ["1:2:*"], "extendedCommunity": ["rt:1:*"], "asPath": ["1 *"],
      "asPathContains": [5], "origin": ["igp"], "nextHop": ["10.0.0.1"], "neighbor": ["a"], "peerType": ["client"],
      "source": ["ebgp"], "family": ["ipv4"]}, "set": {"localPref": 1, "med": 2, "communities": ["1:2"],
      "addCommunities": ["1:3"], "removeCommunities": ["1:4"], "largeCommunities": ["1:2:3"],
      "addLargeCommunities": ["1:2:3"], "removeLargeCommunities": ["1:2:*"], "extendedCommunities": ["rt:1:2"],
      "addExtendedCommunities": ["ro:1:2"], "removeExtendedCommunities": ["rt:*:*"], "prepend": 1, "nextHop": ["10.0.0.9", "fd00::9"],
      "kernelMetric": 600, "blackhole": true}, "then": "accept"},
      {"set": {"removeMed": true}}, {"set": {"addMed": -5}}],
    "q": [{"then": "reject"}]}})";

constexpr const char* kPlugin = R"({
  "cniVersion": "1.1.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "k8s", "type": "slash32", "mtu": 1500,
  "gateway": {"v4": "169.254.1.1", "v6": "fe80::1"}, "hostSource": {"v4": "10.0.0.1", "v6": "fd00::1"},
  "antiSpoofing": true, "log": {"level": "info", "file": "/l", "maxSize": 4096}, "stateDir": "/s", "nodeFile": "/n",
  "dns": {"nameservers": ["10.0.0.53"], "domain": "d", "search": ["s"], "options": ["ndots:5"]}, "ipMasq": false,
  "masqueradeExempt": ["10.244.0.0/16", "fd00::/8"], "allowIpForwarding": true, "defaultRoute": true,
  "hostSysctl": {"net.ipv4.conf.IFNAME.rp_filter": 2, "net.ipv6.neigh.IFNAME.gc_stale_time": "60"},
  "routes": [{"dst": "10.8.0.0/16", "gw": "10.1.0.1", "mtu": 1400, "advmss": 1360, "priority": 1, "table": 2, "scope": 0}],
  "capabilities": {"ips": true}, "args": {"cni": {"ips": ["10.0.0.7"]}}, "runtimeConfig": {"mac": "ee:ee:ee:ee:ee:ee"},
  "disableCheck": false, "disableGC": false, "deviceID": "d", "pciBusID": "p",
  "ipam": {"type": "slash32-ipam", "dataDir": "/d", "nodeFile": "/n", "coolDown": 30,
    "subnet": "10.1.0.0/24", "rangeStart": "10.1.0.5", "rangeEnd": "10.1.0.9", "exclude": ["10.1.0.6"],
    "gateway": "10.1.0.1",
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1400, "advmss": 1360, "priority": 1, "table": 2,
                "scope": 0}],
    "ranges": [[{"subnet": "10.2.0.0/24", "rangeStart": "10.2.0.5", "rangeEnd": "10.2.0.9",
                 "exclude": ["10.2.0.6", "10.2.0.8/30"], "gateway": "10.2.0.1"}], [{"subnet": "fd00::/64"}]]}})";

constexpr const char* kNode =
    R"({"nodeName": "n1", "podCidrs": ["10.244.1.0/24", "fd00::/64"], "mtu": 1500, "masquerade": false,
        "masqueradeExempt": ["10.244.0.0/16"]})";

struct Kind {
  const char* name;
  const char* document;
  Complaints (*read)(const std::string&);
};

// ---------------------------------------------------------------- mutations

void collect(const json& value, const Pointer& at, std::vector<Pointer>& out) {
  out.push_back(at);
  if (value.is_object())
    for (const auto& [key, child] : value.items()) collect(child, at / key, out);
  if (value.is_array())
    for (std::size_t i = 0; i < value.size(); ++i) collect(value[i], at / i, out);
}

std::vector<Pointer> pointers_of(const json& document) {
  std::vector<Pointer> out;
  collect(document, Pointer{}, out);
  return out;
}

const std::vector<json>& strangers() {
  static const std::vector<json> kAll = {nullptr,
                                         true,
                                         -1,
                                         0,
                                         2,
                                         1.5,
                                         1e30,
                                         4294967296,
                                         18446744073709551615U,
                                         "",
                                         "x",
                                         " 10.0.0.1",
                                         "10.0.0.1/024",
                                         "255.255.255.255",
                                         "::ffff:10.0.0.1",
                                         std::string("/a\0b", 4),
                                         "/" + std::string(5000, 'x'),
                                         "\x1b[2J",
                                         json::array(),
                                         json::object(),
                                         json::array({nullptr}),
                                         json::array({json::array()}),
                                         json::object({{"", ""}}),
                                         json::object({{"type", json::object()}})};
  return kAll;
}

/// The pointer that a complaint begins with, "/" being the root.
std::string place_of(const std::string& complaint) {
  const auto place = complaint.substr(0, complaint.find(": "));
  return place == "/" ? "" : place;
}

/// A place of the document, or one where something should be.
bool is_place(const json& document, const std::string& place) {
  if (!place.empty() && place.front() != '/') return false;
  const Pointer pointer(place);
  return document.contains(pointer) || (!pointer.empty() && document.contains(pointer.parent_pointer()));
}

class Mutation : public testing::TestWithParam<Kind> {
 protected:
  json original_ = json::parse(GetParam().document);

  /// `what` was done at `at`.
  void expect_told_or_taken(const json& changed, const Pointer& at, const std::string& what) {
    const auto complaints = GetParam().read(changed.dump());
    for (const auto& complaint : complaints) {
      EXPECT_TRUE(is_place(changed, place_of(complaint))) << at.to_string() << " " << what << ": " << complaint;
      EXPECT_LT(complaint.size(), 600U) << at.to_string() << " " << what;
    }
  }
};

TEST_P(Mutation, TheDocumentItselfIsGood) { EXPECT_THAT(GetParam().read(GetParam().document), testing::IsEmpty()); }

TEST_P(Mutation, AStrangeValueIsTakenOrToldWithItsPlace) {
  for (const auto& at : pointers_of(original_))
    for (const auto& stranger : strangers()) {
      json changed = original_;
      changed[at] = stranger;
      expect_told_or_taken(changed, at, "= " + stranger.dump().substr(0, 40));
    }
}

TEST_P(Mutation, AWrongTypeIsAlwaysToldAtItsPlaceOrOneRelated) {
  for (const auto& at : pointers_of(original_)) {
    const json& value = original_[at];
    if (at.to_string().starts_with("/args/cni") || at.to_string().starts_with("/runtimeConfig/")) continue;  // others'
    for (const json& stranger : {json(nullptr), json(json::array({json::array()}))}) {
      json changed = original_;
      changed[at] = stranger;
      const bool of_a_delegate = at.to_string() == "/cniVersion" || at.to_string() == "/name";  // the dispatcher's
      if (of_a_delegate) continue;
      const auto complaints = GetParam().read(changed.dump());
      ASSERT_THAT(complaints, testing::Not(testing::IsEmpty()))
          << at.to_string() << " = " << stranger << ", was " << value;
      EXPECT_THAT(complaints, testing::Contains(testing::StartsWith(at.empty() ? "/" : at.to_string())));
    }
  }
}

TEST_P(Mutation, WhatIsLeftOutIsNotMissedOrToldWithItsPlace) {
  for (const auto& at : pointers_of(original_)) {
    if (at.empty()) continue;
    json changed = original_;
    json& parent = changed[at.parent_pointer()];
    if (parent.is_object())
      parent.erase(at.back());
    else
      parent.erase(std::stoul(at.back()));
    expect_told_or_taken(changed, at, "left out");
  }
}

TEST_P(Mutation, AKeyInAnotherCaseOrWithASpaceIsUnknown) {
  for (const auto& at : pointers_of(original_)) {
    if (at.empty() || !original_[at.parent_pointer()].is_object()) continue;
    const auto parent = at.parent_pointer().to_string();
    const bool free_names = parent == "/policies" || parent == "/peerGroups" || parent == "/capabilities" ||
                            parent.starts_with("/args") || parent == "/runtimeConfig";
    if (free_names || GetParam().name == std::string("node")) continue;  // node.json may be of a newer agent
    std::string upper = at.back();
    upper[0] = static_cast<char>(upper[0] - 'a' + 'A');
    for (const auto& other : {upper, at.back() + " ", at.back() + "s"}) {
      json changed = original_;
      json& object = changed[at.parent_pointer()];
      object[other] = object[at.back()];
      if (original_[at.parent_pointer()].contains(other)) continue;
      const auto complaints = GetParam().read(changed.dump());
      EXPECT_THAT(complaints, testing::Contains(testing::StartsWith((at.parent_pointer() / other).to_string() + ": ")));
    }
  }
}

TEST_P(Mutation, AnythingThatEndsTooEarlyOrTooLateIsNotJson) {
  const std::string text = original_.dump();
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_THAT(GetParam().read(text.substr(0, size)), testing::ElementsAre(testing::StartsWith("not JSON: ")));
  for (const char* tail : {"}", ",", "x", "{}", "\x01", "\xff"})
    EXPECT_THAT(GetParam().read(text + tail), testing::ElementsAre(testing::StartsWith("not JSON: ")));
  EXPECT_THAT(GetParam().read(text + std::string(1, '\0')), testing::ElementsAre(testing::StartsWith("not JSON: ")));
  EXPECT_THAT(GetParam().read("\xef\xbb\xbf" + text), testing::IsEmpty())
      << "RFC 8259 section 8.1: a BOM may be ignored";
}

TEST_P(Mutation, NoDamagedByteCrashesAnyReader) {
  const std::string text = original_.dump();
  std::mt19937 random(20260101);  // NOLINT: the same bytes on every run
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = text;
    for (int i = 0; i <= round % 3; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    for (const auto& complaint : GetParam().read(damaged)) EXPECT_FALSE(complaint.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Mutation,
                         testing::Values(Kind{"bgpd", kBgpd, read_bgpd}, Kind{"plugin", kPlugin, read_plugin},
                                         Kind{"node", kNode, read_node}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace slash32::config
