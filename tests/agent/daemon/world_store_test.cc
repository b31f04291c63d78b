// Objects into the world: what changed is told, what cannot be read is left out with its complaint.
#include "agent/world_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using model::Kind;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

json node(const std::string& range) {
  return {{"metadata", {{"name", "n1"}, {"resourceVersion", "1"}}}, {"spec", {{"podCIDRs", {range}}}}};
}

TEST(WorldStore, TellsOnlyWhatTheAgentKeeps) {
  WorldStore store("n1");
  auto object = node("10.244.1.0/24");
  EXPECT_TRUE(store.put(Kind::Node, "n1", object));
  object["metadata"]["resourceVersion"] = "2";
  object["metadata"]["managedFields"] = json::array({"much"});
  EXPECT_FALSE(store.put(Kind::Node, "n1", object)) << "a heartbeat is no change";
  EXPECT_TRUE(store.put(Kind::Node, "n1", node("10.244.2.0/24")));
  EXPECT_TRUE(store.remove(Kind::Node, "n1"));
  EXPECT_FALSE(store.remove(Kind::Node, "n1"));
}

TEST(WorldStore, WhatCannotBeReadStaysAsItWasAndIsComplainedAbout) {
  WorldStore store("n1");
  store.put(Kind::Node, "n1", node("10.244.1.0/24"));
  EXPECT_TRUE(store.put(Kind::Node, "n1", node("not a range")));
  EXPECT_EQ(store.world().nodes.at("n1").pod_cidrs[0].to_string(), "10.244.1.0/24");
  ASSERT_THAT(store.world().left_out, SizeIs(1));
  EXPECT_THAT(store.world().left_out[0].message, HasSubstr("/spec/podCIDRs/0"));
  EXPECT_FALSE(store.put(Kind::Node, "n1", node("not a range"))) << "nothing new";
  EXPECT_TRUE(store.put(Kind::Node, "n1", node("10.244.1.0/24")));
  EXPECT_THAT(store.world().left_out, IsEmpty());
  store.put(Kind::Node, "n2", json{{"metadata", {{"name", "n2"}}}, {"spec", {{"podCIDRs", "none"}}}});
  EXPECT_FALSE(store.world().nodes.contains("n2"));
  EXPECT_TRUE(store.remove(Kind::Node, "n2")) << "its complaint goes with it";
  EXPECT_THAT(store.world().left_out, IsEmpty());
}

json service(int version, const std::string& address) {
  return {{"metadata", {{"name", "web"}, {"namespace", "a"}, {"resourceVersion", std::to_string(version)}}},
          {"spec", {{"type", "LoadBalancer"}, {"ports", {{{"port", 80}}}}}},
          {"status", {{"loadBalancer", {{"ingress", {{{"ip", address}}}}}}}}};
}

TEST(WorldStore, AnAnswerThatIsOlderThanWhatTheWatchToldMeanwhileIsPassedOver) {
  WorldStore store("n1");
  const auto address = [&] { return store.world().services.at({"a", "web"}).ingress.at(0).to_string(); };
  store.put(Kind::Service, "a/web", service(7, "192.0.2.7"));
  EXPECT_TRUE(store.put_answer("a/web", "7", service(8, "192.0.2.8")));
  EXPECT_EQ(address(), "192.0.2.8");
  store.put(Kind::Service, "a/web", service(10, "192.0.2.10"));
  EXPECT_FALSE(store.put_answer("a/web", "8", service(9, "192.0.2.9")));
  EXPECT_EQ(address(), "192.0.2.10");
  store.remove(Kind::Service, "a/web");
  EXPECT_FALSE(store.put_answer("a/web", "10", service(11, "192.0.2.11")));
  EXPECT_THAT(store.world().services, IsEmpty()) << "a deleted Service stays deleted";
}

TEST(WorldStore, AKindThatIsNotWatchedAnyMoreIsUnknownAgain) {
  WorldStore store("n1");
  store.put(Kind::Service, "a/web",
            json{{"metadata", {{"name", "web"}, {"namespace", "a"}}}, {"spec", json::object()}});
  EXPECT_TRUE(store.listed(Kind::Service));
  EXPECT_FALSE(store.listed(Kind::Service));
  EXPECT_TRUE(store.forget(Kind::Service));
  EXPECT_THAT(store.world().services, IsEmpty());
  EXPECT_THAT(store.world().listed, IsEmpty());
  EXPECT_FALSE(store.forget(Kind::Service));
}

}  // namespace
}  // namespace slash32::agent
