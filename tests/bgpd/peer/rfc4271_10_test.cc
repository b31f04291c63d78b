// RFC 4271 section 10: timers are jittered by a factor between 0.75 and 1.0, so that speakers that started together do
// not go on together. The hold timer is a promise, and is not.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;

const PeerSettings kUs = settings_of(65001, 1, 65002);
const PeerSettings kThem = settings_of(65002, 2, 65001);
const Instant kNow{Seconds{100}};

double given(void* chance) { return *static_cast<double*>(chance); }

/// From a connection that was refused to the next attempt.
Duration pause_before_another_attempt(double chance) {
  Peer peer{kUs, given, &chance};
  const auto id = std::get<act::Connect>(peer.start(kNow).at(0)).id;
  (void)peer.on_closed(id, "connection refused", kNow);
  return *peer.next_deadline() - kNow;
}

struct Established {
  explicit Established(double chance) : dice(chance) {
    PeerSettings them = kThem;
    them.hold_time = Seconds{90};
    (void)peer.start(kNow);
    id = peer.on_accepted(kNow).first;
    (void)peer.on_bytes(id, encode_open(make_open(them, {}, true)), kNow);
    (void)peer.on_bytes(id, encode_keepalive(), kNow);
  }
  double dice;
  Peer peer{kUs, given, &dice};
  ConnectionId id = 0;
};

TEST(Rfc4271_10, TheNextAttemptComesUpToAQuarterEarlier) {
  const auto longest = pause_before_another_attempt(1);
  EXPECT_GT(longest, Duration{0});
  EXPECT_EQ(pause_before_another_attempt(0), longest * 3 / 4);
  EXPECT_EQ(pause_before_another_attempt(0.5), longest * 7 / 8);
}

TEST(Rfc4271_10, KeepalivesComeUpToAQuarterEarlier) {
  for (const double chance : {0.0, 0.5, 1.0}) {
    Established session(chance);
    EXPECT_EQ(*session.peer.next_deadline() - kNow, with_jitter(Seconds{30}, chance));
  }
  EXPECT_EQ(with_jitter(Seconds{30}, 0), Milliseconds{22500});
}

TEST(Rfc4271_10, TheHoldTimerIsKeptToTheMoment) {
  for (const double chance : {0.0, 1.0}) {
    Established session(chance);
    (void)session.peer.on_time(kNow + Seconds{89});
    EXPECT_EQ(session.peer.status().state, PeerState::Established);
    for (Instant at = kNow + Seconds{89}; at < kNow + Seconds{90}; at += Milliseconds{1})
      (void)session.peer.on_time(at);
    EXPECT_EQ(session.peer.status().state, PeerState::Established);
    (void)session.peer.on_time(kNow + Seconds{90});
    EXPECT_NE(session.peer.status().state, PeerState::Established);
  }
}

// Section 8.2.2, Established, events 26 and 27.
TEST(Rfc4271_10, AnUpdateRestartsTheHoldTimerAsAKeepaliveDoes) {
  for (const auto& said : {encode_keepalive(), encode_end_of_rib(AddressFamily::IPv4)}) {
    Established session(1.0);
    (void)session.peer.on_bytes(session.id, said, kNow + Seconds{60});
    (void)session.peer.on_time(kNow + Seconds{149});
    EXPECT_EQ(session.peer.status().state, PeerState::Established);
    (void)session.peer.on_time(kNow + Seconds{150});
    EXPECT_NE(session.peer.status().state, PeerState::Established);
  }
}

}  // namespace
}  // namespace slash32::bgp
