// Unnumbered neighbours: whoever advertises itself as a router on the link.
#include "tests/bgpd/daemon/neighbors_world.h"

namespace slash32::bgp {
namespace {

using testing::NeighborsTest;

const IpAddress kRouter = *IpAddress::parse("fe80::1"), kOtherRouter = *IpAddress::parse("fe80::2");

TEST_F(NeighborsTest, AnUnnumberedNeighborWaitsUntilARouterIsHeardOnItsLink) {
  add_unnumbered();
  configure();
  EXPECT_EQ(looked_at_, std::set<std::string>{"eth9"});
  EXPECT_EQ(only().held, "waits for a router to advertise itself on eth9");
  EXPECT_TRUE(bfd_orders_.empty()) << "with nobody yet";
  neighbors_->router_heard("eth8", kRouter);
  EXPECT_FALSE(only().session);
  neighbors_->router_trouble("eth9", "interface eth9: there is none");
  EXPECT_EQ(only().held, "interface eth9: there is none");
  neighbors_->router_trouble("eth9", "");
  EXPECT_EQ(only().held, "waits for a router to advertise itself on eth9");
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().held, "");
  EXPECT_EQ(only().conf.address, kRouter);
  ASSERT_TRUE(only().session);
  EXPECT_EQ(only().session->remote().address, kRouter);
  EXPECT_TRUE(only().session->settings().extended_next_hop);
  ASSERT_EQ(bfd_orders_.size(), 1U);
  EXPECT_EQ(bfd_orders_[0].second->target.remote, kRouter);
  EXPECT_EQ(bfd_orders_[0].second->target.interface, "eth9");
}

TEST_F(NeighborsTest, AnotherRouterOnTheLinkTakesThePlaceOfOneWhoseSessionIsNotUp) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  const auto before = only().id;
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().id, before) << "said again";
  neighbors_->router_heard("eth9", kOtherRouter);
  ASSERT_EQ(neighbors_->all().size(), 1U);
  EXPECT_EQ(only().conf.address, kOtherRouter);
  EXPECT_NE(only().id, before) << "its next hops are others";
}

TEST_F(NeighborsTest, RoutersThatTakeTurnsAreFollowedOnceInAWhile) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  neighbors_->router_heard("eth9", kOtherRouter);
  const auto before = only().id;
  for (int i = 0; i < 100; ++i) {
    neighbors_->router_heard("eth9", kRouter);
    neighbors_->router_heard("eth9", kOtherRouter);
  }
  EXPECT_EQ(only().id, before);
}

TEST_F(NeighborsTest, ARouterThatIsConfiguredByItsAddressIsNoUnnumberedNeighborAsWell) {
  add_unnumbered();
  add_static({});
  conf_.neighbors.back().address = kRouter;
  conf_.neighbors.back().bind_interface = "eth9";
  configure();
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_TRUE(only().conf.address.is_unspecified());
  neighbors_->router_heard("eth9", kOtherRouter);
  EXPECT_EQ(only().conf.address, kOtherRouter);
}

TEST_F(NeighborsTest, AReloadKeepsTheRouterThatWasFound) {
  add_unnumbered();
  configure();
  neighbors_->router_heard("eth9", kRouter);
  const auto before = only().id;
  configure();
  EXPECT_EQ(only().id, before) << "nothing changed";
  conf_.neighbors[0].description = "live";
  configure();
  EXPECT_EQ(only().id, before);
  EXPECT_EQ(only().conf.address, kRouter);
  conf_.neighbors[0].hold_time = Seconds{30};
  configure();
  EXPECT_NE(only().id, before) << "a reset";
  EXPECT_EQ(only().conf.address, kRouter) << "without another advertisement";
  conf_.neighbors.clear();
  configure();
  EXPECT_TRUE(looked_at_.empty());
  EXPECT_TRUE(neighbors_->all().empty());
}

TEST_F(NeighborsTest, ADisabledUnnumberedNeighborIsWokenByNobody) {
  add_unnumbered();
  configure();
  ASSERT_TRUE(neighbors_->disable(only().id, "maintenance"));
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(only().held, "disabled by an operator: maintenance");
  EXPECT_FALSE(only().session);
  ASSERT_TRUE(neighbors_->enable(only().id));
  EXPECT_EQ(only().conf.address, kRouter);
  EXPECT_TRUE(only().session);
}

TEST_F(NeighborsTest, TheKeyOfAnUnnumberedNeighborIsSetForTheRouterThatWasFound) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_unnumbered();
  conf_.neighbors[0].password_file = folder_ + "/key";
  configure();
  EXPECT_TRUE(neighbors_->listen_keys(conf_).empty());
  EXPECT_TRUE(keys_.empty());
  neighbors_->router_heard("eth9", kRouter);
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "secret");
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{Prefix::host(kRouter), TcpKeys{"secret"}}}));
}

TEST_F(NeighborsTest, ARouterThatIsFollowedNoMoreLeavesNoKeyOnTheListeners) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_unnumbered();
  conf_.neighbors[0].password_file = folder_ + "/key";
  configure();
  neighbors_->router_heard("eth9", kRouter);
  neighbors_->router_heard("eth9", kOtherRouter);
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "");
  EXPECT_EQ(keys_[Prefix::host(kOtherRouter)], "secret");
}

TEST_F(NeighborsTest, ANeighborThatGoesLeavesItsKeyToAnotherOfTheSameAddressOnAnotherLink) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  for (const char* link : {"eth8", "eth9"}) {
    add_unnumbered();
    conf_.neighbors.back().name = conf_.neighbors.back().interface.emplace(link);
    conf_.neighbors.back().bind_interface = link;
    conf_.neighbors.back().password_file = folder_ + "/key";
  }
  configure();
  neighbors_->router_heard("eth8", kRouter);
  neighbors_->router_heard("eth9", kRouter);
  conf_.neighbors.erase(conf_.neighbors.begin());
  configure();
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "secret");
  conf_.neighbors.clear();
  configure();
  EXPECT_EQ(keys_[Prefix::host(kRouter)], "");
}

}  // namespace
}  // namespace slash32::bgp
