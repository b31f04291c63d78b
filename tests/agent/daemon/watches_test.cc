// Which Nodes are watched, and what counts as known while that changes. Nothing is sent: the loop does not run.
#include "agent/watches.h"

#include <gtest/gtest.h>

namespace slash32::agent {
namespace {

using model::Kind;
using Nodes = Watches::Nodes;

class NodesWatched : public testing::Test {
 protected:
  void follow(Nodes nodes) { watches_.follow({.kinds = {Kind::Node}, .secrets = {}}, nodes); }
  bool is_known() const { return store_.world().listed.contains(Kind::Node); }

  boost::asio::io_context context_;
  kube::Access access_;
  kube::Client client_{context_, access_};
  WorldStore store_{"n1"};
  Watches watches_{context_, access_, client_, store_, {"n1", "slash32-system"}, [](Kind) {}};
};

TEST_F(NodesWatched, AnAgentThatLeadsPlansOnWhatItKnowsUntilItHasHeardOfTheOthers) {
  follow(Nodes::Own);
  EXPECT_FALSE(is_known());
  store_.listed(Kind::Node);
  follow(Nodes::AllAside);
  EXPECT_TRUE(is_known());
  EXPECT_FALSE(watches_.has_all_nodes()) << "what it does for the cluster waits";
  follow(Nodes::AllAside);
  EXPECT_TRUE(is_known());
}

TEST_F(NodesWatched, AnAgentThatLeadsNoLongerForgetsNothing) {
  follow(Nodes::All);
  store_.listed(Kind::Node);
  follow(Nodes::Own);
  EXPECT_TRUE(is_known());
  EXPECT_FALSE(watches_.has_all_nodes());
}

TEST_F(NodesWatched, APlanThatNeedsAllNodesDoesNotTakeItsOwnForAll) {
  follow(Nodes::Own);
  store_.listed(Kind::Node);
  follow(Nodes::All);
  EXPECT_FALSE(is_known());
}

TEST_F(NodesWatched, APlanThatNeedsAllNodesWaitsForThemThoughTheyAreOnTheirWay) {
  follow(Nodes::Own);
  store_.listed(Kind::Node);
  follow(Nodes::AllAside);
  follow(Nodes::All);
  EXPECT_FALSE(is_known());
}

TEST_F(NodesWatched, APlanThatNeedsAllNodesAgainBeforeItHasHeardOfItsOwnAloneWaitsToo) {
  follow(Nodes::All);
  store_.listed(Kind::Node);
  follow(Nodes::Own);
  follow(Nodes::AllAside);
  EXPECT_TRUE(is_known());
  follow(Nodes::All);
  EXPECT_FALSE(is_known());
}

}  // namespace
}  // namespace slash32::agent
