// What `slash32ctl ipam check` makes of a store and a kernel.
#include "ctl/ipam_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::ctl {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kDir = "/run/slash32/ipam";

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
pod::Key key(const std::string& container) { return {.network = "k8s", .container_id = container, .ifname = "eth0"}; }

netlink::Link link_named(int index, const std::string& name, const std::string& alias = {}) {
  netlink::Link link;
  link.index = IfIndex{index};
  link.name = name;
  link.alias = alias;
  return link;
}

/// A node of healthy pods to spoil.
struct Node {
  Scene scene;
  std::vector<Network> networks;

  Node() {
    scene.survey.state = ipam::Survey::State::Sound;
    scene.now = 1h;
  }
  ipam::Record& record(const std::string& container, const char* address, std::chrono::nanoseconds age = 10min) {
    scene.survey.records.push_back(
        {.key = key(container), .address = ip(address), .subnet = {}, .since = scene.now - age, .watched = true});
    return scene.survey.records.back();
  }
  HostEnd& link(const std::string& container, const char* address) {
    HostEnd end{.link = {}, .alias = {.key = key(container), .addresses = {ip(address)}}};
    end.link.index = IfIndex{static_cast<int>(scene.node.links.size()) + 2};
    end.link.name = pod::host_ifname(key(container));
    end.link.alias = pod::format_alias(key(container), {ip(address)});
    end.link.up = end.link.carrier = true;
    scene.node.links.push_back(end.link);
    scene.node.ends.push_back(end);
    return scene.node.ends.back();
  }
  void route(const char* address, IfIndex link) {
    scene.node.host_routes.push_back({.destination = Prefix::host(ip(address)),
                                      .protocol = netlink::RouteProtocol::Slash32Pod,
                                      .type = netlink::RouteType::Unicast,
                                      .metric = netlink::kPodMetric,
                                      .preferred_source = {},
                                      .next_hops = {{.gateway = {}, .link = link}}});
  }
  void pod(const std::string& container, const char* address) {
    record(container, address);
    route(address, link(container, address).link.index);
  }
  std::vector<std::string> found(const std::filesystem::path& dir = kDir) const {
    std::vector<std::string> out;
    for (const auto& one : audit(scene, dir, networks))
      out.push_back(std::string(to_string(one.kind)) + " " + (one.address ? one.address->to_string() : "") + " " +
                    one.key.container_id);
    return out;
  }
};

TEST(IpamAudit, FindsNothingOnAHealthyNode) {
  Node node;
  node.pod("a", "10.0.0.1");
  node.pod("b", "fd00::1");
  EXPECT_THAT(node.found(), IsEmpty());
}

TEST(IpamAudit, TellsALeakFromAnAddThatMayBeUnderWay) {
  Node node;
  node.pod("a", "10.0.0.1");
  node.record("dead", "10.0.0.2", 61s);
  node.record("young", "10.0.0.3", 60s);
  EXPECT_THAT(node.found(), ElementsAre("leak 10.0.0.2 dead", "pending 10.0.0.3 young"));
  const auto all = audit(node.scene, kDir, {});
  EXPECT_EQ(all[0].age, 61s);
  EXPECT_TRUE(all[0].counts());
  EXPECT_FALSE(all[1].counts());
}

TEST(IpamAudit, SaysWhenARouteLeadsToALeakedAddress) {
  Node node;
  node.record("dead", "10.0.0.2");
  node.scene.node.links.push_back(link_named(9, "tap0"));
  node.route("10.0.0.2", IfIndex{9});
  node.scene.node.host_routes.back().protocol = netlink::RouteProtocol::Static;
  const auto all = audit(node.scene, kDir, {});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0].text, HasSubstr("but a route leads to it (protocol 4, metric 64, dev tap0)"));
}

TEST(IpamAudit, FindsTwoOwnersOfAnAddress) {
  Node node;
  node.pod("a", "10.0.0.1");
  const auto other = node.link("b", "10.0.0.1").link.index;
  node.route("10.0.0.1", other);
  EXPECT_THAT(node.found(), ElementsAre("doubleOwner 10.0.0.1 a", "doubleOwner 10.0.0.1 a", "doubleOwner 10.0.0.1 b"))
      << "the record against the link, and both links";
}

TEST(IpamAudit, FindsALiveLinkWithoutRouteAsAfterDownAndUp) {
  Node node;
  node.pod("a", "10.0.0.1");
  node.pod("b", "10.0.0.2");
  node.scene.node.host_routes.erase(node.scene.node.host_routes.begin());
  EXPECT_THAT(node.found(), ElementsAre("noRoute 10.0.0.1 a"));
  node.scene.survey.records.front().since = node.scene.now - 5s;
  EXPECT_THAT(node.found(), ElementsAre("pending 10.0.0.1 a")) << "the route is the last thing an ADD makes";
}

TEST(IpamAudit, FindsARouteWithoutAPod) {
  Node node;
  node.pod("a", "10.0.0.1");
  node.route("10.0.0.9", IfIndex{2});
  node.route("10.0.0.8", IfIndex{2});
  node.scene.node.host_routes.back().protocol = netlink::RouteProtocol::Slash32Bgp;
  EXPECT_THAT(node.found(), ElementsAre("strayRoute 10.0.0.9 ")) << "and minds nobody else's";
}

TEST(IpamAudit, MissesNothingThatIsKeptElsewhere) {
  Node node;
  node.route("10.0.0.1", node.link("a", "10.0.0.1").link.index);
  EXPECT_THAT(node.found(), ElementsAre("unrecorded 10.0.0.1 a"));
  node.networks = {{.name = "k8s", .conf = {}, .own_ipam = true, .data_dir = kDir}};
  EXPECT_THAT(node.found(), ElementsAre("unrecorded 10.0.0.1 a"));
  node.networks.front().data_dir = "/run/elsewhere";
  EXPECT_THAT(node.found(), IsEmpty());
  node.networks.front() = {.name = "k8s", .conf = {}, .own_ipam = false, .data_dir = kDir};
  EXPECT_THAT(node.found(), IsEmpty()) << "host-local's, say";
  node.networks.clear();
  node.scene.survey.state = ipam::Survey::State::Missing;
  EXPECT_THAT(node.found(), IsEmpty()) << "the next ADD makes the store from the aliases";
}

TEST(IpamAudit, FindsALinkThatLostItsAlias) {
  Node node;
  node.record("a", "10.0.0.1");
  node.scene.node.links.push_back(link_named(2, pod::host_ifname(key("a")), "hello"));
  EXPECT_THAT(node.found(), ElementsAre("noAlias 10.0.0.1 a")) << "alive, whatever its alias says";
}

TEST(IpamAudit, KnowsTheOwnerBehindAShortenedAlias) {
  Node node;
  const std::string long_id(300, 'c');
  node.pod(long_id, "10.0.0.1");
  node.scene.node.ends.front().alias = *pod::parse_alias(node.scene.node.ends.front().link.alias);
  ASSERT_TRUE(pod::is_shortened(node.scene.node.ends.front().alias.key));
  EXPECT_THAT(node.found(), IsEmpty());
}

TEST(IpamAudit, JudgesNobodyInAStoreOfAnotherPluginsUse) {
  Node node;
  node.record("a", "10.0.0.1").watched = false;
  node.route("10.0.0.9", IfIndex{2});
  EXPECT_THAT(node.found(), IsEmpty());
  node.scene.survey.damage = {"the record of 10.0.0.2 cannot be read"};
  EXPECT_THAT(node.found(), ElementsAre("damaged  "));
  node.scene.survey.records.clear();
  EXPECT_THAT(node.found(config::kDelegatedDataDir), ElementsAre("damaged  "));
}

TEST(IpamAudit, ConfirmsWhatTwoLooksFindAlike) {
  Node node;
  node.record("a", "10.0.0.1");
  const auto first = audit(node.scene, kDir, {});
  node.scene.now += 5s;
  node.record("b", "10.0.0.2", 2min);
  const auto both = confirmed(first, audit(node.scene, kDir, {}));
  ASSERT_EQ(both.size(), 1U);
  EXPECT_EQ(both[0].key, key("a"));
  EXPECT_EQ(both[0].age, 605s);
}

}  // namespace
}  // namespace slash32::ctl
