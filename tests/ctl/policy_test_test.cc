// `slash32ctl policy test`: which term decided, why the others did not, and what the route is afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/commands.h"
#include "ctl/policy_route.h"

namespace slash32::ctl {
namespace {

using testing::HasSubstr;

config::BgpdConf conf() {
  return config::read_bgpd_conf(R"({"localAs": 64512,
    "neighbors": [{"name": "tor1", "address": "10.0.0.1", "remoteAs": 65000, "localAs": 64600},
                  {"name": "rr1", "address": "10.0.0.2", "remoteAs": "internal", "routeReflectorClient": true}],
    "dynamicNeighbors": [{"name": "rack", "range": "10.9.0.0/16", "remoteAs": "external"}],
    "policies": {
      "in": [{"name": "own", "match": {"prefix": "10.244.0.0/16", "family": "ipv4"}, "then": "reject"},
             {"name": "mark", "match": {"community": "65000:*"}, "set": {"localPref": 200, "prepend": 1}},
             {"name": "rest", "match": {"asPath": "* 65000 *", "neighbor": ["tor1", "rack"]}, "then": "accept"}],
      "none": []}})")
      .value();
}

nlohmann::json test(const std::string& route, const std::vector<std::string>& policies = {"in"}) {
  auto document = policy_test_document(conf(), policies, route);
  if (!document) return {{"error", document.error().message}};
  return nlohmann::json(*document);
}

TEST(PolicyTest, SaysWhichTermAcceptedAndWhatTheRouteIsAfterwards) {
  const auto got = test("10.1.0.0/16 neighbor=tor1 asPath=65000,65010 communities=65000:7 med=5");
  EXPECT_EQ(got["accepted"], true);
  EXPECT_EQ(got["policy"], "in");
  EXPECT_EQ(got["term"], 3);
  EXPECT_EQ(got["attributes"]["localPref"], 200);
  EXPECT_EQ(got["attributes"]["med"], 5);
  EXPECT_EQ(got["attributes"]["asPath"], (nlohmann::json{64600, 65000, 65010})) << "the AS this neighbour is shown";
}

TEST(PolicyTest, SaysOfEachTermWhichConditionsDidNotHold) {
  const auto got = test("2001:db8::/32 neighbor=rr1 asPath=65000");
  EXPECT_EQ(got["accepted"], false);
  EXPECT_TRUE(got["policy"].is_null());
  ASSERT_EQ(got["terms"].size(), 3U);
  EXPECT_EQ(got["terms"][0]["matched"], false);
  EXPECT_EQ(got["terms"][0]["failed"][0],
            (nlohmann::json{{"condition", "family"}, {"wanted", {"ipv4"}}, {"route", "ipv6"}}));
  EXPECT_EQ(got["terms"][0]["failed"][1]["condition"], "prefix");
  EXPECT_EQ(got["terms"][1]["failed"][0]["route"], nullptr) << "it has no communities";
  EXPECT_EQ(got["terms"][2]["failed"][0]["condition"], "neighbor");
  const auto text = render_policy_test(got);
  EXPECT_THAT(text, HasSubstr("policy 'in', term 1 'own': does not match\n    family: the route has ipv6, wanted is "));
  EXPECT_THAT(text, HasSubstr("rejected: no term decided\n"));
}

TEST(PolicyTest, TellsARejectingTerm) {
  EXPECT_THAT(render_policy_test(test("10.244.0.0/16")), HasSubstr("rejected by policy 'in', term 1 'own'\n"));
}

TEST(PolicyTest, TriesSeveralPoliciesInOrder) {
  const auto got = test("10.1.0.0/16 neighbor=rack-10.9.0.7 asPath=65000", {"none", "in"});
  EXPECT_EQ(got["accepted"], true);
}

TEST(PolicyTest, TakesARouteAsTheDaemonShowsIt) {
  const auto got =
      test(R"({"prefix": "10.1.0.0/16", "best": true, "multipath": false, "source": "ebgp", "neighbor": "tor1",
    "nextHop": "10.0.0.1", "resolved": true, "installed": true, "stale": false, "asPath": [65000, [1, 2]], "origin": "igp",
    "localPref": null, "med": null, "communities": ["no-export"], "why": ""})");
  EXPECT_EQ(got["accepted"], true) << got;
  EXPECT_EQ(got["attributes"]["communities"], nlohmann::json{"no-export"});
  EXPECT_EQ(got["attributes"]["asPath"], (nlohmann::json{65000, nlohmann::json{1, 2}})) << "not marked: no prepend";
}

TEST(PolicyTest, TakesWhatTheDaemonShowsOfSomeRoutesOnly) {
  const auto got = test(R"({"prefix": "10.1.0.0/16", "neighbor": "tor1", "asPath": [65000], "longLivedStale": true,
    "pathId": 7, "onlyToCustomer": 65000, "kernelMetric": 9, "blackhole": true, "why": "", "decision": "localPref",
    "wonBy": "higher LOCAL_PREF"})");
  EXPECT_EQ(got["accepted"], true) << got;
}

TEST(PolicyTest, DerivesTheTypeOfThePeerFromTheConfiguration) {
  EXPECT_EQ(read_test_route("10.0.0.0/8 neighbor=rr1", conf())->peer_type, config::PeerType::Client);
  EXPECT_EQ(read_test_route("10.0.0.0/8 neighbor=rr1", conf())->source, config::RouteSource::Ibgp);
  EXPECT_EQ(read_test_route("10.0.0.0/8 neighbor=rr1 direction=export", conf())->peer_type, config::PeerType::Ebgp);
  EXPECT_EQ(read_test_route("10.0.0.0/8", conf())->source, config::RouteSource::Ebgp);
}

struct BadRoute {
  const char* name;
  const char* route;
  const char* place;
};
class PolicyTestBadInput : public testing::TestWithParam<BadRoute> {};
TEST_P(PolicyTestBadInput, IsToldWithItsPlace) {
  EXPECT_THAT(test(GetParam().route)["error"].get<std::string>(), HasSubstr(GetParam().place));
}
INSTANTIATE_TEST_SUITE_P(
    Routes, PolicyTestBadInput,
    testing::Values(
        BadRoute{"empty", "  ", "the route is empty"}, BadRoute{"no_prefix", "med=5", "/prefix: is missing"},
        BadRoute{"host_bits", "10.0.0.1/8", "/prefix: "}, BadRoute{"word", "10.0.0.0/8 med", "is not KEY=VALUE"},
        BadRoute{"key", "10.0.0.0/8 metric=5", "/metric: unknown key"},
        BadRoute{"twice", "10.0.0.0/8 med=1 med=2", "is there twice"}, BadRoute{"number", "10.0.0.0/8 med=x", "/med: "},
        BadRoute{"as", "10.0.0.0/8 asPath=65000,x", "/asPath/1: "},
        BadRoute{"direction", "10.0.0.0/8 direction=out", "/direction: must be one of"},
        BadRoute{"json", "{\"prefix\": ", "not JSON"},
        BadRoute{"pattern_for_a_value", "10.0.0.0/8 communities=1:*", "/communities/0: "}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PolicyTest, ANameThatIsNotThereIsAnErrorThatListsThoseThatAre) {
  const auto got = policy_test_document(conf(), {"inn"}, "10.0.0.0/8");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("no policy \"inn\""));
  EXPECT_THAT(got.error().details, HasSubstr("in, none"));
}

}  // namespace
}  // namespace slash32::ctl
