// A plan that is kept from one event to the next says what a plan from nothing says of the same world.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "agent/plan/kept_plan.h"
#include "agent/world_store.h"

namespace slash32::agent {
namespace {

using model::Kind;
using nlohmann::json;

constexpr std::uint32_t kSeed = 20261123;
const plan::PlanOptions kOptions{.node_name = "n1"};

json quoted(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return json::parse(text);
}

json named(const std::string& name, json object, bool spaced = true) {
  object["metadata"]["name"] = name;
  if (spaced) object["metadata"]["namespace"] = "default";
  return object;
}

/// A cluster to which things happen. Few names and addresses, so that Services share them.
class Cluster {
 public:
  explicit Cluster(std::uint32_t seed) : engine_(seed) {
    for (int kind = 0; kind <= static_cast<int>(Kind::IpPool); ++kind) store.listed(static_cast<Kind>(kind));
    put_node();
    put_configuration();
    put(Kind::BgpPeer, "tor", "{'spec': {'address': '10.0.0.254', 'remoteAs': 65000}}");
    put_pool();
    for (int i = 0; i < 20; ++i) happen_to_services();
  }

  WorldStore store{"n1"};

  void happen() {
    const auto what = below(120);
    if (what == 0) return put_node();
    if (what == 1) return put_configuration();
    if (what == 2) return put_pool();
    if (what == 3) return put_advertisement();
    if (what == 4) return void(store.forget(Kind::EndpointSlice));
    if (what == 5) return void(store.forget(Kind::Service));
    if (what == 7) return void(store.put(Kind::Service, "default/s1", json{{"metadata", 7}}));
    if (what == 8) return void(store.put(Kind::EndpointSlice, "default/e1", json{{"metadata", 7}}));
    if (what < 20) return list_again();
    happen_to_services();
  }

 private:
  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint32_t>(limit)); }
  std::string one_of(const std::vector<std::string>& words) {
    return words[static_cast<std::size_t>(below(static_cast<int>(words.size())))];
  }
  std::string digit(int limit = 4) { return std::to_string(below(limit)); }

  void put(Kind kind, const std::string& name, const std::string& text) {
    store.put(kind, name, named(name, quoted(text), false));
  }

  void list_again() {
    store.listed(Kind::Service);
    store.listed(Kind::EndpointSlice);
  }

  void put_node() {
    put(Kind::Node, "n1",
        "{'metadata': {'labels': {" +
            one_of({"", "", "'node.kubernetes.io/exclude-from-external-load-balancers': ''", "'rack': '1'"}) +
            "}, 'annotations': {" + one_of({"", "", "'slash32.io/drain': 'true'", "'slash32.io/drain': 'x'"}) +
            "}}, 'spec': {'podCIDRs': ['" + one_of({"10.244.1.0/24", "192.0.2.1/32"}) +
            "']}, 'status': {'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}]}}");
  }

  void put_configuration() {
    put(Kind::BgpConfiguration, "default",
        "{'spec': {'mesh': {'enabled': " + one_of({"true", "false"}) + "}, 'services': {'advertiseClusterIPs': " +
            one_of({"true", "false"}) + ", 'withdrawWithoutEndpoints': " + one_of({"true", "true", "false"}) +
            ", 'unusedAddresses': '" + one_of({"Drop", "Blackhole", "Ignore"}) +
            "', 'advertiseExternalIPs': true, 'externalIPRanges': ['203.0.113.0/" + one_of({"24", "31"}) + "']" +
            one_of({"", ", 'aggregationLength': 24", ", 'aggregationLength': 30"}) + "}}}");
  }

  void put_pool() {
    if (below(4) == 0) return void(store.remove(Kind::IpPool, "p"));
    put(Kind::IpPool, "p",
        "{'spec': {'addresses': ['" + one_of({"192.0.2.0/24", "192.0.2.0/31"}) + "', '2001:db8::/120']}}");
  }

  void put_advertisement() {
    const auto name = "a" + digit(2);
    if (below(3) == 0) return void(store.remove(Kind::BgpAdvertisement, name));
    put(Kind::BgpAdvertisement, name,
        "{'spec': {'advertise': ['LoadBalancerIP', '" + one_of({"PodCIDR", "PodRoute", "ClusterIP", "ExternalIP"}) +
            "']" + one_of({"", ", 'peers': ['tor']", ", 'peers': ['nobody']"}) +
            one_of({"", ", 'aggregationLength': 24", ", 'aggregationLengthV6': 120"}) +
            one_of({"", ", 'communities': ['65000:1']", ", 'localPref': 5", ", 'communities': ['rack']"}) +
            one_of({"", ", 'toMesh': true"}) + one_of({"", ", 'nodeSelector': {'matchLabels': {'rack': '1'}}"}) +
            one_of({"", ", 'namespaces': ['other']", ", 'serviceSelector': {'matchLabels': {'app': '1'}}"}) + "}}");
  }

  void happen_to_services() {
    if (below(2) == 0) return happen_to_slice();
    const auto name = "s" + digit(8);
    if (below(5) == 0) return void(store.remove(Kind::Service, "default/" + name));
    store.put(Kind::Service, "default/" + name,
              named(name, quoted("{'metadata': {'labels': {'app': '" + digit(2) + "'}}, 'spec': {'type': '" +
                                 one_of({"LoadBalancer", "ClusterIP", "ExternalName"}) + "', 'clusterIPs': ['" +
                                 one_of({"10.96.0." + digit(), "None"}) + "'], 'externalIPs': ['203.0.113." + digit() +
                                 "', '203.0.113." + digit() + "'], 'externalTrafficPolicy': '" +
                                 one_of({"Local", "Cluster"}) + "', 'internalTrafficPolicy': '" +
                                 one_of({"Local", "Cluster"}) + "'}, 'status': {'loadBalancer': {'ingress': [{'ip': '" +
                                 one_of({"192.0.2.", "198.51.100."}) + digit() + "'}, {'ip': '2001:db8::" + digit() +
                                 "'}]}}}")));
  }

  /// Also one that becomes another Service's, or of no Service.
  void happen_to_slice() {
    const auto name = "e" + digit(12);
    if (below(5) == 0) return void(store.remove(Kind::EndpointSlice, "default/" + name));
    auto object = quoted("{'addressType': '" + one_of({"IPv4", "IPv4", "IPv6", "FQDN"}) + "', 'endpoints': []}");
    if (below(10) > 0) object["metadata"]["labels"]["kubernetes.io/service-name"] = "s" + digit(8);
    for (int i = below(3); i > 0; --i)
      object["endpoints"].push_back(
          {{"addresses", {"10.244.1.9"}},
           {"conditions", {{"ready", below(2) == 0}, {"serving", below(2) == 0}, {"terminating", below(3) == 0}}},
           {"nodeName", "n" + digit(3)}});
    store.put(Kind::EndpointSlice, "default/" + name, named(name, object));
  }

  std::mt19937 engine_;
};

TEST(KeptPlan, IsThePlanFromNothingAfterEveryEvent) {
  int written = 0, changed = 0;
  for (std::uint32_t round = 0; round < 12; ++round) {
    Cluster cluster(kSeed + round);
    plan::KeptPlan kept;
    plan::Desired last;
    for (int step = 0; step < 150; ++step) {
      SCOPED_TRACE("seed " + std::to_string(kSeed + round) + ", step " + std::to_string(step));
      for (int events = 1 + step % 3; events > 0; --events) cluster.happen();
      auto made = kept.make(cluster.store.world(), kOptions, cluster.store.service_news());
      const auto whole = plan::make_plan(cluster.store.world(), kOptions);
      ASSERT_EQ(made.bgpd_json, whole.bgpd_json);
      ASSERT_EQ(made.conditions, whole.conditions);
      ASSERT_EQ(made, whole);
      written += made.bgpd_json ? 1 : 0;
      changed += made.bgpd_json != last.bgpd_json ? 1 : 0;
      last = std::move(made);
    }
  }
  EXPECT_GT(written, 700);
  EXPECT_GT(changed, 250);
}

TEST(KeptPlan, LooksAtAllServicesWhereMoreHaveChangedThanAreToldApart) {
  plan::ServiceNews news;
  EXPECT_TRUE(news.take().all) << "nobody has looked yet";
  news.service({"default", "web"});
  const auto one = news.take();
  EXPECT_FALSE(one.all);
  EXPECT_EQ(one.services.size(), 1U);
  for (std::size_t i = 0; i <= plan::ServiceNews::kMost; ++i) news.service({"default", std::to_string(i)});
  EXPECT_TRUE(news.take().all);
  EXPECT_FALSE(news.take().all);
}

}  // namespace
}  // namespace slash32::agent
