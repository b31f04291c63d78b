// What a reload says it changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bgpd/conf_changes.h"

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const RouterId kId{1};

config::NeighborConf neighbor(const std::string& name, std::uint32_t address) {
  config::NeighborConf out;
  out.name = name;
  out.address = IpAddress::v4(address);
  out.remote_as.asn = Asn{65000};
  return out;
}

TEST(ConfChanges, TheSameConfigurationChangesNothing) {
  config::BgpdConf conf;
  conf.neighbors = {neighbor("tor1", 1)};
  EXPECT_THAT(conf_changes(conf, kId, conf, kId), IsEmpty());
}

TEST(ConfChanges, TellsWhichNeighborsComeGoAndAreReset) {
  config::BgpdConf was, is;
  was.neighbors = {neighbor("gone", 1), neighbor("live", 2), neighbor("reset", 3), neighbor("same", 4)};
  is.neighbors = {neighbor("same", 4), neighbor("reset", 3), neighbor("live", 2), neighbor("new", 5)};
  is.neighbors[1].hold_time = Seconds{30};
  is.neighbors[2].description = "uplink";
  EXPECT_THAT(conf_changes(was, kId, is, kId),
              ElementsAre("neighbor gone (0.0.0.1) removed",
                          "neighbor reset (0.0.0.3) changed (holdTime); its session is reset",
                          "neighbor live (0.0.0.2) changed (description)", "neighbor new (0.0.0.5) added"));
}

TEST(ConfChanges, NamesTheKeysByTheirPath) {
  config::BgpdConf was, is;
  is.listen = {};
  is.kernel.metric = 600;
  is.originate.prefixes.emplace_back().prefix = *Prefix::parse("10.0.0.0/8", true);
  is.policies["all"] = {};
  is.log_level = "debug";
  EXPECT_THAT(conf_changes(was, kId, is, RouterId{2}),
              ElementsAre("/routerId changed", "/listen changed", "/originate changed", "/kernel changed",
                          "/policies changed", "/logLevel changed"));
}

const NeighborChange& only(const ConfChanges& changes) {
  EXPECT_EQ(changes.neighbors.size(), 1U);
  return changes.neighbors.at(0);
}

/// What becomes of tor1 when `change` is made to its settings.
NeighborChange after(const std::function<void(config::NeighborConf&)>& change) {
  config::BgpdConf was;
  was.local_as = Asn{64512};
  was.neighbors = {neighbor("tor1", 1)};
  was.policies["p"] = {};
  auto is = was;
  change(is.neighbors[0]);
  return only(compare_confs(was, kId, is, kId));
}

TEST(CompareConfs, TellsWhatBecomesOfASessionAndByWhichKey) {
  const auto live = after([](auto& one) { one.description = "uplink"; });
  EXPECT_EQ(live.effect, Effect::Live);
  EXPECT_THAT(live.keys, ElementsAre("description"));
  EXPECT_THAT(live.reset_by, IsEmpty());
  const auto refresh = after([](auto& one) { one.import_policies = {"p"}; });
  EXPECT_EQ(refresh.effect, Effect::Refresh);
  EXPECT_THAT(refresh.keys, ElementsAre("import"));
  const auto reset = after([](auto& one) {
    one.description = "uplink";
    one.hold_time = Seconds{30};
    one.graceful_restart.long_lived = config::LongLivedConf{.stale_time4 = Seconds{5}};
  });
  EXPECT_EQ(reset.effect, Effect::Reset);
  EXPECT_TRUE(reset.ends_sessions);
  EXPECT_THAT(reset.reset_by, ElementsAre("holdTime", "gracefulRestart.longLived"));
  EXPECT_THAT(reset.keys, testing::IsSupersetOf({"description", "holdTime", "gracefulRestart.longLived"}));
}

TEST(CompareConfs, EveryKeyThatResetsIsNamed) {
  using Conf = config::NeighborConf;
  const std::vector<std::pair<std::string, std::function<void(Conf&)>>> rows{
      {"port", [](Conf& n) { n.port = 1790; }},
      {"enabled", [](Conf& n) { n.enabled = false; }},
      {"passwordFile", [](Conf& n) { n.password_file = "/k"; }},
      {"localAs", [](Conf& n) { n.local_as = Asn{7}; }},
      {"remoteAs", [](Conf& n) { n.remote_as.asn = Asn{7}; }},
      {"passive", [](Conf& n) { n.passive = true; }},
      {"holdTime", [](Conf& n) { n.hold_time = Seconds{30}; }},
      {"keepaliveTime", [](Conf& n) { n.keepalive_time = Seconds{3}; }},
      {"delayOpen", [](Conf& n) { n.delay_open = Seconds{5}; }},
      {"connectRetryTime", [](Conf& n) { n.connect_retry_time = Milliseconds{100}; }},
      {"families", [](Conf& n) { n.families = {AddressFamily::IPv4}; }},
      {"gracefulRestart.enabled", [](Conf& n) { n.graceful_restart.enabled = false; }},
      {"gracefulRestart.restartTime", [](Conf& n) { n.graceful_restart.restart_time = Seconds{1}; }},
      {"gracefulRestart.notification", [](Conf& n) { n.graceful_restart.notification = true; }},
      {"gracefulRestart.staleTime", [](Conf& n) { n.graceful_restart.stale_time = Seconds{1}; }},
      {"role", [](Conf& n) { n.role = BgpRole::Customer; }},
      {"role", [](Conf& n) { n.role = BgpRole::RsClient; }},
      {"enforceFirstAs", [](Conf& n) { n.enforce_first_as = false; }},
      {"roleStrict", [](Conf& n) { n.role_strict = true; }},
      {"addPath.receive", [](Conf& n) { n.add_path.receive = true; }},
      {"addPath.send", [](Conf& n) { n.add_path.send = 2; }},
      {"allowAsSet", [](Conf& n) { n.allow_as_set = true; }},
      {"enhancedRouteRefresh", [](Conf& n) { n.enhanced_refresh = false; }},
      {"extendedMessages", [](Conf& n) { n.extended_messages = true; }},
      {"extendedNextHop", [](Conf& n) { n.extended_next_hop = true; }},
      {"localAddress", [](Conf& n) { n.local_address = IpAddress::v4(9); }},
      {"bindInterface", [](Conf& n) { n.bind_interface = "eth0"; }},
      {"multihop", [](Conf& n) { n.multihop = 3; }},
      {"ttlSecurity", [](Conf& n) { n.ttl_security = 1; }},
  };
  for (const auto& [key, change] : rows) {
    const auto got = after(change);
    EXPECT_EQ(got.effect, Effect::Reset) << key;
    EXPECT_THAT(got.reset_by, ElementsAre(key));
    EXPECT_THAT(got.keys, ElementsAre(key)) << "as the configuration has it";
  }
}

TEST(CompareConfs, KeysOfTcpAoRotateLiveUnlessOneTakesAnothersIdentifier) {  // RFC 5925 section 3.1
  const config::TcpAoKeyConf one{.send_id = 1, .receive_id = 1, .key_file = "/1"};
  const config::TcpAoKeyConf two{.send_id = 2, .receive_id = 2, .key_file = "/2"};
  auto other_file = one, shares_an_identifier = two;
  other_file.key_file = "/other";
  shares_an_identifier.receive_id = 1;
  using Keys = std::vector<config::TcpAoKeyConf>;
  const auto effect = [](const Keys& before, const Keys& now) {
    config::BgpdConf was;
    was.local_as = Asn{64512};
    was.neighbors = {neighbor("tor", 1)};
    was.neighbors[0].tcp_ao = before;
    auto is = was;
    is.neighbors[0].tcp_ao = now;
    return only(compare_confs(was, kId, is, kId)).effect;
  };
  EXPECT_EQ(effect({one}, {one, two}), Effect::Live);
  EXPECT_EQ(effect({one, two}, {two, one}), Effect::Live);
  EXPECT_EQ(effect({one, two}, {two}), Effect::Live);
  EXPECT_EQ(effect({one}, {two}), Effect::Live);
  EXPECT_EQ(effect({}, {one}), Effect::Reset);
  EXPECT_EQ(effect({one}, {}), Effect::Reset);
  EXPECT_EQ(effect({one}, {other_file}), Effect::Reset);
  EXPECT_EQ(effect({one}, {shares_an_identifier}), Effect::Reset);
}

/// What config/README.md says that a change of each key of a neighbour does: "live", "refresh", "reset", or more words.
std::map<std::string, std::string> documented_changes() {
  std::ifstream page(std::string(SLASH32_SOURCE_DIR) + "/config/README.md");
  std::map<std::string, std::string> out;
  const std::regex row(R"(^\| `neighbors\[\]\.([A-Za-z0-9.]+)` \| (?:[^|]*) \| (?:[^|]*) \| ([^|]*) \|)");
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_search(line, match, row)) out[match[1]] = match[2];
  }
  return out;
}

TEST(BgpdConfReference, SaysOfEachKeyOfANeighborWhatTheDifferenceMakesOfIt) {
  using Conf = config::NeighborConf;
  const auto lived = [](Conf& n) -> config::LongLivedConf& { return n.graceful_restart.long_lived.emplace(); };
  const std::map<std::string, std::function<void(Conf&)>> rows{
      {"name", [](Conf& n) { n.name = "tor9"; }},
      {"remoteAs", [](Conf& n) { n.remote_as.asn = Asn{7}; }},
      {"port", [](Conf& n) { n.port = 1790; }},
      {"passive", [](Conf& n) { n.passive = true; }},
      {"enabled", [](Conf& n) { n.enabled = false; }},
      {"description", [](Conf& n) { n.description = "uplink"; }},
      {"localAddress", [](Conf& n) { n.local_address = IpAddress::v4(9); }},
      {"bindInterface", [](Conf& n) { n.bind_interface = "eth0"; }},
      {"passwordFile", [](Conf& n) { n.password_file = "/k"; }},
      {"holdTime", [](Conf& n) { n.hold_time = Seconds{30}; }},
      {"keepaliveTime", [](Conf& n) { n.keepalive_time = Seconds{3}; }},
      {"connectRetryTime", [](Conf& n) { n.connect_retry_time = Milliseconds{100}; }},
      {"delayOpen", [](Conf& n) { n.delay_open = Seconds{5}; }},
      {"connectedCheck", [](Conf& n) { n.connected_check = false; }},
      {"tcpAo", [](Conf& n) { n.tcp_ao.emplace_back(); }},
      {"tcpAo.keys", [](Conf& n) { n.tcp_ao.emplace_back(); }},
      {"ttlSecurity", [](Conf& n) { n.ttl_security = 1; }},
      {"multihop", [](Conf& n) { n.multihop = 3; }},
      {"families", [](Conf& n) { n.families = {AddressFamily::IPv4}; }},
      {"gracefulRestart.enabled", [](Conf& n) { n.graceful_restart.enabled = false; }},
      {"gracefulRestart.restartTime", [](Conf& n) { n.graceful_restart.restart_time = Seconds{1}; }},
      {"gracefulRestart.notification", [](Conf& n) { n.graceful_restart.notification = true; }},
      {"gracefulRestart.staleTime", [](Conf& n) { n.graceful_restart.stale_time = Seconds{1}; }},
      {"gracefulRestart.longLived", [&](Conf& n) { lived(n); }},
      {"gracefulRestart.longLived.staleTime", [&](Conf& n) { lived(n).stale_time4 = Seconds{1}; }},
      {"gracefulRestart.longLived.staleTime4", [&](Conf& n) { lived(n).stale_time4 = Seconds{1}; }},
      {"gracefulRestart.longLived.staleTime6", [&](Conf& n) { lived(n).stale_time6 = Seconds{1}; }},
      {"gracefulRestart.longLived.maxStaleTime", [&](Conf& n) { lived(n).max_stale_time = Seconds{1}; }},
      {"bfd", [](Conf& n) { n.bfd.emplace(); }},
      {"bfd.minTx", [](Conf& n) { n.bfd.emplace().min_tx = Milliseconds{50}; }},
      {"bfd.minRx", [](Conf& n) { n.bfd.emplace().min_rx = Milliseconds{50}; }},
      {"bfd.multiplier", [](Conf& n) { n.bfd.emplace().multiplier = 5; }},
      {"bfd.multihop", [](Conf& n) { n.bfd.emplace().multihop = true; }},
      {"localAs", [](Conf& n) { n.local_as = Asn{7}; }},
      {"allowOwnAs", [](Conf& n) { n.allow_own_as = 1; }},
      {"routeReflectorClient", [](Conf& n) { n.route_reflector_client = true; }},
      {"nextHop", [](Conf& n) { n.next_hop = config::NextHopMode::Self; }},
      {"import", [](Conf& n) { n.import_policies = {"p"}; }},
      {"export", [](Conf& n) { n.export_policies = {"p"}; }},
      {"allow", [](Conf& n) { n.allow.connected = true; }},
      {"maxPrefixes.in", [](Conf& n) { n.max_prefixes.in = 5; }},
      {"maxPrefixes.out", [](Conf& n) { n.max_prefixes.out = 5; }},
      {"maxPrefixes.warn", [](Conf& n) { n.max_prefixes.warn = 5; }},
      {"maxPrefixes.restart", [](Conf& n) { n.max_prefixes.restart = Seconds{5}; }},
      {"gracefulShutdown", [](Conf& n) { n.graceful_shutdown = false; }},
      {"drain", [](Conf& n) { n.drain = true; }},
      {"allowAsSet", [](Conf& n) { n.allow_as_set = true; }},
      {"enhancedRouteRefresh", [](Conf& n) { n.enhanced_refresh = false; }},
      {"extendedMessages", [](Conf& n) { n.extended_messages = true; }},
      {"extendedNextHop", [](Conf& n) { n.extended_next_hop = true; }},
      {"addPath.receive", [](Conf& n) { n.add_path.receive = true; }},
      {"addPath.send", [](Conf& n) { n.add_path.send = 2; }},
      {"role", [](Conf& n) { n.role = BgpRole::Customer; }},
      {"enforceFirstAs", [](Conf& n) { n.enforce_first_as = false; }},
      {"roleStrict", [](Conf& n) { n.role_strict = true; }},
  };
  // Which neighbour it is, objects of the keys below them, and what only counts beside another setting.
  const std::set<std::string> others{"address",
                                     "interface",
                                     "group",
                                     "gracefulRestart",
                                     "addPath",
                                     "maxPrefixes",
                                     "nextHopResolution",
                                     "gracefulRestart.longLived.partialDeployment"};
  const auto documented = documented_changes();
  for (const auto& [key, said] : documented)
    EXPECT_TRUE(rows.contains(key) || others.contains(key)) << key << " has no row here";
  for (const auto& [key, change] : rows) {
    ASSERT_TRUE(documented.contains(key)) << key;
    EXPECT_TRUE(documented.at(key).starts_with(to_string(after(change).effect)))
        << key << ": " << documented.at(key) << ", and not " << to_string(after(change).effect);
  }
}

TEST(CompareConfs, WhereNextHopsMayBeFoundCountsForWhoMayBeFurtherAway) {
  const auto recursive = [](config::NeighborConf& n) { n.next_hop_resolution = NextHopResolution::Recursive; };
  EXPECT_EQ(after(recursive).effect, Effect::Live) << "eBGP over one hop: RFC 4271 section 6.3";
  const auto unchecked = [](config::NeighborConf& n) { n.connected_check = false; };
  config::BgpdConf was;
  was.local_as = Asn{64512};
  was.neighbors = {neighbor("far", 1)};
  unchecked(was.neighbors[0]);
  auto is = was;
  recursive(is.neighbors[0]);
  EXPECT_EQ(only(compare_confs(was, kId, is, kId)).effect, Effect::Refresh);
}

TEST(CompareConfs, KeysOfTheTopLevelCountForTheNeighborsTheyConcern) {
  config::BgpdConf was;
  was.local_as = Asn{64512};
  was.policies["p"] = {};
  was.neighbors = {neighbor("with", 1), neighbor("without", 2)};
  was.neighbors[0].export_policies = {"p"};
  auto is = was;
  is.policies["p"].emplace_back();
  const auto with_policy = compare_confs(was, kId, is, kId);
  EXPECT_THAT(with_policy.sections, ElementsAre("/policies"));
  EXPECT_EQ(only(with_policy).name, "with");
  EXPECT_EQ(only(with_policy).effect, Effect::Refresh);
  EXPECT_THAT(only(with_policy).keys, ElementsAre("/policies/p"));
  is = was;
  is.drain = true;
  for (const auto& one : compare_confs(was, kId, is, kId).neighbors) EXPECT_EQ(one.effect, Effect::Refresh) << one.name;
  is = was;
  is.local_as = Asn{64513};
  is.neighbors[1].local_as = Asn{64512};
  was.neighbors[1].local_as = Asn{64512};
  const auto other_as = compare_confs(was, kId, is, kId);
  ASSERT_EQ(other_as.neighbors.size(), 2U);
  EXPECT_THAT(other_as.neighbors[0].reset_by, ElementsAre("/localAs"));
  EXPECT_THAT(other_as.neighbors[1].reset_by, IsEmpty()) << "it shows this one its own AS";
  EXPECT_THAT(compare_confs(was, kId, was, RouterId{2}).neighbors.at(0).reset_by, ElementsAre("/routerId"));
}

TEST(CompareConfs, ANeighborWithoutASessionLosesNone) {
  config::BgpdConf was;
  was.neighbors = {neighbor("off", 1), neighbor("gone", 2)};
  was.neighbors[0].enabled = was.neighbors[1].enabled = false;
  auto is = was;
  is.neighbors.pop_back();
  is.neighbors[0].hold_time = Seconds{30};
  for (const auto& one : compare_confs(was, kId, is, kId).neighbors) EXPECT_FALSE(one.ends_sessions) << one.name;
  is.neighbors[0].enabled = true;
  EXPECT_FALSE(compare_confs(was, kId, is, kId).neighbors.back().ends_sessions);
  EXPECT_TRUE(compare_confs(is, kId, was, kId).neighbors.back().ends_sessions == false) << "added, and disabled";
}

TEST(CompareConfs, OfARangeSettingsThatNeedNoNewSessionAreLive) {
  config::BgpdConf was;
  was.local_as = Asn{64512};
  was.policies["p"] = {};
  config::DynamicNeighborConf range{.range = *Prefix::parse("fd00::/64", true), .settings = neighbor("rack", 0)};
  was.dynamic_neighbors = {range};
  const auto after_range = [&](auto change) {
    auto is = was;
    change(is.dynamic_neighbors[0].settings);
    return only(compare_confs(was, kId, is, kId));
  };
  const auto text = after_range([](auto& one) { one.description = "racks"; });
  EXPECT_EQ(text.effect, Effect::Live);
  EXPECT_THAT(text.keys, ElementsAre("description"));
  EXPECT_EQ(after_range([](auto& one) { one.extended_next_hop = true; }).effect, Effect::Live) << "it was, over IPv6";
  for (const auto& refresh :
       {after_range([](auto& one) { one.import_policies = {"p"}; }),
        after_range([](auto& one) { one.export_policies = {"p"}; }),
        after_range([](auto& one) { one.allow.default_route = true; }),
        after_range([](auto& one) { one.max_prefixes.in = 5; }), after_range([](auto& one) { one.name = "shelf"; })}) {
    EXPECT_EQ(refresh.effect, Effect::Refresh) << refresh.keys.at(0);
    EXPECT_THAT(refresh.reset_by, IsEmpty());
  }
  EXPECT_EQ(after_range([](auto& one) { one.name = "shelf"; }).name, "shelf");
}

TEST(CompareConfs, OfARangeResetsWhatResetsANeighbor) {
  config::BgpdConf was;
  was.local_as = Asn{64512};
  config::DynamicNeighborConf range{.range = *Prefix::parse("10.0.0.0/24", true), .settings = neighbor("rack", 0)};
  was.dynamic_neighbors = {range};
  auto is = was;
  is.dynamic_neighbors[0].limit = 5;
  is.dynamic_neighbors[0].settings.drain = true;
  is.dynamic_neighbors[0].settings.bfd.emplace();
  const auto live = only(compare_confs(was, kId, is, kId));
  EXPECT_EQ(live.effect, Effect::Refresh) << "a drain";
  EXPECT_THAT(live.keys, testing::UnorderedElementsAre("limit", "drain", "bfd"));
  is = was;
  is.dynamic_neighbors[0].settings.hold_time = Seconds{30};
  const auto reset = only(compare_confs(was, kId, is, kId));
  EXPECT_THAT(reset.reset_by, ElementsAre("holdTime"));
  EXPECT_THAT(conf_changes(was, kId, is, kId),
              ElementsAre("range rack (10.0.0.0/24) changed (holdTime); its sessions are reset"));
  EXPECT_THAT(range_reset_keys(was, kId, was.dynamic_neighbors[0], was, RouterId{2}, was.dynamic_neighbors[0]),
              ElementsAre("/routerId"));
  is.dynamic_neighbors.clear();
  EXPECT_TRUE(only(compare_confs(was, kId, is, kId)).ends_sessions);
}

}  // namespace
}  // namespace slash32::bgp
