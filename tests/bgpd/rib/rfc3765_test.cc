// NOPEER (RFC 3765): advice to who sends routes between peers. Nothing here knows who pays whom, so nothing is done by
// itself: the community goes on as it came, and policy can heed it.
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

constexpr Community kNoPeer = 0xffffff04;
const char* const kNet = "10.1.0.0/16";

PathAttributes marked() {
  return but(route({65001}), [](auto& a) { a.communities = {kNoPeer}; });
}

TEST(Rfc3765, NopeerIsPassedOnToEverybodyAsItCame) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.up(3, ibgp(3));
  w.say(1, announce({kNet}, marked()));
  w.settle();
  EXPECT_EQ(w.heard[2][kNet].communities, std::vector{kNoPeer});
  EXPECT_EQ(w.heard[3][kNet].communities, std::vector{kNoPeer});
}

TEST(Rfc3765, AnExportPolicyTowardsAPeerHeedsNopeer) {
  World w;
  auto settings = World::settings();
  config::PolicyTerm reject, accept;
  const auto named = config::read_bgpd_conf(
      R"({"localAs": 64512, "policies": {"p": [{"match": {"community": "no-peer"}, "then": "reject"}]}})");
  ASSERT_TRUE(named) << named.error().message;
  reject = named->policies.at("p").at(0);  // by its name, as an operator writes it
  accept.then = config::PolicyOutcome::Accept;
  settings.policies["to-a-peer"] = {reject, accept};
  w.rib.reconfigure(settings);
  auto peer = ebgp(2);
  peer.export_policies = std::vector<std::string>{"to-a-peer"};
  w.up(1, ebgp(1));
  w.up(2, peer);
  w.up(3, ebgp(3));
  w.say(1, announce({kNet, "10.2.0.0/16"}, marked()));
  w.say(1, announce({"10.2.0.0/16"}, route({65001})));
  w.settle();
  EXPECT_FALSE(w.heard[2].knows(kNet));
  EXPECT_TRUE(w.heard[2].knows("10.2.0.0/16"));
  EXPECT_TRUE(w.heard[3].knows(kNet));
}

}  // namespace
}  // namespace slash32::bgp::test
