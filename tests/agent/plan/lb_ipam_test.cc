// Addresses for Services of type LoadBalancer.
#include "agent/plan/lb_ipam.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/agent/plan/build.h"

namespace slash32::agent::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A cluster whose Services get what is planned, as the holder of the lease would write it.
struct Cluster : Builder {
  LbPlan last;

  Cluster& wants(const std::string& name, const std::string& annotations = "", const std::string& spec = "",
                 int age = 0) {
    const auto port = "{'port': " + std::to_string(80 + world.services.size()) + "}";
    service(name, "{'metadata': {'creationTimestamp': '2026-01-0" + std::to_string(age + 1) +
                      "T00:00:00Z', 'annotations': {" + annotations +
                      "}}, 'spec': {'type': 'LoadBalancer', 'ipFamilies': ['IPv4'], 'selector': {'app': '" + name +
                      "'}, 'ports': [" + port + "]" + (spec.empty() ? "" : ", " + spec) + "}}");
    return *this;
  }
  Cluster& run() {
    last = plan_load_balancers(world);
    for (const auto& one : last.assignments) world.services.at(one.service).ingress = one.addresses;
    return *this;
  }
  std::string of(const std::string& name) const {
    std::string out;
    for (const auto& address : world.services.at({"default", name}).ingress)
      out += (out.empty() ? "" : ",") + address.to_string();
    return out;
  }
  std::string said() const {
    std::string out;
    for (const auto& event : last.events)
      out += event.key.to_string() + " " + event.reason + ": " + event.message + "\n";
    return out;
  }
};

Cluster with_pool(const char* addresses = "'192.0.2.0/30'") {
  Cluster c;
  c.pool("p", std::string("{'addresses': [") + addresses + "]}");
  return c;
}

TEST(LbIpam, GivesTheLowestFreeAddressTheOldestFirst) {
  auto c = with_pool();
  c.wants("a", "", "", 2).wants("b", "", "", 1).wants("c", "", "", 1).run();
  EXPECT_EQ(c.of("b"), "192.0.2.0");
  EXPECT_EQ(c.of("c"), "192.0.2.1");
  EXPECT_EQ(c.of("a"), "192.0.2.2");
  EXPECT_EQ(c.last.pools.at("p"), (PoolUse{4, 3, ""}));
}

TEST(LbIpam, ChangesNothingWhenAskedAgain) {
  auto c = with_pool();
  c.wants("a", "", "", 3).wants("b", "", "", 2).run();
  const auto before = c.of("a");
  c.wants("older", "", "", 0).run();
  EXPECT_EQ(c.of("a"), before);
  c.run();
  EXPECT_THAT(c.last.assignments, IsEmpty());
}

TEST(LbIpam, GivesWhatIsAskedForByAnnotationOrField) {
  auto c = with_pool("'192.0.2.0/30', '2001:db8::/120'");
  c.wants("any").wants("a", "'slash32.io/load-balancer-ips': '192.0.2.0'");
  c.wants("b", "", "'loadBalancerIP': '192.0.2.2'");
  c.wants("dual", "'slash32.io/load-balancer-ips': '2001:db8::7, 192.0.2.3'", "'clusterIPs': ['10.96.0.1', 'fd00::1']");
  c.world.services.at({"default", "dual"}).ip_families = {AddressFamily::IPv4, AddressFamily::IPv6};
  c.run();
  EXPECT_EQ(c.of("a"), "192.0.2.0");
  EXPECT_EQ(c.of("b"), "192.0.2.2");
  EXPECT_EQ(c.of("dual"), "192.0.2.3,2001:db8::7");
  EXPECT_EQ(c.of("any"), "192.0.2.1");
  EXPECT_EQ(c.said(), "");
}

TEST(LbIpam, ReportsWhatCannotBeGivenAndGivesNothingElse) {
  auto c = with_pool();
  c.wants("a", "'slash32.io/load-balancer-ips': '192.0.2.1'", "", 0);
  c.wants("b", "'slash32.io/load-balancer-ips': '192.0.2.1'", "", 1);
  c.wants("c", "'slash32.io/load-balancer-ips': '198.51.100.1'")
      .wants("d", "'slash32.io/load-balancer-ips': 'x'")
      .run();
  EXPECT_EQ(c.of("a"), "192.0.2.1");
  EXPECT_EQ(c.of("b") + c.of("c") + c.of("d"), "");
  EXPECT_THAT(c.said(), HasSubstr("default/b AddressNotAvailable: 192.0.2.1 belongs to Service default/a"));
  EXPECT_THAT(c.said(), HasSubstr("default/c AddressNotAvailable: 198.51.100.1 is in no IPPool"));
  EXPECT_THAT(c.said(), HasSubstr("default/d InvalidRequest: slash32.io/load-balancer-ips \"x\": "));
}

TEST(LbIpam, MovesAServiceThatAsksForAnotherAddress) {
  auto c = with_pool();
  c.wants("a").run();
  EXPECT_EQ(c.of("a"), "192.0.2.0");
  c.world.services.at({"default", "a"}).load_balancer_ip = "192.0.2.3";
  c.run();
  EXPECT_EQ(c.of("a"), "192.0.2.3");
}

TEST(LbIpam, SaysWhenPoolsAreExhausted) {
  auto c = with_pool("'192.0.2.1-192.0.2.1'");
  c.wants("a", "", "", 0).wants("b", "", "", 1).run();
  EXPECT_EQ(c.of("b"), "");
  EXPECT_THAT(c.said(), HasSubstr("default/b NoAddress: no IPPool that serves this Service has an IPv4 address free"));
  c.world.services.erase({"default", "a"});
  EXPECT_EQ(c.run().of("b"), "192.0.2.1");
}

TEST(LbIpam, SaysSoToAServiceOfTwoFamiliesThatGetsNeither) {
  Cluster c;
  c.wants("a");
  c.world.services.at({"default", "a"}).ip_families = {AddressFamily::IPv4, AddressFamily::IPv6};
  c.run();
  EXPECT_THAT(c.said(), HasSubstr("has an IPv4 address free"));
  EXPECT_THAT(c.said(), HasSubstr("has an IPv6 address free"));
}

TEST(LbIpam, AsksPoolsByPriorityAndOnlyThoseThatServeTheService) {
  Cluster c;
  c.pool("low", "{'addresses': ['192.0.2.0/24']}")
      .pool("high", "{'addresses': ['198.51.100.0/24'], 'priority': 5, 'namespaces': ['prod']}");
  c.pool("private", "{'addresses': ['203.0.113.0/24'], 'priority': 9, 'autoAssign': false}");
  c.pool("off", "{'addresses': ['10.9.0.0/24'], 'priority': 99, 'enabled': false}");
  c.wants("a").wants("b", "'slash32.io/pool': 'private'").run();
  EXPECT_EQ(c.of("a"), "192.0.2.0");
  EXPECT_EQ(c.of("b"), "203.0.113.0");
  c.pool("high",
         "{'addresses': ['198.51.100.0/24'], 'priority': 5, 'namespaces': ['default'], 'serviceSelector': "
         "{'matchLabels': {'x': 'y'}}}");
  c.wants("c").run();
  EXPECT_EQ(c.of("c"), "192.0.2.1");
  c.pool("high", "{'addresses': ['198.51.100.0/24'], 'priority': 5}");
  c.wants("d").run();
  EXPECT_EQ(c.of("d"), "198.51.100.0");
  EXPECT_EQ(c.of("a"), "192.0.2.0");  // keeps what it has
}

TEST(LbIpam, KeepsWhatADisabledPoolGave) {
  auto c = with_pool();
  c.wants("a").run();
  c.pool("p", "{'addresses': ['192.0.2.0/30'], 'enabled': false}");
  c.wants("b").run();
  EXPECT_EQ(c.of("a"), "192.0.2.0");
  EXPECT_EQ(c.of("b"), "");
}

TEST(LbIpam, SharesAnAddressByKeyWherePortsDiffer) {
  auto c = with_pool("'192.0.2.1-192.0.2.1'");
  const std::string key = "'slash32.io/sharing-key': 'dns'";
  c.wants("a", key).wants("b", key).run();
  EXPECT_EQ(c.of("a"), "192.0.2.1");
  EXPECT_EQ(c.of("b"), "192.0.2.1");
  EXPECT_EQ(c.last.pools.at("p").used, 1U);
  c.wants("same-port", key);
  c.world.services.at({"default", "same-port"}).ports = c.world.services.at({"default", "a"}).ports;
  c.wants("other-key", "'slash32.io/sharing-key': 'web'").wants("local", key, "'externalTrafficPolicy': 'Local'").run();
  EXPECT_EQ(c.of("same-port") + c.of("other-key") + c.of("local"), "");
}

TEST(LbIpam, SharesAnAddressOfPolicyLocalWhereTheSamePodsAreBehindIt) {
  auto c = with_pool("'192.0.2.1-192.0.2.1'");
  const std::string key = "'slash32.io/sharing-key': 'dns'", local = "'externalTrafficPolicy': 'Local'";
  c.wants("tcp", key, local, 0).wants("udp", key, local, 1).wants("other-pods", key, local, 2);
  c.world.services.at({"default", "udp"}).selector = c.world.services.at({"default", "tcp"}).selector;
  c.run();
  EXPECT_EQ(c.of("udp"), c.of("tcp"));
  EXPECT_EQ(c.of("other-pods"), "") << "a node with its pods alone would be sent packets for the others";
}

TEST(LbIpam, MovesTheYoungerOfTwoWhoseSharingKeysComeToDiffer) {
  auto c = with_pool("'192.0.2.1-192.0.2.2'");
  const std::string key = "'slash32.io/sharing-key': 'dns'";
  c.wants("a", key, "", 1).wants("b", key, "", 2).run();
  EXPECT_EQ(c.of("b"), c.of("a"));
  c.world.services.at({"default", "b"}).meta.annotations["slash32.io/sharing-key"] = "web";
  c.run();
  EXPECT_EQ(c.of("a"), "192.0.2.1") << "who had it first keeps it";
  EXPECT_EQ(c.of("b"), "192.0.2.2");
  EXPECT_THAT(c.said(), HasSubstr("default/b AddressConflict: 192.0.2.1 belongs to Service default/a"));
}

TEST(LbIpam, LeavesAServiceItsAddressWhenTheIpPoolIsTakenAwayAndTakesItUpAgainWithThePool) {
  auto c = with_pool("'192.0.2.1-192.0.2.1'");
  c.wants("web").run();
  c.pool("other", "{'addresses': ['198.51.100.1-198.51.100.1']}");
  c.world.pools.erase("p");
  c.run();
  EXPECT_EQ(c.of("web"), "192.0.2.1") << "clients know it";
  EXPECT_THAT(c.said(), HasSubstr("default/web AddressInNoPool"));
  EXPECT_EQ(c.last.pools.at("other").used, 0U);
  c.pool("p", "{'addresses': ['192.0.2.0/30']}");
  c.run();
  EXPECT_EQ(c.of("web"), "192.0.2.1");
  EXPECT_EQ(c.last.pools.at("p").used, 1U);
  EXPECT_EQ(c.said(), "");
}

TEST(LbIpam, LeavesAServiceOfTwoFamiliesTheOneWhoseIpPoolIsTakenAwayToo) {
  Cluster c;
  c.pool("four", "{'addresses': ['192.0.2.0/30']}").pool("six", "{'addresses': ['2001:db8::/120']}");
  c.wants("web");
  auto& web = c.world.services.at({"default", "web"});
  web.ip_families = {AddressFamily::IPv6, AddressFamily::IPv4};
  c.run();
  ASSERT_EQ(c.of("web"), "2001:db8::,192.0.2.0");
  c.world.pools.erase("six");
  c.pool("other", "{'addresses': ['2001:db8:9::/120']}");
  c.run();
  EXPECT_EQ(c.of("web"), "2001:db8::,192.0.2.0") << "clients know it";
  EXPECT_THAT(c.said(), HasSubstr("default/web AddressInNoPool: 2001:db8:: is in no IPPool, and left as it is"));
  web.load_balancer_ip = "192.0.2.0";
  EXPECT_EQ(c.run().of("web"), "192.0.2.0") << "it asks for this one alone";
}

TEST(LbIpam, LeavesServicesOfOthersAloneButNotTheirAddresses) {
  auto c = with_pool();
  c.wants("metallb", "", "'loadBalancerClass': 'metallb.io/speaker'").wants("cloud").wants("mine");
  c.world.services.at({"default", "metallb"}).ingress = {ip("192.0.2.0")};
  c.world.services.at({"default", "cloud"}).ingress = {ip("198.51.100.9")};
  c.run();
  EXPECT_EQ(c.of("metallb"), "192.0.2.0");
  EXPECT_EQ(c.of("cloud"), "198.51.100.9");
  EXPECT_EQ(c.of("mine"), "192.0.2.1");
  EXPECT_THAT(c.said(), HasSubstr("default/cloud AddressInNoPool"));
}

TEST(LbIpam, LeavesAServiceAloneWhoseStatusHasAHostNameAnotherLoadBalancerWrote) {
  auto c = with_pool();
  c.wants("cloud").wants("both").wants("former").wants("mine");
  auto& services = c.world.services;
  for (const char* name : {"cloud", "both", "former"}) services.at({"default", name}).ingress_by_name = true;
  services.at({"default", "both"}).ingress = {ip("192.0.2.0")};
  services.at({"default", "former"}).ingress = {ip("192.0.2.1")};
  services.at({"default", "former"}).type = model::ServiceType::ClusterIp;
  c.run();
  for (const auto& one : c.last.assignments) EXPECT_EQ(one.service.name, "mine");
  EXPECT_EQ(c.of("mine"), "192.0.2.2") << "an address of a pool is not free, whoever gave it away";
  EXPECT_THAT(c.said(), HasSubstr("default/cloud OtherLoadBalancer"));
}

TEST(LbIpam, AnEventNamesTheServicesUid) {
  auto c = with_pool("'192.0.2.0/32'");
  c.wants("first", "", "", 0).wants("second", "", "", 1);
  c.world.services.at({"default", "second"}).meta.uid = "2222";
  c.run();
  ASSERT_EQ(c.last.events.size(), 1U);
  EXPECT_EQ(c.last.events[0].uid, "2222");
}

TEST(LbIpam, ClearsWhatAServiceHasThatIsNoLoadBalancerAnyMore) {
  auto c = with_pool();
  c.wants("a").run();
  c.world.services.at({"default", "a"}).type = model::ServiceType::ClusterIp;
  c.run();
  EXPECT_EQ(c.of("a"), "");
}

TEST(LbIpam, OfTwoWithOneAddressLeavesItTheOlder) {
  auto c = with_pool();
  c.wants("old", "", "", 0).wants("new", "", "", 1);
  for (const char* name : {"old", "new"}) c.world.services.at({"default", name}).ingress = {ip("192.0.2.3")};
  c.run();
  EXPECT_EQ(c.of("old"), "192.0.2.3");
  EXPECT_EQ(c.of("new"), "192.0.2.0");
  EXPECT_THAT(c.said(), HasSubstr("default/new AddressConflict: 192.0.2.3 belongs to Service default/old"));
}

TEST(LbIpam, OfTwoFamiliesGivesBothOrWithRequireDualStackNone) {
  auto c = with_pool("'192.0.2.0/30'");
  c.wants("prefer").wants("require", "", "'ipFamilyPolicy': 'RequireDualStack'");
  for (const char* name : {"prefer", "require"})
    c.world.services.at({"default", name}).ip_families = {AddressFamily::IPv6, AddressFamily::IPv4};
  c.run();
  EXPECT_EQ(c.of("prefer"), "192.0.2.0");
  EXPECT_EQ(c.of("require"), "");
  EXPECT_THAT(c.said(), HasSubstr("default/require NoAddress"));
  c.pool("six", "{'addresses': ['2001:db8::/112']}");
  c.run();
  EXPECT_EQ(c.of("prefer"), "2001:db8::,192.0.2.0");
  EXPECT_EQ(c.of("require"), "2001:db8::1,192.0.2.1");
}

TEST(LbIpam, WithRequireDualStackGivesBothAddressesThatAreAskedForOrNone) {
  auto c = with_pool("'192.0.2.0/30', '2001:db8::/120'");
  c.wants("first", "'slash32.io/load-balancer-ips': '2001:db8::7'", "", 0);
  c.world.services.at({"default", "first"}).ip_families = {AddressFamily::IPv6};
  c.wants("both", "'slash32.io/load-balancer-ips': '192.0.2.1,2001:db8::7'", "'ipFamilyPolicy': 'RequireDualStack'", 1);
  c.world.services.at({"default", "both"}).ip_families = {AddressFamily::IPv4, AddressFamily::IPv6};
  c.run();
  EXPECT_EQ(c.of("both"), "");
  EXPECT_THAT(c.said(), HasSubstr("default/both AddressNotAvailable: 2001:db8::7 belongs to Service default/first"));
  c.world.services.erase({"default", "first"});
  EXPECT_EQ(c.run().of("both"), "192.0.2.1,2001:db8::7");
}

TEST(LbIpam, ReportsPoolsThatOverlapAndNeverGivesAnAddressTwice) {
  Cluster c;
  c.pool("a", "{'addresses': ['192.0.2.0/31']}").pool("b", "{'addresses': ['192.0.2.1-192.0.2.2']}");
  c.wants("x").wants("y").wants("z").wants("w").run();
  EXPECT_EQ(c.last.pools.at("a").problem, "overlaps IPPool b");
  EXPECT_EQ(c.of("w") + " " + c.of("x") + " " + c.of("y") + " " + c.of("z"), "192.0.2.0 192.0.2.1 192.0.2.2 ");
}

TEST(LbIpam, CountsAsMuchAsANumberHolds) {
  auto c = with_pool("'2001:db8::/32', '192.0.2.0/24'");
  EXPECT_EQ(c.run().last.pools.at("p").total, std::numeric_limits<std::uint64_t>::max());
}

TEST(LbIpam, OfAnyHistoryHasNoAddressTwiceAndSettlesAtOnce) {
  constexpr std::uint32_t kSeed = 7;
  std::mt19937 random(kSeed);
  const auto below = [&](std::uint32_t limit) { return static_cast<int>(random() % limit); };
  Cluster c;
  c.pool("p", "{'addresses': ['192.0.2.0/29']}")
      .pool("q", "{'addresses': ['192.0.2.6-192.0.2.9'], 'autoAssign': false}");
  for (int step = 0; step < 300; ++step) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", step " + std::to_string(step));
    const auto name = "s" + std::to_string(below(12));
    const auto before = c.world.services;
    if (below(3) == 0)
      c.world.services.erase({"default", name});
    else if (!c.world.services.contains({"default", name}))
      c.wants(name, below(3) == 0 ? "'slash32.io/load-balancer-ips': '192.0.2." + std::to_string(below(10)) + "'" : "",
              "", below(3));
    c.run();
    std::map<IpAddress, int> holders;
    for (const auto& [key, service] : c.world.services) {
      for (const auto& address : service.ingress) EXPECT_EQ(++holders[address], 1) << address.to_string();
      if (before.contains(key) && !before.at(key).ingress.empty()) {
        EXPECT_EQ(before.at(key).ingress, service.ingress);
      }
    }
    EXPECT_THAT(plan_load_balancers(c.world).assignments, IsEmpty());
  }
}

TEST(LbIpam, OfAnyHistoryOfPoolsSettlesAtOnceAndTakesNoAddressAway) {
  constexpr std::uint32_t kSeed = 11;
  std::mt19937 random(kSeed);
  const auto below = [&](std::uint32_t limit) { return static_cast<int>(random() % limit); };
  Cluster c;
  for (int step = 0; step < 300; ++step) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", step " + std::to_string(step));
    const auto name = "s" + std::to_string(below(8));
    const auto pool = std::to_string(below(3));
    if (below(3) == 0)
      c.world.services.erase({"default", name});
    else if (!c.world.services.contains({"default", name})) {
      c.wants(name, below(3) == 0 ? "'slash32.io/pool': '" + pool + "'" : "",
              below(3) == 0 ? "'ipFamilyPolicy': 'RequireDualStack'" : "", below(3));
      if (below(2) == 0)
        c.world.services.at({"default", name}).ip_families = {AddressFamily::IPv6, AddressFamily::IPv4};
    }
    if (below(4) == 0)
      c.world.pools.erase(pool);
    else if (!c.world.pools.contains(pool))
      c.pool(pool, below(2) == 0 ? "{'addresses': ['192.0." + pool + ".0/30']}"
                                 : "{'addresses': ['192.0." + pool + ".0/31', '2001:db8:" + pool + "::/126']}");
    const auto before = c.world.services;
    c.run();
    std::map<IpAddress, int> holders;
    for (const auto& [key, service] : c.world.services)
      for (const auto& address : service.ingress) EXPECT_EQ(++holders[address], 1) << address.to_string();
    for (const auto& [key, service] : before)
      if (!service.meta.annotations.contains("slash32.io/pool")) {
        for (const auto& address : service.ingress)
          EXPECT_THAT(c.world.services.at(key).ingress, testing::Contains(address)) << key.to_string();
      }
    EXPECT_THAT(plan_load_balancers(c.world).assignments, IsEmpty());
  }
}

}  // namespace
}  // namespace slash32::agent::plan
