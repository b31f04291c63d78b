// RFC 8538 sections 2 and 3.1: the N bit, and which endings become a Hard Reset where both sides set it.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "bgpd/fsm/fsm.h"
#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

PeerSettings settings(std::uint32_t as, std::uint32_t id, std::uint32_t remote_as, bool n) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.remote_as = Asn{remote_as};
  s.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  s.graceful_notification = n;
  return s;
}

Session between(bool our_n, bool their_n) {
  const PeerSettings us = settings(65001, 1, 65002, our_n), them = settings(65002, 2, 65001, their_n);
  return *negotiate(us, make_open(us, {}, true), make_open(them, {}, true));
}

TEST(Rfc8538_2, TheNBitIsSetWhereItIsSwitchedOn) {
  EXPECT_TRUE(make_open(settings(1, 1, 2, true), {}, true).capabilities.graceful_restart->notification);
  EXPECT_FALSE(make_open(settings(1, 1, 2, false), {}, true).capabilities.graceful_restart->notification);
  PeerSettings off = settings(1, 1, 2, true);
  off.graceful_restart = false;
  EXPECT_FALSE(make_open(off, {}, true).capabilities.graceful_restart);
}

TEST(Rfc8538_2, ItCountsWhereBothSidesSetIt) {
  EXPECT_TRUE(between(true, true).graceful_notification);
  EXPECT_FALSE(between(true, false).graceful_notification);
  EXPECT_FALSE(between(false, true).graceful_notification);
  EXPECT_TRUE(between(false, true).graceful_restart) << "RFC 4724 goes on without it";
}

/// The NOTIFICATION that `event` makes us send.
std::optional<Notification> sent(PeerState state, bool n, const Event& event) {
  const PeerSettings us = settings(65001, 1, 65002, n);
  const Open open = make_open(us, {}, true);
  Fsm fsm{state, 0, nullptr};
  if (state >= PeerState::OpenConfirm) fsm.session = std::make_shared<const Session>(between(n, true));
  const Step step = bgp::step(fsm, event, {us, open, true});
  for (const Operation& o : step.operations)
    if (const auto* notify = std::get_if<op::SendNotification>(&o)) return notify->notification;
  return std::nullopt;
}

TEST(Rfc8538_3_1, WhoEndsASessionForGoodSaysSoInsideAHardReset) {
  const Notification cease = cease_with_text(cease::kAdministrativeShutdown, "going home");
  for (const PeerState state : {PeerState::OpenConfirm, PeerState::Established}) {
    EXPECT_EQ(sent(state, true, ev::Stop{cease}), hard_reset(cease));
    EXPECT_EQ(sent(state, false, ev::Stop{cease}), cease) << "a peer without N could not read it";
  }
  EXPECT_EQ(sent(PeerState::OpenSent, true, ev::Stop{cease}), cease) << "nothing is agreed on yet";
}

TEST(Rfc9384_3, ABrokenPathIsToldInsideAHardReset) {
  const Notification down{6, 10, {}};
  EXPECT_EQ(sent(PeerState::Established, true, ev::BfdDown{"gone"}), hard_reset(down));
  EXPECT_EQ(sent(PeerState::Established, false, ev::BfdDown{"gone"}), down);
}

TEST(Rfc8538_4, ErrorsAndExpiredTimersAreToldAsEver) {
  EXPECT_EQ(sent(PeerState::Established, true, ev::HoldExpired{}), (Notification{4, 0, {}}));
  EXPECT_EQ(sent(PeerState::Established, true, ev::SendHoldExpired{}), (Notification{8, 0, {}}));
  EXPECT_EQ(sent(PeerState::Established, true, ev::UpdateError{{3, 1, {7}}}), (Notification{3, 1, {7}}));
  EXPECT_EQ(sent(PeerState::Established, true, ev::HeaderError{{1, 1, {}}}), (Notification{1, 1, {}}));
  EXPECT_EQ(sent(PeerState::Established, true, ev::CollisionLost{}), (Notification{6, 7, {}}));
}

}  // namespace
}  // namespace slash32::bgp
