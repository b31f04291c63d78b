// RFC 9384 and RFC 5882 section 4: what a failed path does to the session.
#include <gtest/gtest.h>

#include "bgpd/wire/notification.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

World established() {
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{30});
  return w;
}

TEST(Rfc9384_3, AFailedPathEndsTheSessionWithCease10AndRetainsNothing) {
  World w = established();
  w.perform(0, w.a().peer->on_bfd_down("control detection time expired", w.now));
  ASSERT_EQ(w.a().downs.size(), 1U);
  EXPECT_TRUE(w.a().downs[0].retain.empty()) << "graceful restart is negotiated, but this is no restart";
  EXPECT_EQ(w.a().downs[0].reason, "BFD: control detection time expired; sent Cease/BFD Down");
  EXPECT_EQ(w.a().peer->status().last_error, w.a().downs[0].reason);
  EXPECT_EQ(w.a().peer->status().last_sent, (Notification{6, 10, {}}));
  w.settle();
  ASSERT_EQ(w.b().downs.size(), 1U);
  EXPECT_EQ(w.b().downs[0].reason, "received Cease/BFD Down");
}

TEST(Rfc5882_4_1, AFailedPathKeepsNoSessionFromComingBack) {
  World w = established();
  w.perform(0, w.a().peer->on_bfd_down("gone", w.now));
  w.run_for(Seconds{120});
  EXPECT_TRUE(w.both_established());
}

TEST(Rfc5882_4_3, StaleRoutesOfARestartingPeerStayWhenItsPathFails) {
  World w = established();
  w.b().reachable = false;
  w.cut(0);
  ASSERT_EQ(w.a().downs.size(), 1U);
  ASSERT_FALSE(w.a().downs[0].retain.empty());
  w.perform(0, w.a().peer->on_bfd_down("gone", w.now));
  EXPECT_EQ(w.a().downs.size(), 1U);
  EXPECT_TRUE(w.a().expired.empty());
}

}  // namespace
}  // namespace slash32::bgp
