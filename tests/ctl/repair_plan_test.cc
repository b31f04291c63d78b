// What `slash32ctl repair` finds missing on a host end, and which host ends its argument means.
#include "ctl/repair_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slash32::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
const netlink::MacAddress kPodMac{{2, 0x32, 10, 0, 0, 1}};
const EndWish kWish{.pod_mac = kPodMac, .gateway6 = ip("fe80::1")};

netlink::Link link_named(int index, const std::string& name) {
  netlink::Link link;
  link.index = IfIndex{index};
  link.name = name;
  return link;
}

struct World {
  NodeView node;
  EndState state;

  /// A pod that lacks nothing.
  HostEnd& pod(const std::string& container, const std::vector<IpAddress>& addresses,
               const std::string& ifname = "eth0") {
    const pod::Key key{.network = "k8s", .container_id = container, .ifname = ifname};
    HostEnd end{.link = {}, .alias = {.key = key, .addresses = addresses}};
    end.link.index = IfIndex{static_cast<int>(node.ends.size()) + 2};
    end.link.name = pod::host_ifname(key);
    end.link.mac = pod::kHostMac;
    end.link.up = end.link.carrier = true;
    state.addresses = {kWish.gateway6};
    for (const auto& address : addresses) {
      state.neighbors.push_back({.link = end.link.index, .address = address, .mac = kPodMac, .permanent = true});
      state.holders[address] = end.link.name;
      route(address, end.link.index, netlink::RouteProtocol::Slash32Pod);
    }
    node.links.push_back(end.link);
    node.ends.push_back(end);
    return node.ends.back();
  }
  netlink::Route& route(const IpAddress& address, IfIndex link, netlink::RouteProtocol protocol,
                        std::uint32_t metric = netlink::kPodMetric) {
    node.host_routes.push_back({.destination = Prefix::host(address),
                                .protocol = protocol,
                                .type = netlink::RouteType::Unicast,
                                .metric = metric,
                                .preferred_source = {},
                                .next_hops = {{.gateway = {}, .link = link}}});
    return node.host_routes.back();
  }
  std::vector<std::string> gaps() const {
    std::vector<std::string> out;
    for (const auto& gap : find_gaps(node.ends.front(), state, kWish, node))
      out.push_back((gap.piece == Piece::Conflict ? "conflict " : "") + gap.what);
    return out;
  }
};

TEST(RepairPlan, LeavesAWholeHostEndAlone) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1"), ip("fd00::1")});
  EXPECT_THAT(world.gaps(), IsEmpty());
}

TEST(RepairPlan, PutsBackWhatDownAndUpTakesRoutesLast) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1"), ip("fd00::1")});
  world.node.host_routes.clear();
  world.state.addresses.clear();
  world.state.neighbors.clear();
  EXPECT_THAT(world.gaps(), ElementsAre("address fe80::1/64", "neighbour entry 10.0.0.1", "neighbour entry fd00::1",
                                        "route 10.0.0.1/32", "route fd00::1/128"));
}

TEST(RepairPlan, GivesAnAddressItsNameWhereNobodyOrADeadLinkHasIt) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  world.state.holders.clear();
  EXPECT_THAT(world.gaps(), ElementsAre("name s32-0a000001 of 10.0.0.1"));
  auto dead = link_named(9, "s32dead");
  dead.up = true;
  world.node.links.push_back(dead);
  world.state.holders[ip("10.0.0.1")] = "s32dead";
  EXPECT_THAT(world.gaps(), ElementsAre("name s32-0a000001 of 10.0.0.1"));
  world.node.links.back().carrier = true;
  EXPECT_THAT(world.gaps(), ElementsAre("conflict name s32-0a000001 of 10.0.0.1"));
}

TEST(RepairPlan, NeedsNoIpv6WhereThePodHasNone) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  world.state.addresses.clear();
  EXPECT_THAT(world.gaps(), IsEmpty());
}

TEST(RepairPlan, SeesWrongSettingsMacAndNeighbour) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")}).link.mac = netlink::MacAddress{{2, 0, 0, 0, 0, 1}};
  world.state.wrong_settings = {"forwarding", "accept_ra"};
  world.state.neighbors.front().mac = netlink::MacAddress{{2, 0, 0, 0, 0, 2}};
  EXPECT_THAT(world.gaps(),
              ElementsAre("settings forwarding, accept_ra", "MAC ee:ee:ee:ee:ee:ee", "neighbour entry 10.0.0.1"));
}

TEST(RepairPlan, PutsNeighboursBackThatANewMacMakesTheKernelForget) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")}).link.mac = netlink::MacAddress{{2, 0, 0, 0, 0, 1}};
  EXPECT_THAT(world.gaps(), ElementsAre("MAC ee:ee:ee:ee:ee:ee", "neighbour entry 10.0.0.1"));
}

TEST(RepairPlan, LeavesAForeignRouteInThePlaceAndSaysWhose) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  world.node.host_routes.clear();
  world.node.links.push_back(link_named(9, "up0"));
  world.route(ip("10.0.0.1"), IfIndex{9}, netlink::RouteProtocol::Static);
  EXPECT_THAT(world.gaps(), ElementsAre("conflict route 10.0.0.1/32"));
  const auto all = find_gaps(world.node.ends.front(), world.state, kWish, world.node);
  EXPECT_THAT(all.front().detail, HasSubstr("protocol 4, metric 64, dev up0"));
}

TEST(RepairPlan, TellsAForeignRouteThatComesBeforeOurs) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  world.route(ip("10.0.0.1"), IfIndex{9}, netlink::RouteProtocol::Static, 0);
  EXPECT_THAT(world.gaps(), ElementsAre("conflict route 10.0.0.1/32"));
  world.node.host_routes.erase(world.node.host_routes.begin());
  EXPECT_THAT(world.gaps(), ElementsAre("conflict route 10.0.0.1/32", "route 10.0.0.1/32"));
}

TEST(RepairPlan, MindsNoRouteThatLosesToOurs) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  world.route(ip("10.0.0.1"), IfIndex{9}, netlink::RouteProtocol::Slash32Bgp, netlink::kBgpMetric);
  EXPECT_THAT(world.gaps(), IsEmpty());
}

TEST(RepairPlan, TakesThePlaceOfOurOwnRouteOnADeadLinkOnly) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")});
  const auto other = world.pod("beef", {ip("10.0.0.2")}).link.index;
  world.node.host_routes.clear();
  world.route(ip("10.0.0.1"), other, netlink::RouteProtocol::Slash32Pod);
  EXPECT_THAT(world.gaps(), ElementsAre("conflict route 10.0.0.1/32")) << "another live pod's by now";
  world.node.links.back().up = false;
  EXPECT_THAT(world.gaps(), ElementsAre("route 10.0.0.1/32"));
}

TEST(RepairPlan, LeavesALinkDownThatIsDown) {
  World world;
  world.pod("c0ffee", {ip("10.0.0.1")}).link.up = false;
  world.node.host_routes.clear();
  EXPECT_THAT(world.gaps(), ElementsAre(HasSubstr("conflict link s32")));
}

class SelectEnds : public testing::Test {
 protected:
  SelectEnds() {
    world_.pod("c0ffee", {ip("10.0.0.1")});
    world_.pod("c0ffee", {ip("10.0.0.2")}, "net1");
    world_.pod("c0de", {ip("fd00::3")});
    world_.pod("c0", {ip("10.0.0.4")});
  }
  std::string selected(const std::string& pod) const {
    const auto ends = select_ends(world_.node, pod);
    if (!ends) return "error: " + ends.error().message + " " + ends.error().details;
    std::string text;
    for (const auto& end : *ends) text += end.alias.key.container_id + "/" + end.alias.key.ifname + " ";
    return text;
  }
  World world_;
};

TEST_F(SelectEnds, ByNothingAreAll) { EXPECT_EQ(selected(""), "c0ffee/eth0 c0ffee/net1 c0de/eth0 c0/eth0 "); }
TEST_F(SelectEnds, ByContainerAreAllItsInterfaces) { EXPECT_EQ(selected("c0ffee"), "c0ffee/eth0 c0ffee/net1 "); }
TEST_F(SelectEnds, ByTheBeginningOfOneId) { EXPECT_EQ(selected("c0f"), "c0ffee/eth0 c0ffee/net1 "); }
TEST_F(SelectEnds, ByAWholeIdThatOthersBeginWith) { EXPECT_EQ(selected("c0"), "c0/eth0 "); }
TEST_F(SelectEnds, ByAnAddress) { EXPECT_EQ(selected("fd00:0::3"), "c0de/eth0 "); }
TEST_F(SelectEnds, ByALink) { EXPECT_EQ(selected(world_.node.ends[1].link.name), "c0ffee/net1 "); }
TEST_F(SelectEnds, NamesTheCandidatesOfAnAmbiguousBeginning) {
  EXPECT_EQ(selected("c"), "error: 3 containers' IDs begin with c c0, c0de, c0ffee");
}
TEST_F(SelectEnds, SaysWhatIsNotThere) {
  EXPECT_THAT(selected("10.9.9.9"), HasSubstr("error: no pod of this node has 10.9.9.9"));
  EXPECT_THAT(selected("beef"), HasSubstr("error: no pod of this node has container ID, host link or address beef"));
  world_.node.links.push_back(link_named(99, "up0"));
  EXPECT_THAT(selected("up0"), HasSubstr("error: link up0 has no alias of ours"));
}

}  // namespace
}  // namespace slash32::ctl
