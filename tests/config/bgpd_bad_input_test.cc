// Every kind of mistake in bgpd.json is told with its place, and nothing is half-read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/bgpd_conf.h"

namespace slash32::config {
namespace {

struct Mistake {
  const char* name;
  const char* document;
  const char* place;  // the message begins so
};

class BgpdBadInput : public testing::TestWithParam<Mistake> {};

TEST_P(BgpdBadInput, IsToldWithItsPlace) {
  const auto got = read_bgpd_conf(GetParam().document);
  ASSERT_FALSE(got) << "was read without a complaint";
  EXPECT_THAT(got.error().message, testing::StartsWith(GetParam().place));
}

#define NEIGHBOR(settings) R"({"localAs": 1, "neighbors": [{"address": "10.0.0.1", "remoteAs": 2, )" settings "}]}"

INSTANTIATE_TEST_SUITE_P(
    Top, BgpdBadInput,
    testing::Values(
        Mistake{"not_json", "{", "not JSON: "}, Mistake{"not_an_object", "[]", "/: must be an object"},
        Mistake{"repeated_key", R"({"localAs": 1, "localAs": 2})", "/localAs: occurs twice in one object"},
        Mistake{"unknown_key", R"({"localAs": 1, "localAS": 1})", "/localAS: unknown key"},
        Mistake{"no_local_as", "{}", "/localAs: is missing"},
        Mistake{"as_zero", R"({"localAs": 0})", "/localAs: must be an integer from 1"},
        Mistake{"as_trans", R"({"localAs": 23456})", "/localAs: 23456 is AS_TRANS"},
        Mistake{"as_too_large", R"({"localAs": 4294967296})", "/localAs: must be an integer"},
        Mistake{"as_text", R"({"localAs": "64512"})", "/localAs: must be an integer"},
        Mistake{"router_id_zero", R"({"localAs": 1, "routerId": "0.0.0.0"})", "/routerId: "},
        Mistake{"router_id_v6", R"({"localAs": 1, "routerId": "::1"})", "/routerId: "},
        Mistake{"listen_port", R"({"localAs": 1, "listen": ["10.0.0.1:0"]})", "/listen/0: the port"},
        Mistake{"listen_address", R"({"localAs": 1, "listen": ["10.0.0"]})", "/listen/0: "},
        Mistake{"listen_multicast", R"({"localAs": 1, "listen": ["224.0.0.5"]})", "/listen/0: must be an address of"},
        Mistake{"listen_broadcast", R"({"localAs": 1, "listen": ["255.255.255.255"]})",
                "/listen/0: must be an address of"},
        Mistake{"listen_link_local", R"({"localAs": 1, "listen": ["[fe80::1]:179"]})", "/listen/0: is link-local"},
        Mistake{"listen_mapped", R"({"localAs": 1, "listen": [{"address": "::ffff:10.0.0.1"}]})",
                "/listen/0/address: must be an address of"},
        Mistake{"listen_padded_port", R"({"localAs": 1, "listen": ["10.0.0.1:0179"]})", "/listen/0: the port"},
        Mistake{"listen_twice_as_object", R"({"localAs": 1, "listen": ["::", {"address": "::"}]})",
                "/listen/1: is there twice"},
        Mistake{"local_as_null", R"({"localAs": null})", "/localAs: must not be null"},
        Mistake{"socket_zero_byte", R"({"localAs": 1, "control": {"socket": "/a\u0000b"}})",
                "/control/socket: must not contain a zero byte"},
        Mistake{"state_file_zero_byte", R"({"localAs": 1, "stateFile": "/a\u0000b"})",
                "/stateFile: must not contain a zero byte"},
        Mistake{"source_broadcast", R"({"localAs": 1, "kernel": {"prefSrc4": "255.255.255.255"}})",
                "/kernel/prefSrc4: must be a unicast address"},
        Mistake{"listen_twice", R"({"localAs": 1, "listen": ["::", "[::]:179"]})", "/listen/1: is there twice"},
        Mistake{"metrics_without_port", R"({"localAs": 1, "metrics": {"address": "127.0.0.1"}})",
                "/metrics/address: must have a port"},
        Mistake{"metrics_v6_without_port", R"({"localAs": 1, "metrics": {"address": "::1"}})",
                "/metrics/address: must have a port"},
        Mistake{"metrics_port", R"({"localAs": 1, "metrics": {"address": "127.0.0.1:0"}})",
                "/metrics/address: the port must be"},
        Mistake{"metrics_key", R"({"localAs": 1, "metrics": {"port": 1}})", "/metrics/port: unknown key"},
        Mistake{"log_level", R"({"localAs": 1, "logLevel": "loud"})", "/logLevel: must be one of"},
        Mistake{"on_stop", R"({"localAs": 1, "onStop": "never"})", "/onStop: must be one of"},
        Mistake{"state_file", R"({"localAs": 1, "stateFile": "here"})", "/stateFile: must be an absolute path"},
        Mistake{"socket_relative", R"({"localAs": 1, "control": {"socket": "s"}})", "/control/socket: "},
        Mistake{"metric_too_low", R"({"localAs": 1, "kernel": {"metric": 128}})", "/kernel/metric: must be above 128"},
        Mistake{"table_local", R"({"localAs": 1, "kernel": {"table": 255}})", "/kernel/table: "},
        Mistake{"source_family", R"({"localAs": 1, "kernel": {"prefSrc4": "fd00::1"}})", "/kernel/prefSrc4: "},
        Mistake{"multipath_zero", R"({"localAs": 1, "kernel": {"multipath": 0}})", "/kernel/multipath: "}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Originate, BgpdBadInput,
    testing::Values(
        Mistake{"host_bits", R"({"localAs": 1, "originate": {"prefixes": ["10.0.0.1/24"]}})",
                "/originate/prefixes/0: "},
        Mistake{"no_length", R"({"localAs": 1, "originate": {"prefixes": ["10.0.0.0"]}})", "/originate/prefixes/0: "},
        Mistake{"twice", R"({"localAs": 1, "originate": {"prefixes": ["10.0.0.0/24", {"prefix": "10.0.0.0/24"}]}})",
                "/originate/prefixes/1: 10.0.0.0/24 is there twice"},
        Mistake{"default_blackhole", R"({"localAs": 1, "originate": {"prefixes": ["::/0"]}})",
                "/originate/prefixes/0: a blackhole for the default route"},
        Mistake{"link_local_v4", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "169.254.0.0/16"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"link_local_v6", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "fe80::/64"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"multicast", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "224.0.0.0/24"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"loopback", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "127.0.0.0/8"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"mapped", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "::ffff:10.0.0.0/120"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"reserved", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "240.0.0.0/8"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"this_network", R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "0.0.0.0/8"}]}})",
                "/originate/prefixes/0/prefix: must be a unicast prefix"},
        Mistake{"padded_length", R"({"localAs": 1, "originate": {"prefixes": ["10.0.0.0/024"]}})",
                "/originate/prefixes/0: \"10.0.0.0/024\" is not a prefix"},
        Mistake{"pod_routes", R"({"localAs": 1, "originate": {"podRoutes": "some"}})", "/originate/podRoutes: "},
        Mistake{"community",
                R"({"localAs": 1, "originate": {"prefixes": [{"prefix": "10.0.0.0/24", "communities": ["1:65536"]}]}})",
                "/originate/prefixes/0/communities/0: "}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Neighbors, BgpdBadInput,
    testing::Values(
        Mistake{"no_address", R"({"localAs": 1, "neighbors": [{"remoteAs": 2}]})", "/neighbors/0/address: is missing"},
        Mistake{"no_remote_as", R"({"localAs": 1, "neighbors": [{"address": "10.0.0.1"}]})",
                "/neighbors/0/remoteAs: is missing"},
        Mistake{"remote_as_word", R"({"localAs": 1, "neighbors": [{"address": "10.0.0.1", "remoteAs": "any"}]})",
                "/neighbors/0/remoteAs: must be one of"},
        Mistake{"multicast", R"({"localAs": 1, "neighbors": [{"address": "224.0.0.1", "remoteAs": 2}]})",
                "/neighbors/0/address: "},
        Mistake{"broadcast", R"({"localAs": 1, "neighbors": [{"address": "255.255.255.255", "remoteAs": 2}]})",
                "/neighbors/0/address: must be a unicast address"},
        Mistake{"unspecified", R"({"localAs": 1, "neighbors": [{"address": "::", "remoteAs": 2}]})",
                "/neighbors/0/address: must be a unicast address"},
        Mistake{"mapped", R"({"localAs": 1, "neighbors": [{"address": "::ffff:10.0.0.1", "remoteAs": 2}]})",
                "/neighbors/0/address: must be a unicast address"},
        Mistake{"policy_twice",
                R"({"localAs": 1, "policies": {"p": [{"then": "accept"}]},
                    "neighbors": [{"address": "10.0.0.1", "remoteAs": 2, "export": ["p", "p"]}]})",
                "/neighbors/0/export/1: \"p\" is there twice"},
        Mistake{"local_address_of_neighbor", NEIGHBOR(R"("localAddress": "10.0.0.1")"),
                "/neighbors/0/localAddress: is the neighbour's own address"},
        Mistake{"description", NEIGHBOR(R"("description": "a\nb")"), "/neighbors/0/description: must not contain"},
        Mistake{"local_address_unspecified", NEIGHBOR(R"("localAddress": "0.0.0.0")"),
                "/neighbors/0/localAddress: must be a unicast address"},
        Mistake{"password_zero_byte", NEIGHBOR(R"("passwordFile": "/k\u0000")"), "/neighbors/0/passwordFile: must not"},
        Mistake{"interface_zero_byte", NEIGHBOR(R"("bindInterface": "e\u0000")"), "/neighbors/0/bindInterface: "},
        Mistake{"interface_dots", NEIGHBOR(R"("bindInterface": "..")"), "/neighbors/0/bindInterface: "},
        Mistake{"link_local", R"({"localAs": 1, "neighbors": [{"address": "fe80::1", "remoteAs": 2}]})",
                "/neighbors/0/address: is link-local"},
        Mistake{
            "address_twice",
            R"({"localAs": 1, "neighbors": [{"address": "::1", "remoteAs": 2}, {"address": "0::1", "remoteAs": 2, "name": "b"}]})",
            "/neighbors/1/address: is the address of neighbour ::1"},
        Mistake{
            "name_twice",
            R"({"localAs": 1, "neighbors": [{"address": "10.0.0.1", "remoteAs": 2, "name": "a"}, {"address": "10.0.0.2", "remoteAs": 2, "name": "a"}]})",
            "/neighbors/1/name: there is another neighbour \"a\""},
        Mistake{"bad_name", NEIGHBOR(R"("name": "a/b")"), "/neighbors/0/name: "},
        Mistake{"unknown", NEIGHBOR(R"("holdtime": 9)"), "/neighbors/0/holdtime: unknown key"},
        Mistake{"hold_time", NEIGHBOR(R"("holdTime": 2)"), "/neighbors/0/holdTime: must be 0 or at least 3"},
        Mistake{"keepalive", NEIGHBOR(R"("holdTime": 9, "keepaliveTime": 4)"), "/neighbors/0/keepaliveTime: "},
        Mistake{"retry", NEIGHBOR(R"("connectRetryTime": 0)"), "/neighbors/0/connectRetryTime: "},
        Mistake{"families_empty", NEIGHBOR(R"("families": [])"), "/neighbors/0/families: "},
        Mistake{"family_unknown", NEIGHBOR(R"("families": ["ipv5"])"), "/neighbors/0/families/0: "},
        Mistake{"local_address", NEIGHBOR(R"("localAddress": "::1")"), "/neighbors/0/localAddress: must be an IPv4"},
        Mistake{"password_path", NEIGHBOR(R"("passwordFile": "key")"), "/neighbors/0/passwordFile: "},
        Mistake{"interface_name", NEIGHBOR(R"("bindInterface": "an-interface-name")"), "/neighbors/0/bindInterface: "},
        Mistake{"ttl_and_multihop", NEIGHBOR(R"("ttlSecurity": 1, "multihop": 2)"), "/neighbors/0/multihop: "},
        Mistake{"client_of_ebgp", NEIGHBOR(R"("routeReflectorClient": true)"), "/neighbors/0/routeReflectorClient: "},
        Mistake{"restart_time", NEIGHBOR(R"("gracefulRestart": {"restartTime": 4096})"),
                "/neighbors/0/gracefulRestart/restartTime: "},
        Mistake{"notification", NEIGHBOR(R"("gracefulRestart": {"notification": "on"})"),
                "/neighbors/0/gracefulRestart/notification: "},
        Mistake{"stale_time", NEIGHBOR(R"("gracefulRestart": {"staleTime": 0})"),
                "/neighbors/0/gracefulRestart/staleTime: "},
        Mistake{"policy", NEIGHBOR(R"("import": ["nope"])"), "/neighbors/0/import/0: no policy \"nope\""},
        Mistake{"group", NEIGHBOR(R"("group": "nope")"), "/neighbors/0/group: no group \"nope\""},
        Mistake{"allow", NEIGHBOR(R"("allow": ["all"])"), "/neighbors/0/allow/0: "},
        Mistake{"interface", NEIGHBOR(R"("interface": "eth0")"), "/neighbors/0/interface: not supported yet"},
        Mistake{"bfd", NEIGHBOR(R"("bfd": "on")"), "/neighbors/0/bfd: must be an object"},
        Mistake{"bfd_key", NEIGHBOR(R"("bfd": {"interval": 50})"), "/neighbors/0/bfd/interval: unknown key"},
        Mistake{"bfd_tx", NEIGHBOR(R"("bfd": {"minTx": 9})"), "/neighbors/0/bfd/minTx: "},
        Mistake{"bfd_rx", NEIGHBOR(R"("bfd": {"minRx": 60001})"), "/neighbors/0/bfd/minRx: "},
        Mistake{"bfd_multiplier", NEIGHBOR(R"("bfd": {"multiplier": 0})"), "/neighbors/0/bfd/multiplier: "},
        Mistake{"bfd_multihop", NEIGHBOR(R"("bfd": {"multihop": 2})"), "/neighbors/0/bfd/multihop: "},
        Mistake{"bfd_multihop_on_a_link",
                R"({"localAs": 1, "neighbors": [{"address": "fe80::1", "bindInterface": "eth0", "remoteAs": 2,
                    "bfd": {"multihop": true}}]})",
                "/neighbors/0/bfd/multihop: cannot be"},
        Mistake{"add_path", NEIGHBOR(R"("addPath": true)"), "/neighbors/0/addPath: not supported yet"},
        Mistake{"role", NEIGHBOR(R"("role": "friend")"), "/neighbors/0/role: must be one of \"provider\""},
        Mistake{"role_of_ibgp",
                R"({"localAs": 1, "neighbors": [{"address": "10.0.0.1", "remoteAs": 1, "role": "peer"}]})",
                "/neighbors/0/role: only an eBGP neighbour"},
        Mistake{"role_strict_alone", NEIGHBOR(R"("roleStrict": true)"), "/neighbors/0/roleStrict: needs role"},
        Mistake{"max_out", NEIGHBOR(R"("maxPrefixes": {"out": 0})"), "/neighbors/0/maxPrefixes/out: "},
        Mistake{"max_warn", NEIGHBOR(R"("maxPrefixes": {"warn": 101})"), "/neighbors/0/maxPrefixes/warn: "},
        Mistake{"max_restart", NEIGHBOR(R"("maxPrefixes": {"restart": 86401})"), "/neighbors/0/maxPrefixes/restart: "},
        Mistake{"as_set", NEIGHBOR(R"("allowAsSet": 1)"), "/neighbors/0/allowAsSet: "},
        Mistake{"graceful_shutdown", NEIGHBOR(R"("gracefulShutdown": "no")"), "/neighbors/0/gracefulShutdown: "},
        Mistake{"group_mistake", R"({"localAs": 1, "peerGroups": {"g": {"holdTime": 1}}})", "/peerGroups/g/holdTime: "},
        Mistake{"group_identity", R"({"localAs": 1, "peerGroups": {"g": {"address": "::1"}}})",
                "/peerGroups/g/address: "},
        Mistake{"range", R"({"localAs": 1, "dynamicNeighbors": [{"remoteAs": 1}]})",
                "/dynamicNeighbors/0/range: is missing"},
        Mistake{"range_multicast", R"({"localAs": 1, "dynamicNeighbors": [{"range": "ff00::/16", "remoteAs": 1}]})",
                "/dynamicNeighbors/0/range: must be a unicast prefix"},
        Mistake{"range_address", R"({"localAs": 1, "dynamicNeighbors": [{"range": "::/8", "address": "::1"}]})",
                "/dynamicNeighbors/0/address: "}),
    [](const auto& row) { return std::string{row.param.name}; });

#define TERM(term) R"({"localAs": 1, "policies": {"p": [)" term "]}}"

INSTANTIATE_TEST_SUITE_P(
    Policies, BgpdBadInput,
    testing::Values(
        Mistake{"not_a_list", R"({"localAs": 1, "policies": {"p": {}}})", "/policies/p: must be an array"},
        Mistake{"does_nothing", TERM("{}"), "/policies/p/0: does nothing"},
        Mistake{"outcome", TERM(R"({"then": "acept"})"), "/policies/p/0/then: must be one of"},
        Mistake{"unknown_match", TERM(R"({"match": {"prefixes": []}, "then": "accept"})"),
                "/policies/p/0/match/prefixes: unknown key"},
        Mistake{"empty_match", TERM(R"({"match": {"prefix": []}, "then": "accept"})"), "/policies/p/0/match/prefix: "},
        Mistake{"le_too_small", TERM(R"({"match": {"prefix": [{"prefix": "10.0.0.0/8", "le": 7}]}, "then": "accept"})"),
                "/policies/p/0/match/prefix/0/le: "},
        Mistake{"le_too_large",
                TERM(R"({"match": {"prefix": [{"prefix": "10.0.0.0/8", "le": 33}]}, "then": "accept"})"),
                "/policies/p/0/match/prefix/0/le: "},
        Mistake{"source", TERM(R"({"match": {"source": ["bgp"]}, "then": "accept"})"),
                "/policies/p/0/match/source/0: "},
        Mistake{"neighbor", TERM(R"({"match": {"neighbor": "x"}, "then": "accept"})"),
                "/policies/p/0/match/neighbor: "},
        Mistake{"community_range", TERM(R"({"match": {"community": "9-5:1"}, "then": "accept"})"),
                "/policies/p/0/match/community: must be \"AS:VALUE\""},
        Mistake{"community_above_16_bits", TERM(R"({"match": {"community": "*:65536"}, "then": "accept"})"),
                "/policies/p/0/match/community: must be \"AS:VALUE\""},
        Mistake{"community_word", TERM(R"({"match": {"community": ["no-exprot"]}, "then": "accept"})"),
                "/policies/p/0/match/community/0: "},
        Mistake{"community_set_to_a_pattern", TERM(R"({"set": {"addCommunities": ["1:*"]}})"),
                "/policies/p/0/set/addCommunities/0: "},
        Mistake{"large_pattern", TERM(R"({"match": {"largeCommunity": "1:*"}, "then": "accept"})"),
                "/policies/p/0/match/largeCommunity: must be \"A:B:C\""},
        Mistake{"extended_kind", TERM(R"({"match": {"extendedCommunity": "xx:1:2"}, "then": "accept"})"),
                "/policies/p/0/match/extendedCommunity: must be \"rt:AS:VALUE\""},
        Mistake{"extended_value_too_large_for_its_as",
                TERM(R"({"set": {"addExtendedCommunities": ["rt:65536:65536"]}})"),
                "/policies/p/0/set/addExtendedCommunities/0: must be"},
        Mistake{"extended_set_to_a_pattern", TERM(R"({"set": {"extendedCommunities": ["rt:1:*"]}})"),
                "/policies/p/0/set/extendedCommunities/0: must be"},
        Mistake{"extended_hex", TERM(R"({"set": {"addExtendedCommunities": "0x0002fde80000006"}})"),
                "/policies/p/0/set/addExtendedCommunities: must be"},
        Mistake{"as_path_regex", TERM(R"({"match": {"asPath": ["^65000_"]}, "then": "accept"})"),
                "/policies/p/0/match/asPath/0: \"^65000_\" is not"},
        Mistake{"as_path_two_spaces", TERM(R"({"match": {"asPath": "1  2"}, "then": "accept"})"),
                "/policies/p/0/match/asPath: \"\" is not"},
        Mistake{"as_path_star_in_a_choice", TERM(R"({"match": {"asPath": "1|*"}, "then": "accept"})"),
                "/policies/p/0/match/asPath: \"1|*\" is not"},
        Mistake{"as_path_too_long",
                TERM(R"({"match": {"asPath": "* * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * *"},
                        "then": "accept"})"),
                "/policies/p/0/match/asPath: has more than 32 words"},
        Mistake{"origin_word", TERM(R"({"match": {"origin": "bgp"}, "then": "accept"})"),
                "/policies/p/0/match/origin: must be one of"},
        Mistake{"next_hop_prefix", TERM(R"({"match": {"nextHop": ["10.0.0.1/8"]}, "then": "accept"})"),
                "/policies/p/0/match/nextHop/0: "},
        Mistake{"peer_type", TERM(R"({"match": {"peerType": "peer"}, "then": "accept"})"),
                "/policies/p/0/match/peerType: must be one of"},
        Mistake{"neighbor_pattern", TERM(R"({"match": {"neighbor": "x*"}, "then": "accept"})"),
                "/policies/p/0/match/neighbor: no neighbour"},
        Mistake{"med_added_and_set", TERM(R"({"set": {"med": 1, "addMed": 1}})"), "/policies/p/0/set/addMed: excludes"},
        Mistake{"med_removed_and_set", TERM(R"({"set": {"med": 1, "removeMed": true}})"),
                "/policies/p/0/set/removeMed: excludes"},
        Mistake{"next_hop_word", TERM(R"({"set": {"nextHop": "own"}})"), "/policies/p/0/set/nextHop: "},
        Mistake{"next_hop_multicast", TERM(R"({"set": {"nextHop": "224.0.0.1"}})"),
                "/policies/p/0/set/nextHop: must be a unicast address"},
        Mistake{"two_next_hops_of_a_family", TERM(R"({"set": {"nextHop": ["10.0.0.1", "10.0.0.2"]}})"),
                "/policies/p/0/set/nextHop: has two IPv4 addresses"},
        Mistake{"no_next_hop", TERM(R"({"set": {"nextHop": []}})"), "/policies/p/0/set/nextHop: is empty"},
        Mistake{"kernel_metric_of_an_aggregate", TERM(R"({"set": {"kernelMetric": 128}})"),
                "/policies/p/0/set/kernelMetric: must be"},
        Mistake{"prepend", TERM(R"({"set": {"prepend": 33}})"), "/policies/p/0/set/prepend: "},
        Mistake{"large", TERM(R"({"set": {"addLargeCommunities": ["1:2"]}})"),
                "/policies/p/0/set/addLargeCommunities"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(BgpdConfCheck, TellsSeveralMistakesAtOnce) {
  const auto checked = check_bgpd_conf(
      R"({"localAs": 0, "kernel": {"metric": 1}, "neighbors": [{"address": "10.0.0.1", "remoteAs": 0},
          {"address": "10.0.0.2", "remoteAs": 1, "holdTime": 1}]})");
  std::vector<std::string> told;
  for (const auto& error : checked.errors) told.push_back(error.message);
  EXPECT_THAT(told, testing::ElementsAre(testing::StartsWith("/localAs"), testing::StartsWith("/kernel/metric"),
                                         testing::StartsWith("/neighbors/0/remoteAs"),
                                         testing::StartsWith("/neighbors/1/holdTime")));
}

}  // namespace
}  // namespace slash32::config
