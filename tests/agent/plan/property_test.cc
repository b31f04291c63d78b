// What must hold for every world. Worlds are drawn from few values, so that everything meets everything.
#include <gmock/gmock.h>

#include <random>

#include "config/node_conf.h"
#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

constexpr std::uint32_t kWorldSeed = 20260101;

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : engine_(seed) {}
  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint32_t>(limit)); }
  bool yes(int percent = 50) { return below(100) < percent; }
  std::string one_of(const std::vector<std::string>& words) {
    return words[static_cast<std::size_t>(below(static_cast<int>(words.size())))];
  }

 private:
  std::mt19937 engine_;
};

void draw_service(Draw& draw, Builder& b, int number) {
  const auto name = "s" + std::to_string(number);
  if (draw.yes(20)) {
    b.world.services.erase({"default", name});
    return;
  }
  const auto digit = std::to_string(draw.below(4));
  b.service(name, "{'metadata': {'labels': {'app': '" + digit + "'}}, 'spec': {'type': '" +
                      draw.one_of({"LoadBalancer", "ClusterIP"}) + "', 'clusterIPs': ['10.96.0." + digit +
                      "'], 'externalIPs': ['203.0.113." + digit + "'], 'externalTrafficPolicy': '" +
                      draw.one_of({"Local", "Cluster"}) + "', 'internalTrafficPolicy': '" +
                      draw.one_of({"Local", "Cluster"}) + "'}, 'status': {'loadBalancer': {'ingress': [{'ip': '" +
                      draw.one_of({"192.0.2.", "198.51.100."}) + digit + "'}, {'ip': '2001:db8::" + digit + "'}]}}}");
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    const auto here = static_cast<std::uint32_t>(draw.below(2));
    b.endpoints(name, here + static_cast<std::uint32_t>(draw.below(2)), here, family);
  }
}

void draw_services(Draw& draw, Builder& b) {
  for (int i = 0; i < 6; ++i) draw_service(draw, b, i);
}

void draw_peers(Draw& draw, Builder& b) {
  for (int i = 0; i < 3; ++i) {
    const auto name = "tor" + std::to_string(i);
    if (draw.yes(30)) continue;
    b.peer(name,
           "{'address': '10.0.0." + std::to_string(250 + draw.below(3)) +
               "', 'remoteAs': " + draw.one_of({"65000", "64512", "'external'", "'internal'"}) +
               ", 'importFilters': [" + draw.one_of({"", "'f'", "'g'", "'f', 'g'"}) + "], 'exportFilters': [" +
               draw.one_of({"", "'f'"}) + "], 'defaultExport': '" + draw.one_of({"Own", "All", "None"}) + "'" +
               draw.one_of({"", ", 'role': 'customer'", ", 'ttlSecurity': 1", ", 'passwordSecret': {'name': 'x'}"}) +
               draw.one_of({"", ", 'bfd': {}", ", 'multihop': 2", ", 'routeReflectorClient': true"}) + "}",
           "{'labels': {'zone': '" + std::to_string(draw.below(2)) + "'}}");
  }
  if (draw.yes()) b.filter("f", "[{'match': {'family': ['ipv6'], 'neighbor': ['tor1', 'gw']}, 'then': 'reject'}]");
  if (draw.yes(30)) b.peer("gw", "{'defaultGateway': '" + draw.one_of({"ipv4", "ipv6"}) + "', 'remoteAs': 'external'}");
}

void draw_advertisements(Draw& draw, Builder& b) {
  for (int i = 0; i < 3; ++i) {
    if (draw.yes(40)) continue;
    b.advertisement(
        "a" + std::to_string(i),
        "{'advertise': ['" + draw.one_of({"PodCIDR", "PodRoute", "ClusterIP", "ExternalIP"}) + "', 'LoadBalancerIP']" +
            draw.one_of({"", ", 'peers': ['tor0']", ", 'peerSelector': {'matchLabels': {'zone': '1'}}"}) +
            draw.one_of({"", ", 'aggregationLength': 24", ", 'aggregationLengthV6': 120"}) +
            draw.one_of({"", ", 'communities': ['65000:1', 'rack']", ", 'localPref': 5"}) +
            draw.one_of({"", ", 'toMesh': true", ", 'serviceSelector': {'matchLabels': {'app': '1'}}"}) + "}");
  }
}

Builder draw_world(Draw& draw) {
  Builder b;
  for (int i = 1; i <= 3; ++i)
    b.node(i, "{'metadata': {'labels': {'rr': '" + std::to_string(draw.below(2)) + "'}, 'annotations': {" +
                  draw.one_of({"", "", "'slash32.io/as': '65010'", "'slash32.io/as': 'x'"}) + "}}}");
  b.configuration("{" + draw.one_of({"", "'localAs': 65000,", "'localAs': 4200000000,"}) +
                  draw.one_of({"", "'reflectors': {'nodeSelector': {'matchLabels': {'rr': '1'}}},"}) +
                  "'mesh': {'enabled': " + draw.one_of({"true", "true", "false"}) +
                  draw.one_of({"", ", 'bfd': {}", ", 'holdTime': 9"}) +
                  "}, 'services': {'advertiseClusterIPs': " + draw.one_of({"true", "false"}) +
                  ", 'advertiseExternalIPs': true, 'externalIPRanges': ['203.0.113.0/24'], 'unusedAddresses': '" +
                  draw.one_of({"Drop", "Blackhole", "Ignore"}) + "'" + draw.one_of({"", ", 'aggregationLength': 24"}) +
                  "}}");
  if (draw.yes(70)) b.pool("p", "{'addresses': ['192.0.2.0/24', '2001:db8::-2001:db8::ff']}");
  if (draw.yes()) b.world.default_gateways = {{ip("10.0.0.254"), "eth0"}, {ip("fe80::1"), "eth1"}};
  if (draw.yes(30)) b.world.live_pod_ranges = {net("10.244.9.0/24"), net("10.244.1.0/24")};
  if (draw.yes()) b.secret("x", "key");
  draw_peers(draw, b);
  draw_advertisements(draw, b);
  draw_services(draw, b);
  return b;
}

TEST(Property, EveryPlanIsAcceptedByTheReadersOfItsFiles) {
  Draw draw(kWorldSeed);
  int written = 0;
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kWorldSeed) + ", round " + std::to_string(round));
    const auto b = draw_world(draw);
    const auto desired = make_plan(b.world, {.node_name = "n1"});
    for (const auto& sentence : desired.waiting) EXPECT_THAT(sentence, testing::Not(testing::HasSubstr("refused")));
    if (desired.bgpd_json) {
      ++written;
      const auto read = config::read_bgpd_conf(*desired.bgpd_json);
      ASSERT_TRUE(read) << read.error().message << *desired.bgpd_json;
    }
    ASSERT_TRUE(desired.node_json);
    EXPECT_TRUE(config::parse_node_conf(*desired.node_json));
  }
  EXPECT_GT(written, 75);  // the others have an annotation that is wrong
}

TEST(Property, AServiceThatComesOrGoesNeverTouchesANeighbour) {
  Draw draw(kWorldSeed + 1);
  int changed = 0;
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kWorldSeed + 1) + ", round " + std::to_string(round));
    auto b = draw_world(draw);
    const auto before = make_plan(b.world, {.node_name = "n1"});
    if (!before.bgpd_json) continue;
    for (int step = 0; step < 4; ++step) {
      draw_services(draw, b);
      const auto after = make_plan(b.world, {.node_name = "n1"});
      ASSERT_TRUE(after.bgpd_json);
      changed += after.bgpd_json != before.bgpd_json ? 1 : 0;
      auto old_document = nlohmann::json::parse(*before.bgpd_json);
      auto new_document = nlohmann::json::parse(*after.bgpd_json);
      for (auto* document : {&old_document, &new_document}) {  // all that Services may change
        document->erase("policies");
        document->at("originate").erase("prefixes");
      }
      EXPECT_EQ(old_document, new_document);
      EXPECT_EQ(before.neighbors, after.neighbors);
      EXPECT_EQ(before.secret_files, after.secret_files);
      EXPECT_EQ(before.node_json, after.node_json);
    }
  }
  EXPECT_GT(changed, 60);
}

TEST(Property, TheSameWorldGivesTheSameBytes) {
  Draw draw(kWorldSeed + 2);
  for (int round = 0; round < 20; ++round) {
    const auto b = draw_world(draw);
    const World copy = b.world;
    EXPECT_EQ(make_plan(b.world, {.node_name = "n1"}), make_plan(copy, {.node_name = "n1"}));
  }
}

TEST(Property, NobodyIsToldOfAServiceWithoutAnAdvertisementForHim) {
  Draw draw(kWorldSeed + 3);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kWorldSeed + 3) + ", round " + std::to_string(round));
    auto b = draw_world(draw);
    b.configuration("{'services': {'advertiseLoadBalancerIPs': false, 'externalIPRanges': ['203.0.113.0/24']}}");
    for (auto& [name, advertisement] : b.world.advertisements) {
      advertisement.peers = {"tor0"};
      advertisement.peer_labels.reset();
      advertisement.mesh = false;
    }
    const Planned plan(b.world);
    if (!plan.desired.bgpd_json) continue;
    for (const auto& neighbor : plan.conf.neighbors) {
      if (neighbor.name == "tor0" || !neighbor.export_policies) continue;
      for (const auto& one : plan.conf.originate.prefixes) {
        const bool pod = one.prefix.to_string().starts_with("10.244.") || one.prefix.to_string().starts_with("fd00:");
        if (!pod) {
          EXPECT_FALSE(plan.told(neighbor.name, one.prefix.to_string())) << neighbor.name << one.prefix.to_string();
        }
      }
    }
  }
}

}  // namespace
}  // namespace slash32::agent::plan
