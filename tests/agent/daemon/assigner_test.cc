// What the holder of the lease writes, request by request, and what it makes of answers.
#include "tests/agent/daemon/assigning.h"

namespace slash32::agent::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST_F(Assigning, AServiceGetsItsAddressByAPatchThatHoldsForThisVersionOnly) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  const auto request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "PATCH");
  EXPECT_EQ(request->target, "/api/v1/namespaces/default/services/web/status");
  EXPECT_EQ(request->content_type, "application/merge-patch+json");
  EXPECT_EQ(json::parse(request->body), json::parse(R"({"metadata": {"resourceVersion": "7"},
      "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}})"));
  EXPECT_FALSE(next()) << "one request at a time";
  accept(*request);
  EXPECT_THAT(addresses("web"), ElementsAre("192.0.2.10"));
}

TEST_F(Assigning, AVersionThatMovedWithoutAChangeWeReadIsTheOneThatIsWritten) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  auto again = service("web", 8);
  again["metadata"]["managedFields"] = json::array();
  put(Kind::Service, "default/web", again);
  EXPECT_EQ(json::parse(next()->body)["metadata"]["resourceVersion"], "8");
}

TEST_F(Assigning, AfterEverythingIsSaidThereIsNothingToSay) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  settle();
  const auto status = store_.world().pools.at("public").status.value;
  EXPECT_EQ(status["total"], 11);
  EXPECT_EQ(status["used"], 1);
  EXPECT_EQ(status["free"], 10);
  EXPECT_EQ(status["conditions"][0]["status"], "True");
  now_ += 3600s;
  EXPECT_FALSE(next());
  EXPECT_FALSE(assigner_.again());
  Assigner successor;
  EXPECT_FALSE(successor.next(
      store_.world(), [&] { return now_; }, "2027-01-01T00:00:00Z"))
      << "another leader changes nothing";
}

TEST_F(Assigning, APoolsStatusIsWrittenAtMostEveryTenSeconds) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  settle();
  put(Kind::Service, "default/web", service("web", 7));
  settle();
  EXPECT_EQ(store_.world().pools.at("public").status.value["used"], 0);
  ASSERT_TRUE(assigner_.again());
  now_ = *assigner_.again();
  settle();
  EXPECT_EQ(store_.world().pools.at("public").status.value["used"], 1);
}

TEST_F(Assigning, AServiceThatChangedMeanwhileIsPlannedAnewAndHoldsUpNobody) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/a", service("a", 1, "2026-01-01T00:00:00Z"));
  put(Kind::Service, "default/b", service("b", 2, "2026-01-02T00:00:00Z"));
  ASSERT_THAT(next()->target, HasSubstr("/a/"));
  EXPECT_FALSE(refuse(409).unknown);
  const auto other = next();
  ASSERT_TRUE(other);
  EXPECT_THAT(other->target, HasSubstr("/b/"));
  accept(*other);
  EXPECT_THAT(addresses("b"), ElementsAre("192.0.2.11")) << "what was meant for the first is not given twice";
  settle();
  put(Kind::Service, "default/a", service("a", 3));
  now_ += 1s;
  settle();
  EXPECT_THAT(addresses("a"), ElementsAre("192.0.2.10"));
  EXPECT_THAT(assigner_.trouble(), IsEmpty());
}

TEST_F(Assigning, OneServiceThatTheApiRefusesIsATroubleAndTheOthersGetTheirs) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/a", service("a", 1, "2026-01-01T00:00:00Z"));
  put(Kind::Service, "default/b", service("b", 2, "2026-01-02T00:00:00Z"));
  ASSERT_TRUE(next());
  refuse(422);
  settle();
  EXPECT_THAT(addresses("b"), ElementsAre("192.0.2.11"));
  EXPECT_EQ(assigner_.trouble(), "Service default/a: HTTP 422: no");
  ASSERT_TRUE(assigner_.again());
  now_ += 10s;
  settle();
  EXPECT_THAT(addresses("a"), ElementsAre("192.0.2.10"));
  EXPECT_THAT(assigner_.trouble(), IsEmpty());
}

TEST_F(Assigning, ServersThatAreBusyOrForbidAreLeftAloneForAWhile) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/a", service("a", 1));
  put(Kind::Service, "default/b", service("b", 2));
  ASSERT_TRUE(next());
  EXPECT_FALSE(refuse(429, 30s).unknown);
  now_ += 29s;
  EXPECT_FALSE(next());
  EXPECT_GE(*assigner_.again(), now_ + 1s);
  now_ += 1s;
  ASSERT_TRUE(next());
  refuse(403);
  EXPECT_FALSE(next()) << "the right is missing for all";
  now_ += 10s;
  EXPECT_TRUE(next());
}

TEST_F(Assigning, AnAnswerThatIsLostLeavesADoubt) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/a", service("a", 1));
  ASSERT_TRUE(next());
  EXPECT_TRUE(assigner_.answered(fail(5, "the server closed the connection"), now_).unknown);
  EXPECT_THAT(assigner_.trouble(), HasSubstr("closed the connection"));
  now_ += 60s;
  const auto status = next();
  ASSERT_TRUE(status);
  EXPECT_THAT(status->target, HasSubstr("ippools")) << "what was not refused comes first";
  accept(*status);
  ASSERT_TRUE(next());
  EXPECT_TRUE(refuse(504).unknown);
}

TEST_F(Assigning, AFullPoolIsAnEventOfTheServiceThatGetsNone) {
  put(Kind::IpPool, "public", pool("192.0.2.10/32"));
  put(Kind::Service, "default/a", service("a", 1, "2026-01-01T00:00:00Z"));
  put(Kind::Service, "default/b", service("b", 2, "2026-01-02T00:00:00Z"));
  settle();
  ASSERT_EQ(assigner_.events().size(), 1);
  EXPECT_EQ(assigner_.events()[0].reason, "NoAddress");
  EXPECT_EQ(assigner_.events()[0].key.name, "b");
}

TEST_F(Assigning, WithoutAPoolNobodysAddressesAreTouched) {
  auto others = service("web", 7);
  others["status"]["loadBalancer"]["ingress"] = {{{"ip", "203.0.113.1"}}};
  put(Kind::Service, "default/web", others);
  EXPECT_FALSE(next());
  EXPECT_THAT(assigner_.events(), IsEmpty());
}

TEST_F(Assigning, AServiceThatIsNoLoadBalancerAnyMoreGivesItsAddressBack) {
  put(Kind::IpPool, "public", pool("192.0.2.10/32"));
  put(Kind::Service, "default/a", service("a", 1));
  settle();
  auto object = objects_.at("default/a");
  object["spec"]["type"] = "ClusterIP";
  put(Kind::Service, "default/a", object);
  const auto request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(json::parse(request->body)["status"], json::parse(R"({"loadBalancer": {"ingress": null}})"));
  accept(*request);
  put(Kind::Service, "default/b", service("b", 5));
  settle();
  EXPECT_THAT(addresses("b"), ElementsAre("192.0.2.10"));
}

TEST_F(Assigning, AnApiThatKeepsLessOfAStatusThanItIsToldIsToldOnce) {
  put(Kind::IpPool, "public", pool("192.0.2.10/32"));
  ASSERT_TRUE(next());
  assigner_.answered(kube::Response{{200, {}}, pool("192.0.2.10/32").dump()}, now_);
  store_.put(Kind::IpPool, "public", pool("192.0.2.10/32"));
  now_ += 60s;
  EXPECT_FALSE(next());
}

TEST_F(Assigning, APoolThatIsMadeAnewUnderItsNameIsToldItsStatusToo) {
  auto object = pool("192.0.2.10/32");
  object["metadata"]["uid"] = "1111";
  put(Kind::IpPool, "public", object);
  settle();
  now_ += 60s;
  object["metadata"]["uid"] = "2222";
  put(Kind::IpPool, "public", object);
  settle();
  EXPECT_EQ(store_.world().pools.at("public").status.value["total"], 1);
}

TEST_F(Assigning, ServicesThatAreAlwaysForbiddenDoNotKeepTheOthersFromTheirAddresses) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (std::size_t i = 0; i < names.size(); ++i)
    put(Kind::Service, "default/" + names[i],
        service(names[i], static_cast<int>(i) + 1, "2026-01-0" + std::to_string(i + 1) + "T00:00:00Z"));
  std::map<std::string, int> asked;
  const auto end = now_ + 300s;
  for (; now_ < end; now_ += 1s)
    while (const auto request = next()) {
      ++asked[request->target];
      const auto is_of = [&](const char* name) { return request->target.find(name) != std::string::npos; };
      if (is_of("/a/") || is_of("/b/") || is_of("/c/"))
        refuse(403);
      else
        accept(*request);
    }
  EXPECT_THAT(addresses("d"), ElementsAre("192.0.2.13"));
  EXPECT_EQ(store_.world().pools.at("public").status.value["used"], 4) << "statuses get their turn as well";
  for (const char* name : {"a", "b", "c"})
    EXPECT_GE(asked["/api/v1/namespaces/default/services/" + std::string(name) + "/status"], 5) << name;
}

TEST_F(Assigning, AServerThatAsksForMoreThanFiveMinutesGetsThose) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/a", service("a", 1));
  put(Kind::Service, "default/b", service("b", 2));
  ASSERT_TRUE(next());
  refuse(503, 86400s);
  now_ += 299s;
  EXPECT_FALSE(next());
  now_ += 1s;
  EXPECT_TRUE(next());
}

TEST_F(Assigning, ABgpPeerIsToldWhetherItIsAccepted) {
  put(Kind::Node, "n1",
      {{"metadata", {{"name", "n1"}}},
       {"status", {{"addresses", {{{"type", "InternalIP"}, {"address", "192.0.2.1"}}}}}}});
  put(Kind::BgpPeer, "tor",
      {{"metadata", {{"name", "tor"}}}, {"spec", {{"address", "192.0.2.254"}, {"remoteAs", 65000}}}});
  const auto request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->target, "/apis/slash32.io/v1alpha1/bgppeers/tor/status");
  const auto condition = json::parse(request->body)[0]["value"]["conditions"][0];
  EXPECT_EQ(condition["status"], "True");
  EXPECT_EQ(condition["message"], "selects 1 node");
}

TEST_F(Assigning, EveryResourceOfOursIsToldWhetherItIsAccepted) {
  const auto made = [](const std::string& name, const json& spec) -> json {
    return {{"metadata", {{"name", name}, {"uid", "u-" + name}, {"resourceVersion", "7"}}}, {"spec", spec}};
  };
  put(Kind::BgpConfiguration, "default", made("default", json::object()));
  put(Kind::BgpFilter, "f", made("f", {{"terms", json::array()}}));
  put(Kind::BgpAdvertisement, "a", made("a", {{"advertise", {"PodCIDR"}}}));
  std::map<std::string, std::string> told;
  for (auto request = next(); request; request = next()) {
    const auto patch = json::parse(request->body);
    EXPECT_EQ(patch[1]["value"], "7");
    told[request->target] = patch[0]["value"]["conditions"][0]["reason"];
    assigner_.answered(kube::Response{{200, {}}, "{}"}, now_);
  }
  const std::string group = "/apis/slash32.io/v1alpha1/";
  EXPECT_THAT(told, UnorderedElementsAre(Pair(group + "bgpconfigurations/default/status", "Accepted"),
                                         Pair(group + "bgpfilters/f/status", "Accepted"),
                                         Pair(group + "bgpadvertisements/a/status", "NoNodes")));
}

TEST_F(Assigning, AStatusIsWrittenForTheVersionThatItWasMadeOf) {
  auto made = pool("192.0.2.10-192.0.2.20");
  made["metadata"]["resourceVersion"] = "77";
  put(Kind::IpPool, "public", made);
  const auto patch = json::parse(next()->body);
  EXPECT_EQ(patch[0]["path"], "/status");
  EXPECT_EQ(patch[1], json::parse(R"({"op": "replace", "path": "/metadata/resourceVersion", "value": "77"})"));
}

TEST_F(Assigning, AServiceThatCannotBeReadKeepsItsAddressFromOthers) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  auto broken = service("broken", 3);
  broken["spec"]["ports"] = "none";
  broken["status"]["loadBalancer"]["ingress"] = {{{"ip", "192.0.2.10"}}, {{"ip", "no address"}}};
  put(Kind::Service, "default/broken", broken);
  put(Kind::Service, "default/web", service("web", 7));
  settle();
  EXPECT_THAT(addresses("web"), ElementsAre("192.0.2.11"));
  EXPECT_EQ(store_.world().pools.at("public").status.value["used"], 2);
  store_.remove(Kind::Service, "default/broken");
  assigner_.changed();
  put(Kind::Service, "default/other", service("other", 8));
  settle();
  EXPECT_THAT(addresses("other"), ElementsAre("192.0.2.10")) << "it is gone, and so is its address";
}

TEST_F(Assigning, AServiceThatBecomesUnreadableIsLeftAloneWithWhatItHadAndWhatItHas) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  settle();
  auto broken = objects_.at("default/web");
  broken["spec"]["ports"] = "none";
  broken["status"]["loadBalancer"]["ingress"] = {{{"ip", "192.0.2.12"}}};
  put(Kind::Service, "default/web", broken);
  for (const char* name : {"a", "b"}) put(Kind::Service, std::string("default/") + name, service(name, 8));
  now_ += 60s;
  settle();
  EXPECT_THAT(addresses("a"), ElementsAre("192.0.2.11"));
  EXPECT_THAT(addresses("b"), ElementsAre("192.0.2.13"));
  EXPECT_EQ(objects_.at("default/web")["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.12");
  auto mended = objects_.at("default/web");
  mended["spec"]["ports"] = json::array();
  put(Kind::Service, "default/web", mended);
  EXPECT_THAT(store_.world().unread_services, IsEmpty());
}

TEST_F(Assigning, WhoSharesAnAddressWithAServiceThatCannotBeReadKeepsIt) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  settle();
  auto broken = service("broken", 3, "2025-01-01T00:00:00Z");
  broken["spec"]["ports"] = "none";
  broken["status"]["loadBalancer"]["ingress"] = {{{"ip", "192.0.2.10"}}};
  put(Kind::Service, "default/broken", broken);
  settle();
  EXPECT_THAT(addresses("web"), ElementsAre("192.0.2.10"));
}

}  // namespace
}  // namespace slash32::agent::test
