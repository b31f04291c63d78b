// Whose keys stand where, and what becomes of them when files and configuration change.
#include "tests/bgpd/daemon/neighbors_world.h"

namespace slash32::bgp {
namespace {

using NeighborKeys = testing::NeighborsTest;

TEST_F(NeighborKeys, TheKeyOfARangeGoesFromTheListenersWithItsPasswordFileOrTheRange) {
  const auto range = conf_.dynamic_neighbors[0].range;
  settings().password_file = folder_ + "/key";
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  configure();
  EXPECT_EQ(keys_[range], "secret");
  settings().password_file.reset();
  configure();
  EXPECT_EQ(keys_[range], "");
  settings().password_file = folder_ + "/key";
  configure();
  EXPECT_EQ(keys_[range], "secret");
  conf_.dynamic_neighbors.clear();
  configure();
  EXPECT_EQ(keys_[range], "");
}

TEST_F(NeighborKeys, ANeighborThatIsResetKeepsItsKeyOnTheListeners) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  conf_.neighbors[0].hold_time = Seconds{30};
  configure();
  EXPECT_EQ(key_calls_, (std::vector<std::string>{"secret", "secret"})) << "for a moment anybody could have called";
  conf_.neighbors.clear();
  configure();
  EXPECT_EQ(key_calls_.back(), "");
}

TEST_F(NeighborKeys, AKeyThatANewListenerDoesNotTakeHoldsTheSession) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  ASSERT_EQ(neighbors_->all().begin()->second->held, "");
  takes_no_key_ = true;
  configure();
  EXPECT_EQ(neighbors_->all().begin()->second->held, "no memory for keys");
}

TEST_F(NeighborKeys, TheKeysForANewListenerAreThoseOfTheFilesOrElseTheOnesInUse) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  ASSERT_TRUE(write_atomic(folder_ + "/long", std::string(81, 'x')));
  settings().password_file = folder_ + "/key";
  add_static(folder_ + "/key");
  configure();
  const auto range = conf_.dynamic_neighbors[0].range, host = Prefix::host(conf_.neighbors[0].address);
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, TcpKeys{"new"}}, {host, TcpKeys{"new"}}}));
  std::filesystem::remove(folder_ + "/key");
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, TcpKeys{"old"}}, {host, TcpKeys{"old"}}}));
  conf_.neighbors[0].address = IpAddress::v4(0x7F000009);
  conf_.neighbors[0].password_file = folder_ + "/long";
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, TcpKeys{"old"}}})) << "who has no key is held";
}

TEST_F(NeighborKeys, ARotatedKeyOfARangeReachesItsSessionsAfterAConfigurationThatWasRefused) {
  settings().password_file = folder_ + "/key";
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  configure();
  call();
  ASSERT_EQ(neighbors_->all().size(), 1U);
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  (void)neighbors_->listen_keys(conf_);  // what a configuration is prepared with that is then refused
  configure();
  EXPECT_EQ(only().session->options().keys, TcpKeys{"new"});
}

TEST_F(NeighborKeys, ARotatedKeyOfARangeReachesItsSessionsAlsoWhereAListenerRefusedItOnce) {
  settings().password_file = folder_ + "/key";
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  configure();
  call();
  ASSERT_EQ(neighbors_->all().size(), 1U);
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  takes_no_key_ = true;
  configure();
  EXPECT_EQ(neighbors_->held_ranges().size(), 1U);
  takes_no_key_ = false;
  configure();
  EXPECT_TRUE(neighbors_->held_ranges().empty());
  EXPECT_EQ(only().session->options().keys, TcpKeys{"new"});
}

TEST_F(NeighborKeys, AKeyThatCannotBeReadLeavesTheSessionWhatItHasAndIsToldAndTriedAgain) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  add_static(folder_ + "/key");
  configure();
  const auto& neighbor = *neighbors_->all().begin()->second;
  std::filesystem::remove(folder_ + "/key");
  configure();
  EXPECT_EQ(neighbor.held, "");
  EXPECT_EQ(neighbor.keys, TcpKeys{"old"});
  EXPECT_NE(neighbor.key_trouble.find("/key"), std::string::npos) << neighbor.key_trouble;
  EXPECT_TRUE(neighbor.key_retry.due());
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  configure();
  EXPECT_EQ(neighbor.key_trouble, "");
  EXPECT_FALSE(neighbor.key_retry.due());
  EXPECT_EQ(neighbor.session->options().keys, TcpKeys{"new"});
}

}  // namespace
}  // namespace slash32::bgp
