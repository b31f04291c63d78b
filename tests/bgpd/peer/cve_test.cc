// Inputs that crashed or hung other speakers and need a session to do so, each under its name: what is answered, and
// what becomes of the session. Those that a decoder alone can answer: tests/bgpd/wire/cve_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "tests/bgpd/peer/world.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::kNlri;
using testing::kSound;
using testing::message;
using testing::settings_of;
using testing::operator+;

Bytes update(const Bytes& attributes, const Bytes& nlri = {}) {
  return message(MessageType::Update, testing::update(attributes, nlri));
}
Bytes capability_message(const char* body) { return message(static_cast<MessageType>(6), hex(body)); }

/// A Peer that has a session with AS 65001.
struct Live {
  Peer peer{settings_of(65002, 2, 65001), testing::half, nullptr};
  Instant now{Seconds{100}};
  ConnectionId id = 0;

  Live() {
    (void)peer.start(now);
    id = peer.on_accepted(now).first;
    (void)feed(encode_open(make_open(settings_of(65001, 1, 65002), {}, true)));
    (void)feed(encode_keepalive());
  }
  Actions feed(const Bytes& bytes) { return peer.on_bytes(id, bytes, now); }
  bool up() const { return peer.status().state == PeerState::Established; }
};

template <class A>
std::size_t count(const Actions& actions) {
  return static_cast<std::size_t>(
      std::ranges::count_if(actions, [](const Action& a) { return std::holds_alternative<A>(a); }));
}

/// `bytes` end the session with exactly this, and nothing else is sent.
void expect_end(const Bytes& bytes, const Notification& with) {
  Live live;
  ASSERT_TRUE(live.up());
  const Actions actions = live.feed(bytes);
  EXPECT_FALSE(live.up());
  EXPECT_EQ(count<act::Send>(actions), 1U);
  EXPECT_EQ(count<act::Close>(actions), 1U);
  EXPECT_EQ(live.peer.status().last_sent, with);
}

// Dynamic capabilities (draft-ietf-idr-dynamic-cap) are message type 6, which we never offer and do not know.
TEST(CveFrr2022_37032, AShortCapabilityMessageIsAnUnknownType) {
  for (const char* body : {"", "80", "80 00", "80 00000001", "80 01 ff 0001 00 01", "00 41 04"})
    expect_end(capability_message(body), {1, 3, {6}});
}

TEST(CveFrr2024_31949, CapabilitiesThatDoNotAdvanceInACapabilityMessageAreAnUnknownType) {
  for (const char* body : {"80 01 00", "80 40 00", "80 01 01 00 80 01 00", "80 40 01 00 80 40 ff"})
    expect_end(capability_message(body), {1, 3, {6}});
}

TEST(CveFrr2022_37035, WhatIsReadAlreadyWhenANotificationGoesOutIsDropped) {
  const Bytes broken = update(kSound, hex("21 0a f4 01 00 00"));
  for (const Bytes& behind : {update(kSound, kNlri), encode_notification({6, 2, {}}), encode_keepalive(), broken,
                              encode_open(make_open(settings_of(65001, 1, 65002), {}, true)), Bytes(10, 0xff)}) {
    Live live;
    const Actions actions = live.feed(broken + behind + behind);
    EXPECT_EQ(count<act::Send>(actions), 1U);
    EXPECT_EQ(count<act::Close>(actions), 1U);
    EXPECT_EQ(count<act::SessionDown>(actions), 1U);
    EXPECT_EQ(count<act::UpdateReceived>(actions), 0U);
    EXPECT_TRUE(live.feed(behind).empty()) << "and so is what comes later on that connection";
    EXPECT_TRUE(live.peer.on_closed(live.id, "closed", live.now).empty());
    EXPECT_EQ(live.peer.status().last_sent, (Notification{3, 10, {}}));
  }
}

TEST(CveGobgp2023_46565, EveryWayToFailAnUpdateLeavesASoundPeer) {
  struct Case {
    const char* body;
    bool survives;
  };
  for (const Case& c : {Case{"0000 0003 40 01 09 18 0af401", true},  // treat-as-withdraw
                        Case{"0000 0000 18 0af401", true},           // of a route without any attribute
                        Case{"0000 0004 40 06 01 00", true},         // attribute discard, and no route
                        Case{"0000 0004 40 01 01 09", false},        // no route to withdraw
                        Case{"ffff 0000", false}, Case{"0000 ffff", false}, Case{"0000 0000 21 00", false}}) {
    Live live;
    const Actions actions = live.feed(message(MessageType::Update, hex(c.body)));
    EXPECT_EQ(live.up(), c.survives) << c.body;
    EXPECT_EQ(count<act::UpdateReceived>(actions), c.survives ? 1U : 0U) << c.body;
    if (!c.survives) {
      EXPECT_EQ(live.peer.status().last_sent->code, 3);
    }
  }
}

TEST(CveFrr2023_46753, AnUnknownAttributeAloneIsNoEndOfRibWhereGracefulRestartIsNegotiated) {
  Live live;
  ASSERT_TRUE(live.peer.status().session->graceful_restart);
  const Actions actions = live.feed(update(hex("c0 ff 01 00")));
  EXPECT_TRUE(live.up());
  ASSERT_EQ(count<act::UpdateReceived>(actions), 1U);
  const Update& got = std::get<act::UpdateReceived>(actions.at(0)).update;
  EXPECT_TRUE(got.announced.empty() && got.withdrawn.empty());
  EXPECT_FALSE(got.end_of_rib);
}

// Their readers of MRT files and of the RPKI-RTR protocol. We have neither; such bytes at the BGP port are garbage.
TEST(CveGobgp2025_43970, AnMrtRecordIsNoMessage) {
  expect_end(hex("38 6d 43 80 00 0d 00 01 00 00 00 04 00 00 00 00 00 00 00"), {1, 1, {}});
}

TEST(CveGobgp2025_43973, AnRtrPduOfLessThanAHeaderWaitsForMoreAndIsThenNoMessage) {
  const Bytes pdu = hex("00 02 00 00 00 00 00 08");
  Live live;
  EXPECT_TRUE(live.feed(pdu).empty());
  EXPECT_TRUE(live.up());
  expect_end(pdu + pdu + pdu, {1, 1, {}});
}

TEST(Bird2_17_1, AConnectionForADisabledNeighborIsClosedAndNothingElseHappens) {
  Peer never(settings_of(65002, 2, 65001), testing::half, nullptr);
  const auto [id, actions] = never.on_accepted(Instant{Seconds{1}});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(std::get<act::Close>(actions[0]).id, id);
  EXPECT_TRUE(never.on_bytes(id, encode_keepalive(), Instant{Seconds{1}}).empty());

  Live live;  // and one that is disabled while it is connected twice
  const ConnectionId second = live.peer.on_accepted(live.now).first;
  (void)live.peer.stop(live.now, notification(ErrorCode::Cease, cease::kAdministrativeShutdown));
  EXPECT_TRUE(live.feed(encode_keepalive()).empty());
  EXPECT_TRUE(live.peer.on_bytes(second, encode_keepalive(), live.now).empty());
  EXPECT_EQ(count<act::Close>(live.peer.on_accepted(live.now).second), 1U);
  EXPECT_EQ(live.peer.status().state, PeerState::Idle);
}

// What must not end a session ends none, from either type of peer, whatever else the advisory's speaker did.
TEST(CvesThatResetSessions, LeaveTheSessionAlone) {
  for (const char* attribute : {"c0 17 04 ffff ffff",                      // CVE-2023-38802: Tunnel Encapsulation
                                "c0 17 06 0001 0002 06 ff",                // CVE-2024-44070
                                "c0 80 00",                                // CVE-2023-4481: attribute 128
                                "d0 20 ff ff 00",                          // CVE-2023-38283: lengths that do not add up
                                "c0 28 02 05 ff",                          // CVE-2023-31490: Prefix-SID
                                "c0 28 0b 05 0008 00 63 0000 01 0001 00",  // CVE-2026-7734: SRv6
                                "c0 10 00", "c0 10 07 00000000000000",     // CVE-2010-1674
                                "90 0e 0005 0001 85 00 00"}) {  // CVE-2023-41909, CVE-2025-43972: flow specification
    Live live;
    EXPECT_EQ(count<act::UpdateReceived>(live.feed(update(kSound + hex(attribute), kNlri))), 1U) << attribute;
    EXPECT_TRUE(live.up()) << attribute;
  }
}

}  // namespace
}  // namespace slash32::bgp
