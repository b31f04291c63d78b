// Who must be on a subnet of ours, and what becomes of whom is not.
#include <functional>

#include "tests/bgpd/daemon/neighbors_world.h"

namespace slash32::bgp {
namespace {

using testing::NeighborsTest;

config::NeighborConf external() {
  config::NeighborConf out;
  out.remote_as.asn = Asn{65002};
  return out;
}

TEST(ConnectedCheck, IsForExternalNeighborsOverOneHop) {
  config::BgpdConf conf;
  conf.local_as = Asn{65001};
  const auto checked = [&](const std::function<void(config::NeighborConf&)>& change) {
    auto one = external();
    change(one);
    return is_checked(conf, one);
  };
  EXPECT_TRUE(checked([](auto&) {}));
  EXPECT_TRUE(checked([](auto& n) { n.multihop = 1; }));
  EXPECT_TRUE(checked([](auto& n) { n.ttl_security = 1; }));
  EXPECT_TRUE(checked([](auto& n) { n.remote_as = {config::RemoteAsKind::External, {}}; }));
  EXPECT_FALSE(checked([](auto& n) { n.multihop = 2; }));
  EXPECT_FALSE(checked([](auto& n) { n.ttl_security = 2; }));
  EXPECT_FALSE(checked([](auto& n) { n.connected_check = false; }));
  EXPECT_FALSE(checked([](auto& n) { n.remote_as.asn = Asn{65001}; })) << "iBGP";
  EXPECT_FALSE(checked([](auto& n) { n.interface = "eth0"; })) << "heard on its link";
}

TEST(NextHopResolutionOf, AnExternalNeighborOverOneHopIsOnLinkWhateverItAsksFor) {  // RFC 4271 section 6.3
  config::BgpdConf conf;
  conf.local_as = Asn{65001};
  auto one = external();
  one.next_hop_resolution = NextHopResolution::Recursive;
  const auto resolution = [&] { return rib_peer(conf, one, {}, one.address, {}).resolution; };
  EXPECT_EQ(resolution(), NextHopResolution::OnLink);
  one.multihop = 2;
  EXPECT_EQ(resolution(), NextHopResolution::Recursive);
  one.multihop.reset();
  one.connected_check = false;
  EXPECT_EQ(resolution(), NextHopResolution::Recursive);
  one.connected_check = true;
  one.remote_as.asn = Asn{65001};
  EXPECT_EQ(resolution(), NextHopResolution::Recursive);
  EXPECT_FALSE(wants_recursion(conf));
  conf.neighbors = {one};
  EXPECT_TRUE(wants_recursion(conf));
}

struct NeighborsOffLink : NeighborsTest {
  NeighborsOffLink() {
    add_static(std::nullopt);
    conf_.neighbors[0].address = *IpAddress::parse("203.0.113.7");  // documentation's: on no link
  }
};

TEST_F(NeighborsOffLink, AreHeldAndSayWhy) {
  configure();
  EXPECT_EQ(only().session, nullptr);
  EXPECT_TRUE(only().off_link);
  EXPECT_NE(only().held.find("203.0.113.7 is on no subnet"), std::string::npos) << only().held;
}

TEST_F(NeighborsOffLink, BeginWithAReloadThatDoesNotAskForTheCheckAndAreHeldByOneThatDoes) {
  configure();
  conf_.neighbors[0].connected_check = false;
  configure();
  EXPECT_TRUE(only().held.empty());
  EXPECT_NE(only().session, nullptr);
  conf_.neighbors[0].connected_check = true;
  configure();
  EXPECT_TRUE(only().off_link);
  EXPECT_EQ(only().session->status().state, PeerState::Idle);
}

TEST_F(NeighborsOffLink, HaveNoBfdUntilTheyBegin) {
  conf_.neighbors[0].bfd.emplace();
  const auto running = [&] { return !bfd_orders_.empty() && bfd_orders_.back().second.has_value(); };
  configure();
  ASSERT_TRUE(only().off_link);
  EXPECT_FALSE(running());
  conf_.neighbors[0].bfd->min_rx = Milliseconds{50};
  configure();
  neighbors_->look_for_connected();
  EXPECT_FALSE(running()) << "nor by a reload, or a look at the links";
  conf_.neighbors[0].connected_check = false;
  configure();
  EXPECT_TRUE(running());
  conf_.neighbors[0].connected_check = true;
  configure();
  ASSERT_TRUE(only().off_link);
  EXPECT_FALSE(running());
}

TEST_F(NeighborsOffLink, AreNotHeldOverSeveralHops) {
  conf_.neighbors[0].multihop = 3;
  configure();
  EXPECT_TRUE(only().held.empty());
}

TEST_F(NeighborsOffLink, StayDisabledWhateverTheirLinkDoes) {
  configure();
  ASSERT_TRUE(neighbors_->disable(only().id, "maintenance"));
  neighbors_->look_for_connected();
  EXPECT_EQ(only().held, "disabled by an operator: maintenance");
}

TEST_F(NeighborsOffLink, OnALinkThatIsNotThereNameIt) {
  conf_.neighbors[0].address = *IpAddress::parse("fe80::1");
  conf_.neighbors[0].bind_interface = "s32none0";
  configure();
  EXPECT_NE(only().held.find("s32none0 is not there"), std::string::npos) << only().held;
}

}  // namespace
}  // namespace slash32::bgp
