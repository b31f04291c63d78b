// RFC 8212: an external neighbour without policy gives nothing and gets nothing, but what we originate: the operator's
// `originate` is the explicit policy for that.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

TEST(Rfc8212, WithoutImportPolicyNothingIsAcceptedFromAnExternalPeer) {
  World w;
  RibPeer peer = ebgp(1);
  peer.import_policies.reset();
  w.up(1, peer);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_TRUE(w.kernel.empty());
  EXPECT_EQ(w.why_not("10.1.0.0/16", 1), "no import policy (RFC 8212)");
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).received, 1U);
  EXPECT_EQ(w.rib.counts(1, AddressFamily::IPv4).accepted, 0U);
}

TEST(Rfc8212, WithoutExportPolicyAnExternalPeerHearsOnlyWhatWeOriginate) {
  World w;
  RibPeer peer = ebgp(2);
  peer.export_policies.reset();
  w.up(1, ebgp(1));
  w.up(2, peer);
  w.say(1, announce({"10.1.0.0/16"}, route({65001})));
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_EQ(w.heard[2].table.size(), 1U);
  EXPECT_TRUE(w.heard[2].knows("10.244.1.0/24"));
}

TEST(Rfc8212, AnEmptyListOfPoliciesIsAPolicyThatRejects) {
  World w;
  RibPeer peer = ebgp(2);
  peer.export_policies = std::vector<std::string>{};
  w.up(2, peer);
  w.rib.set_local_routes({{.prefix = net("10.244.1.0/24"), .communities = {}, .local_pref = {}, .med = {}}});
  w.settle();
  EXPECT_TRUE(w.heard[2].table.empty());
}

TEST(Rfc8212, AnInternalPeerWithoutPolicyGivesAndGetsAll) {
  World w;
  w.up(1, ibgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16"}, route({})));
  w.say(2, announce({"10.2.0.0/16"}, route({65002}, "192.0.2.2")));
  w.settle();
  EXPECT_EQ(w.kernel.size(), 2U);
  EXPECT_TRUE(w.heard[1].knows("10.2.0.0/16"));
}

}  // namespace
}  // namespace slash32::bgp::test
