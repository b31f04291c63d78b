// RFC 5880 section 6.8.16 and RFC 5882 section 4.2: AdminDown, which is no failure.
#include <gtest/gtest.h>

#include "tests/bgpd/bfd/builders.h"

namespace slash32::bfd {
namespace {

using testing::Alone;
using testing::fast;
using testing::milliseconds;
using testing::seconds;

Settings disabled() {
  auto settings = fast();
  settings.enabled = false;
  return settings;
}

TEST(Rfc5880_6_8_16, DisablingSaysAdminDownAtOnceAndGoesOnSayingIt) {
  Alone world;
  world.come_up();
  const auto step = world.configure(disabled());
  ASSERT_TRUE(step.change);
  EXPECT_EQ(step.change->to, State::AdminDown);
  EXPECT_EQ(step.change->diagnostic, Diagnostic::AdministrativelyDown);
  EXPECT_FALSE(is_failure(*step.change));
  EXPECT_EQ(step.packet->state, State::AdminDown);
  EXPECT_EQ(step.packet->diagnostic, Diagnostic::AdministrativelyDown);
  int packets = 0;
  for (int i = 0; i < 5; ++i) {
    const auto more = world.next();
    EXPECT_FALSE(more.change);
    if (more.packet) {
      EXPECT_EQ(more.packet->state, State::AdminDown);
      ++packets;
    }
  }
  EXPECT_GE(packets, 4);
}

TEST(Rfc5880_6_8_16, EnablingGoesToDownAndUpFromThere) {
  Alone world(disabled());
  (void)world.next();
  EXPECT_FALSE(world.hear(State::Down).change);
  const auto step = world.configure(fast());
  ASSERT_TRUE(step.change);
  EXPECT_EQ(step.change->to, State::Down);
  EXPECT_EQ(step.packet->state, State::Down);
  (void)world.hear(State::Down);
  EXPECT_EQ(world.hear(State::Init).change->to, State::Up);
}

TEST(Rfc5882_4_2, ANeighborThatGoesAdminDownIsNotAFailure) {
  Alone world;
  world.come_up();
  world.said.diagnostic = Diagnostic::AdministrativelyDown;
  const auto step = world.hear(State::AdminDown);
  ASSERT_TRUE(step.change);
  EXPECT_EQ(step.change->to, State::Down);
  EXPECT_EQ(step.change->diagnostic, Diagnostic::NeighborSignaledSessionDown);
  EXPECT_EQ(step.change->remote.state, State::AdminDown);
  EXPECT_EQ(step.change->remote.diagnostic, Diagnostic::AdministrativelyDown);
  EXPECT_FALSE(is_failure(*step.change));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(world.next().change) << "nor is the silence afterwards";
}

TEST(Rfc5882_4_2, ANeighborThatGoesDownIsOne) {
  Alone world;
  world.come_up();
  world.said.diagnostic = Diagnostic::ControlDetectionTimeExpired;
  const auto step = world.hear(State::Down);
  ASSERT_TRUE(step.change);
  EXPECT_TRUE(is_failure(*step.change));
  EXPECT_EQ(step.change->remote.diagnostic, Diagnostic::ControlDetectionTimeExpired);
}

TEST(Rfc5882_4_2, ComingUpIsNone) {
  Alone world;
  (void)world.hear(State::Down);
  EXPECT_FALSE(is_failure(*world.hear(State::Init).change));
}

}  // namespace
}  // namespace slash32::bfd
