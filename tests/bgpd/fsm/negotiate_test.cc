// RFC 4271 section 6.2, RFC 5492, RFC 6286, RFC 4724 section 3: what two OPENs agree on.
#include <gtest/gtest.h>

#include "bgpd/fsm/collision.h"
#include "bgpd/fsm/negotiate.h"

namespace slash32::bgp {
namespace {

constexpr AddressFamily k4 = AddressFamily::IPv4;
constexpr AddressFamily k6 = AddressFamily::IPv6;

PeerSettings settings(std::uint32_t as, std::uint32_t id, std::uint32_t remote) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.remote_as = Asn{remote};
  s.families = {k4, k6};
  return s;
}
const PeerSettings kUs = settings(65001, 1, 65002);
const PeerSettings kThem = settings(65002, 2, 65001);

Result<Session, Notification> between(const PeerSettings& us, const PeerSettings& them) {
  return negotiate(us, make_open(us, {}, true), make_open(them, {}, true));
}

TEST(Negotiate, TheSmallerHoldTimeCounts) {
  PeerSettings them = kThem;
  them.hold_time = Seconds{9};
  EXPECT_EQ(between(kUs, them)->hold_time, Seconds{9});
  EXPECT_EQ(between(kUs, them)->keepalive_time, Seconds{3});
  them.hold_time = Seconds{0};
  EXPECT_EQ(between(kUs, them)->hold_time, Seconds{0});
  EXPECT_EQ(between(kUs, them)->keepalive_time, Seconds{0});
}

TEST(Negotiate, AConfiguredKeepaliveShrinksWithTheHoldTime) {
  PeerSettings us = kUs;
  us.keepalive_time = Seconds{20};  // of 90
  EXPECT_EQ(between(us, kThem)->keepalive_time, Seconds{20});
  PeerSettings them = kThem;
  them.hold_time = Seconds{45};
  EXPECT_EQ(between(us, them)->keepalive_time, Seconds{10});
  them.hold_time = Seconds{3};
  EXPECT_EQ(between(us, them)->keepalive_time, Seconds{1});
  us.keepalive_time = Seconds{80};  // never more than a third
  EXPECT_EQ(between(us, kThem)->keepalive_time, Seconds{30});
}

TEST(Negotiate, FamiliesAreTheIntersectionAndNoneIsRefused) {
  PeerSettings them = kThem;
  them.families = {k6};
  EXPECT_EQ(between(kUs, them)->families, std::vector{k6});
  PeerSettings us = kUs;
  us.families = {k4};
  const auto none = between(us, them);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), (Notification{2, 7, {1, 4, 0, 1, 0, 1}}));
}

TEST(Negotiate, WithoutTheCapabilityThereIsIpv4Only) {
  const auto s = negotiate(kUs, make_open(kUs, {}, true), make_open(kThem, {}, false));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->families, std::vector{k4});
  EXPECT_FALSE(s->four_octet_as);
  EXPECT_FALSE(s->route_refresh);
  EXPECT_FALSE(s->enhanced_refresh);
  EXPECT_FALSE(s->graceful_restart);
}

TEST(Negotiate, WhatOurOwnOpenLeftOutIsNotNegotiated) {
  const auto s = negotiate(kUs, make_open(kUs, {}, false), make_open(kThem, {}, true));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->families, std::vector{k4});
  EXPECT_FALSE(s->four_octet_as);
  EXPECT_FALSE(s->graceful_restart);
}

TEST(Negotiate, ExternalAndInternalPeersOfAnyAs) {
  PeerSettings us = kUs;
  us.remote_as.reset();
  us.external = true;
  EXPECT_TRUE(between(us, kThem)->external);
  us.external = false;
  EXPECT_EQ(between(us, kThem).error(), (Notification{2, 2, {0xfd, 0xea}}));
  const auto internal = between(us, settings(65001, 2, 65001));
  ASSERT_TRUE(internal);
  EXPECT_FALSE(internal->external);
}

TEST(Negotiate, AFourOctetAsThatIsWrongIsSentBackAsItsFieldWas) {
  EXPECT_EQ(between(kUs, settings(4200000001, 2, 65001)).error(), (Notification{2, 2, {0x5b, 0xa0}}));
}

TEST(Rfc6286, OurOwnIdentifierIsRefusedFromAnInternalPeerOnly) {
  const PeerSettings us = settings(65001, 1, 65001);
  EXPECT_EQ(between(us, settings(65001, 1, 65001)).error(), (Notification{2, 3, {0, 0, 0, 1}}));
  EXPECT_TRUE(between(kUs, settings(65002, 1, 65001)));
}

TEST(Rfc4724_3, FamiliesAreRestartableWhenListedAndPreservedWhenMarked) {
  const Open them = make_open(kThem, {true, {k6}}, true);
  const auto s = negotiate(kUs, make_open(kUs, {}, true), them);
  ASSERT_TRUE(s);
  EXPECT_TRUE(s->graceful_restart);
  EXPECT_EQ(s->restartable, (std::vector{k4, k6}));
  EXPECT_EQ(s->preserved, std::vector{k6});
  PeerSettings off = kUs;
  off.graceful_restart = false;
  const auto without = negotiate(off, make_open(off, {}, true), them);
  EXPECT_FALSE(without->graceful_restart);
  EXPECT_TRUE(without->restartable.empty());
}

TEST(Rfc4724_3, RAndFAreOnlySetWhenTold) {
  const auto plain = make_open(kUs, {}, true).capabilities.graceful_restart;
  EXPECT_FALSE(plain->restarting);
  EXPECT_EQ(plain->families, (std::vector<GracefulRestartFamily>{{k4, false}, {k6, false}}));
  const auto told = make_open(kUs, {true, {k4}}, true).capabilities.graceful_restart;
  EXPECT_TRUE(told->restarting);
  EXPECT_EQ(told->families, (std::vector<GracefulRestartFamily>{{k4, true}, {k6, false}}));
}

TEST(Rfc4271_6_8, TheHigherIdentifiersConnectionStaysAndBothSidesAgree) {
  const auto check = [](std::uint32_t id, std::uint32_t as, std::uint32_t other_id, std::uint32_t other_as) {
    const Direction here = survivor(RouterId{id}, Asn{as}, RouterId{other_id}, Asn{other_as});
    const Direction there = survivor(RouterId{other_id}, Asn{other_as}, RouterId{id}, Asn{as});
    EXPECT_NE(here, there) << "one side's outgoing connection is the other's incoming one";
    return here;
  };
  EXPECT_EQ(check(2, 1, 1, 9), Direction::Outgoing);
  EXPECT_EQ(check(1, 9, 2, 1), Direction::Incoming);
  EXPECT_EQ(check(0x80000000, 1, 0x7fffffff, 1), Direction::Outgoing);  // unsigned
  EXPECT_EQ(check(5, 65002, 5, 65001), Direction::Outgoing);            // RFC 6286 section 2.3
}

}  // namespace
}  // namespace slash32::bgp
