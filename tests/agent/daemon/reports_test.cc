// What the agent says to the API, and what it reads from others' answers.
#include "agent/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

const plan::Event kEvent{.kind = model::Kind::BgpPeer,
                         .key = {.space = {}, .name = "tor1"},
                         .warning = true,
                         .reason = "NotAccepted",
                         .message = "/spec/remoteAs: must be …",
                         .uid = {}};

TEST(EndpointSliceVersion, PrefersV1AndTakesV1beta1) {
  EXPECT_EQ(endpoint_slice_version(R"({"versions":[{"version":"v1beta1"},{"version":"v1"}]})"), "v1");
  EXPECT_EQ(endpoint_slice_version(R"({"versions":[{"version":"v1beta1"}]})"), "v1beta1");
}

TEST(EndpointSliceVersion, SaysWhatAnotherAnswerWas) {
  for (const char* text : {"404 page not found", "{}", R"({"versions":[{"version":"v2"}]})", R"({"versions":[1]})"}) {
    const auto got = endpoint_slice_version(text);
    ASSERT_FALSE(got);
    EXPECT_THAT(got.error().message, HasSubstr("names neither v1 nor v1beta1"));
  }
}

TEST(NetworkUnavailable, IsMergedByTypeSoThatTheNodesOtherConditionsStay) {
  const auto request = clear_network_unavailable("n1", "2026-01-02T03:04:05Z");
  EXPECT_EQ(request.method + " " + request.target, "PATCH /api/v1/nodes/n1/status");
  EXPECT_EQ(request.content_type, "application/strategic-merge-patch+json");
  const auto conditions = json::parse(request.body)["status"]["conditions"];
  ASSERT_THAT(conditions, SizeIs(1));
  EXPECT_EQ(conditions[0]["type"], "NetworkUnavailable");
  EXPECT_EQ(conditions[0]["status"], "False");
}

TEST(EventRequest, HasOneNameForOneThingSaid) {
  const auto name = [](const plan::Event& event, const char* node) {
    return json::parse(event_request(event, node, "uid", "now").body)["metadata"]["name"].get<std::string>();
  };
  EXPECT_EQ(name(kEvent, "n1"), name(kEvent, "n1"));
  EXPECT_NE(name(kEvent, "n1"), name(kEvent, "n2"));
  auto other = kEvent;
  other.message += ".";
  EXPECT_NE(name(kEvent, "n1"), name(other, "n1"));
  EXPECT_THAT(name(kEvent, "n1"), StartsWith("tor1."));
}

TEST(EventRequest, OfAServiceIsAboutTheOneOfThisUidAndNotALaterOneOfItsName) {
  auto event = kEvent;
  event.kind = model::Kind::Service;
  event.key = {.space = "web", .name = "front"};
  event.uid = "1111";
  const auto first = json::parse(event_request(event, "n1", "uid of the node", "now").body);
  EXPECT_EQ(first["involvedObject"]["uid"], "1111") << "kubectl describe looks for it";
  event.uid = "2222";
  const auto later = json::parse(event_request(event, "n1", "uid of the node", "now").body);
  EXPECT_NE(first["metadata"]["name"], later["metadata"]["name"]) << "one of the same name is told as well";
}

TEST(EventRequest, OfAClusterScopedObjectStandsInDefault) {
  const auto request = event_request(kEvent, "n1", "uid", "2026-01-02T03:04:05Z");
  EXPECT_EQ(request.target, "/api/v1/namespaces/default/events");
  const auto body = json::parse(request.body);
  EXPECT_EQ(body["involvedObject"]["kind"], "BGPPeer");
  EXPECT_EQ(body["involvedObject"]["apiVersion"], "slash32.io/v1alpha1");
  EXPECT_EQ(body["type"], "Warning");
}

TEST(EventRequest, OfAServiceStandsInItsNamespaceAndALongMessageIsCut) {
  auto event = kEvent;
  event.kind = model::Kind::Service;
  event.key = {.space = "web", .name = "front"};
  event.message = std::string(1023, 'x') + "ä and more";
  const auto request = event_request(event, "n1", "uid", "now");
  EXPECT_EQ(request.target, "/api/v1/namespaces/web/events");
  EXPECT_EQ(json::parse(request.body)["message"], std::string(1023, 'x')) << "cut before the character, not within";
}

TEST(NodeStatus, IsReplacedAsAWhole) {
  const json object = {{"metadata", {{"name", "n1"}}}, {"status", {{"conditions", {{{"message", ""}}}}}}};
  const auto request = patch_node_status("n1", object);
  EXPECT_EQ(request.target, "/apis/slash32.io/v1alpha1/bgpnodestatuses/n1/status");
  EXPECT_EQ(request.content_type, "application/json-patch+json");
  EXPECT_EQ(json::parse(request.body)[0]["value"], object["status"]);
  EXPECT_FALSE(json::parse(create_node_status(object).body).contains("status"));
}

TEST(Sessions, AreReadFromBgpdsAnswer) {
  const auto got = read_sessions(R"({"neighbors":[
      {"name":"tor1","state":"Established","uptimeSeconds":60,"lastError":"hold timer",
       "families":{"ipv4":{"received":3,"advertised":1},"ipv6":{"received":2,"advertised":1}}},
      {"name":"tor2","state":"Active","uptimeSeconds":0,"lastError":""}]})",
                                 1'000'000);
  ASSERT_TRUE(got) << got.error().message;
  const auto& tor1 = got->at("tor1");
  EXPECT_EQ(tor1.state, "Established");
  EXPECT_EQ(tor1.since, "1970-01-12T13:45:40Z");
  EXPECT_EQ(tor1.received, 5U);
  EXPECT_EQ(tor1.announced, 2U);
  EXPECT_EQ(got->at("tor2").since, "");
}

TEST(Sessions, AnAnswerThatIsNoneNamesThePlace) {
  EXPECT_THAT(read_sessions(R"({"neighbors":[{"name":"x"}]})", 0).error().message,
              HasSubstr("/neighbors/0/state: is missing"));
  EXPECT_FALSE(read_sessions("<html>", 0));
}

TEST(Conditions, OfTheSpeakerAreReadFromItsStatus) {
  const auto read = read_conditions(R"({"version": "1", "conditions": ["a is held: x", "b"]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (std::vector<std::string>{"a is held: x", "b"}));
  for (const char* text : {"", "{}", R"({"conditions": "x"})", R"({"conditions": [1]})"})
    EXPECT_FALSE(read_conditions(text)) << text;
}

}  // namespace
}  // namespace slash32::agent
