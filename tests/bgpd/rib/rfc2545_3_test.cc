// RFC 2545 section 3 in the RIB: link-local next hops, which are good on one link only.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr IfIndex kLink{7}, kOther{8};
const LocalRoute kOwn{.prefix = net("2a00:1::/48"), .communities = {}, .local_pref = {}, .med = {}};

RibPeer on_link(RibPeer peer, IfIndex link) {
  peer.link = link;
  peer.local_link_local = ip("fe80::fe");
  return peer;
}

/// A session between link-local addresses on a link without others.
RibPeer unnumbered(RibPeer peer, IfIndex link) {
  peer = on_link(std::move(peer), link);
  peer.address = ip("fe80::1");
  peer.local_v4.reset();
  peer.local_v6 = ip("fe80::fe");
  peer.extended_next_hop = true;
  return peer;
}

std::vector<FibNextHop> kernel(World& w, std::string_view prefix) {
  w.settle();
  return w.kernel[net(prefix)];
}

PathAttributes both(std::string_view global, std::string_view link_local) {
  auto attributes = route({65001}, global);
  attributes.link_local = ip(link_local);
  return attributes;
}

TEST(Rfc2545_3, ALinkLocalNextHopAloneIsOnTheLinkOfItsSession) {
  World w;
  w.up(1, on_link(ebgp(1), kLink));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kLink}}));
  w.say(1, announce({"2a00::/32"}, both("fe80::1", "fe80::1")));
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kLink}}));
}

TEST(Rfc2545_3, OneAddressOnTwoLinksIsTwoNextHops) {
  World w;
  w.up(1, unnumbered(ebgp(1), kLink));
  w.up(2, unnumbered(ebgp(2), kOther));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  w.say(2, announce({"2a00::/32"}, route({65002}, "fe80::1")));
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kLink}, {ip("fe80::1"), kOther}}));
  EXPECT_EQ(w.rib.next_hops().size(), 2U);
}

TEST(Rfc2545_3, AnIpv4RouteSharesAnEcmpSetWithAnIpv4NextHop) {
  World w;
  w.up(1, unnumbered(ebgp(1), kLink));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({65001}, "fe80::1")));
  w.say(2, announce({"10.1.0.0/16"}, route({65002}, "192.0.2.2")));
  EXPECT_EQ(kernel(w, "10.1.0.0/16"), (std::vector<FibNextHop>{{ip("192.0.2.2"), IfIndex{2}}, {ip("fe80::1"), kLink}}));
}

TEST(Rfc2545_3, OfTwoNextHopsTheLinkLocalOneIsUsedBetweenLinkLocalAddresses) {
  World w;
  w.up(1, unnumbered(ebgp(1), kLink));
  w.up(2, on_link(ebgp(2), kOther));
  w.say(1, announce({"2a00:a::/32"}, both("2001:db8::1", "fe80::1")));
  w.say(2,
        announce({"2a00:b::/32"}, but(both("2001:db8::2", "fe80::2"), [](auto& a) { a.as_path = as_path({65002}); })));
  EXPECT_EQ(kernel(w, "2a00:a::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kLink}}));
  EXPECT_EQ(kernel(w, "2a00:b::/32"), (std::vector<FibNextHop>{{ip("2001:db8::2"), IfIndex{2}}}));
}

TEST(Rfc2545_3, WithoutALinkItIsUnresolved) {
  World w;
  w.hops[ip("fe80::1")] = {};
  w.up(1, ebgp(1));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  EXPECT_TRUE(kernel(w, "2a00::/32").empty());
  EXPECT_EQ(w.why_not("2a00::/32", 1), "next hop fe80::1 is unresolved: not connected");
}

TEST(Rfc2545_3, OurOwnLinkLocalAddressIsNoNextHop) {
  World w;
  w.up(1, on_link(ebgp(1), kLink));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::fe")));
  EXPECT_TRUE(kernel(w, "2a00::/32").empty());
  EXPECT_EQ(w.why_not("2a00::/32", 1), "next hop is our own address");
}

TEST(Rfc2545_3, ItFollowsItsLink) {
  World w;
  w.up(1, on_link(ebgp(1), kLink));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  w.settle();
  w.hops[ip("fe80::1")] = {};
  w.rib.next_hops_changed({{ip("fe80::1"), kOther}});
  EXPECT_EQ(kernel(w, "2a00::/32").size(), 1U) << "another link's";
  w.rib.next_hops_changed({{ip("fe80::1"), kLink}});
  EXPECT_TRUE(kernel(w, "2a00::/32").empty());
}

TEST(Rfc2545_3, ALinkMadeAnewUnderALivingSessionIsItsNextHopsLinkToo) {
  World w;
  w.up(1, on_link(ebgp(1), kLink));
  w.up(2, on_link(ibgp(2), kLink));  // without import policy
  w.say(1, announce({"2a00:a::/32"}, route({65001}, "fe80::1")));
  w.say(2, announce({"2a00:b::/32"}, route({}, "fe80::2")));
  w.settle();
  w.rib.peer_changed(1, on_link(ebgp(1), kOther));
  w.rib.peer_changed(2, on_link(ibgp(2), kOther));
  EXPECT_EQ(kernel(w, "2a00:a::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kOther}}));
  EXPECT_EQ(kernel(w, "2a00:b::/32"), (std::vector<FibNextHop>{{ip("fe80::2"), kOther}}));
}

TEST(Rfc2545_3, ALinkMadeAnewWhileThePeerRestartsIsItsStaleRoutesLinkToo) {
  World w;
  w.up(1, unnumbered(ebgp(1), kLink));
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  w.settle();
  w.rib.peer_down(1, kBoth);
  w.rib.peer_moved(1, IfIndex{}, ip("fe80::fe"));
  w.hops[ip("fe80::1")] = {};
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{})) << "the link is gone";
  w.hops.clear();
  w.rib.peer_moved(1, kOther, ip("fe80::fe"));
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{{ip("fe80::1"), kOther}}));
}

TEST(Rfc2545_3, ANextHopThatPolicySetsIsOnNoLink) {
  World w;
  auto settings = World::settings();
  config::PolicyTerm term;
  term.set.next_hop.v6 = ip("2001:db8::9");
  term.then = config::PolicyOutcome::Accept;
  settings.policies["other"] = {term};
  w.rib.reconfigure(settings);
  auto peer = unnumbered(ebgp(1), kLink);
  peer.import_policies = {"other"};
  w.up(1, peer);
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  EXPECT_EQ(kernel(w, "2a00::/32"), (std::vector<FibNextHop>{{ip("2001:db8::9"), IfIndex{2}}}));
}

TEST(Rfc2545_3, OursGoesOutAsGlobalAndLinkLocalAddressOnASharedLink) {
  World w;
  w.up(1, on_link(ebgp(1), kLink));
  w.up(2, unnumbered(ebgp(2), kLink));
  auto internal = unnumbered(ibgp(3), kLink);
  internal.local_v6 = ip("2001:db8::fe");
  w.up(3, internal);
  w.up(4, on_link(ibgp(4), kLink));
  w.rib.set_local_routes({kOwn});
  w.settle();
  EXPECT_EQ(w.heard[1]["2a00:1::/48"].next_hop, ip("2001:db8::fe"));
  EXPECT_EQ(w.heard[1]["2a00:1::/48"].link_local, ip("fe80::fe"));
  EXPECT_EQ(w.heard[2]["2a00:1::/48"].next_hop, ip("fe80::fe")) << "there is no other";
  EXPECT_FALSE(w.heard[2]["2a00:1::/48"].link_local);
  EXPECT_EQ(w.heard[3]["2a00:1::/48"].link_local, ip("fe80::fe"));
  EXPECT_FALSE(w.heard[4]["2a00:1::/48"].link_local) << "internal peers need not share a link";
}

TEST(Rfc2545_3, ALinkLocalNextHopIsNeverPassedOn) {
  World w;
  w.up(1, unnumbered(ebgp(1), kLink));
  w.up(2, ibgp(2));
  auto keeps = ebgp(3);
  keeps.next_hop = config::NextHopMode::Keep;
  w.up(3, keeps);
  w.say(1, announce({"2a00::/32"}, route({65001}, "fe80::1")));
  w.settle();
  EXPECT_EQ(w.heard[2]["2a00::/32"].next_hop, ip("2001:db8::fe"));
  EXPECT_EQ(w.heard[3]["2a00::/32"].next_hop, ip("2001:db8::fe"));
}

}  // namespace
}  // namespace slash32::bgp::test
