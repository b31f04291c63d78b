// RFC 5881 section 3, RFC 5883 section 3 and RFC 5880 section 6.3: which packet belongs to which session.
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "bgpd/bfd/engine.h"

namespace slash32::bfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr IfIndex kEth0{2}, kEth1{3};
const Settings kFast = {.desired_min_tx = milliseconds{50}, .required_min_rx = milliseconds{50}};

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Path one_hop(const char* remote, IfIndex interface = {}) { return {ip(remote), {}, interface, false}; }
Path many_hops(const char* remote, const char* local) { return {ip(remote), ip(local), {}, true}; }

/// Draws what it is told, then counts on from 1000.
Random drawing(std::deque<std::uint32_t> numbers) {
  return [numbers = std::move(numbers), next = 1000U]() mutable {
    if (numbers.empty()) return next++;
    const auto number = numbers.front();
    numbers.pop_front();
    return number;
  };
}

struct Rfc5881_3 : ::testing::Test {
  Instant now{};
  Engine engine{drawing({})};

  Discriminator add(const Path& path) {
    const auto added = engine.add(path, kFast, now);
    EXPECT_TRUE(added) << added.error().message;
    return added.value_or(Discriminator{});
  }
  Result<void, Rejection> hear(const Path& path, Discriminator your, State state = State::Down) {
    const auto bytes = encode({.state = state,
                               .detect_multiplier = 3,
                               .my_discriminator = 77,
                               .your_discriminator = your.value,
                               .desired_min_tx = milliseconds{50},
                               .required_min_rx = milliseconds{50}});
    return engine.receive(path, bytes, now);
  }
  State state(Discriminator session) const { return engine.find(session)->state(); }
};

TEST_F(Rfc5881_3, AFirstPacketGoesByItsSourceAndInterface) {
  const auto first = add(one_hop("fe80::1", kEth0));
  const auto second = add(one_hop("fe80::1", kEth1));
  EXPECT_TRUE(hear(one_hop("fe80::1", kEth1), {}));
  EXPECT_EQ(state(first), State::Down);
  EXPECT_EQ(state(second), State::Init);
  EXPECT_FALSE(hear(one_hop("fe80::1", IfIndex{9}), {}));
  EXPECT_FALSE(hear(one_hop("fe80::2", kEth0), {}));
}

TEST_F(Rfc5881_3, ASessionWithoutAnInterfaceTakesItsNeighborFromAny) {
  const auto any = add(one_hop("10.0.0.1"));
  const auto bound = add(one_hop("10.0.0.1", kEth1));
  EXPECT_TRUE(hear(one_hop("10.0.0.1", kEth1), {}));
  EXPECT_EQ(state(bound), State::Init) << "the one that is bound goes first";
  EXPECT_EQ(state(any), State::Down);
  EXPECT_TRUE(hear(one_hop("10.0.0.1", kEth0), {}));
  EXPECT_EQ(state(any), State::Init);
}

TEST_F(Rfc5881_3, TheDestinationOfASingleHopPacketIsNotLookedAt) {
  const auto session = add(one_hop("10.0.0.1"));
  EXPECT_TRUE(hear({ip("10.0.0.1"), ip("10.0.0.99"), kEth0, false}, {}));
  EXPECT_EQ(state(session), State::Init);
}

TEST_F(Rfc5881_3, AKnownDiscriminatorIsAllThatCounts) {
  const auto session = add(one_hop("10.0.0.1", kEth0));
  EXPECT_TRUE(hear(one_hop("10.0.0.200", kEth1), session, State::Init))
      << "RFC 5880 section 6.3: the source may change";
  EXPECT_EQ(state(session), State::Up);
}

TEST_F(Rfc5881_3, AnUnknownDiscriminatorIsDiscardedAndCounted) {
  const auto session = add(one_hop("10.0.0.1"));
  EXPECT_EQ(hear(one_hop("10.0.0.1"), Discriminator{4242}, State::Up),
            std::unexpected(Rejection{Reject::UnknownSession, 4242}));
  EXPECT_EQ(state(session), State::Down);
  EXPECT_EQ(engine.rejected(Reject::UnknownSession), 1U);
}

TEST_F(Rfc5881_3, ASessionStaysOnItsPortAndFamily) {
  const auto session = add(one_hop("10.0.0.1"));
  EXPECT_FALSE(hear(many_hops("10.0.0.1", "10.0.0.2"), session, State::Init))
      << "or the hop limit would not be asked for";
  EXPECT_FALSE(hear(one_hop("fd00::1"), session, State::Init));
  EXPECT_EQ(state(session), State::Down);
}

TEST_F(Rfc5881_3, MultihopSessionsGoBySourceAndDestination) {  // RFC 5883 section 3
  const auto one = add(many_hops("10.9.0.1", "10.0.0.2"));
  const auto other = add(many_hops("10.9.0.1", "10.0.0.3"));
  const auto any = add(many_hops("10.9.0.9", "0.0.0.0"));
  EXPECT_TRUE(hear(many_hops("10.9.0.1", "10.0.0.3"), {}));
  EXPECT_EQ(state(one), State::Down);
  EXPECT_EQ(state(other), State::Init);
  EXPECT_FALSE(hear(many_hops("10.9.0.1", "10.0.0.4"), {}));
  EXPECT_TRUE(hear(many_hops("10.9.0.9", "10.0.0.4"), {}));
  EXPECT_EQ(state(any), State::Init);
  EXPECT_FALSE(hear(one_hop("10.9.0.1"), {})) << "not over the single-hop port";
}

TEST_F(Rfc5881_3, OnePathHasOneSession) {
  (void)add(one_hop("10.0.0.1"));
  EXPECT_EQ(engine.add(one_hop("10.0.0.1"), kFast, now).error().message, "10.0.0.1 has a BFD session already");
  EXPECT_EQ(engine.size(), 1U);
}

TEST_F(Rfc5881_3, WhatIsNoNeighborIsRefusedAndChangesNothing) {
  EXPECT_EQ(engine.add(one_hop("fe80::1"), kFast, now).error().message,
            "fe80::1 is a link-local address: its session needs an interface");
  EXPECT_FALSE(engine.add(one_hop("0.0.0.0"), kFast, now));
  EXPECT_FALSE(engine.add(one_hop("ff02::1", kEth0), kFast, now));
  EXPECT_FALSE(engine.add(many_hops("fe80::1", "::"), kFast, now));
  EXPECT_FALSE(engine.add(many_hops("10.0.0.1", "fd00::1"), kFast, now));
  Settings bad = kFast;
  bad.detect_multiplier = 0;
  EXPECT_FALSE(engine.add(one_hop("10.0.0.1"), bad, now));
  EXPECT_EQ(engine.size(), 0U);
  EXPECT_FALSE(engine.deadline());
}

TEST(Engine, DiscriminatorsAreNeverZeroAndNeverTwice) {
  Engine engine(drawing({0, 0, 7, 7, 0, 8}));
  EXPECT_EQ(engine.add(one_hop("10.0.0.1"), kFast, Instant{}), Discriminator{7});
  EXPECT_EQ(engine.add(one_hop("10.0.0.2"), kFast, Instant{}), Discriminator{8});
}

TEST_F(Rfc5881_3, DeadlinesOfAllSessionsAreOneQueue) {
  const auto first = add(one_hop("10.0.0.1"));
  now += milliseconds{400};
  const auto second = add(one_hop("10.0.0.2"));
  EXPECT_EQ(engine.deadline(), Instant{});
  engine.advance(now);
  ASSERT_EQ(engine.packets().size(), 2U);
  EXPECT_EQ(engine.packets()[0].session, first);
  EXPECT_EQ(engine.packets()[1].session, second);
  engine.clear();
  EXPECT_GT(*engine.deadline(), now) << "nothing is left that is due";
  now += seconds{1};
  engine.advance(now);
  EXPECT_EQ(engine.packets().size(), 2U);
}

TEST_F(Rfc5881_3, ARemovedSessionLeavesNothingBehind) {
  const auto session = add(one_hop("10.0.0.1"));
  engine.remove(session);
  engine.remove(session);
  EXPECT_EQ(engine.find(session), nullptr);
  EXPECT_FALSE(engine.find(one_hop("10.0.0.1")));
  EXPECT_FALSE(engine.deadline());
  EXPECT_FALSE(hear(one_hop("10.0.0.1"), {}));
  EXPECT_EQ(engine.configure(session, kFast, now).error().message, "there is no BFD session 1000");
}

TEST_F(Rfc5881_3, ARetiredSessionSaysAdminDownForTheNeighborsDetectionTimeAndIsGone) {
  const auto session = add(one_hop("10.0.0.1"));
  EXPECT_TRUE(hear(one_hop("10.0.0.1"), session, State::Init));
  engine.clear();
  engine.retire(session, now);
  ASSERT_EQ(engine.changes().size(), 1U);
  EXPECT_FALSE(is_failure(engine.changes()[0].change));
  int said = 0;
  for (const Instant began = now; engine.gone().empty(); now = *engine.deadline()) {
    ASSERT_LE(now, began + seconds{3});
    engine.advance(now);
    for (const auto& packet : engine.packets()) said += decode(packet.bytes)->state == State::AdminDown ? 1 : 0;
    if (engine.gone().empty()) engine.clear();
    if (!engine.deadline()) break;
  }
  EXPECT_GE(said, 3);
  ASSERT_EQ(engine.gone().size(), 1U);
  EXPECT_EQ(engine.gone()[0], session);
  EXPECT_EQ(engine.size(), 0U);
}

TEST_F(Rfc5881_3, ANeighborThatWantsAPacketAnHourDoesNotKeepARetiredSessionForDays) {
  const auto session = add(one_hop("10.0.0.1"));
  const auto bytes =
      encode({.detect_multiplier = 3, .my_discriminator = 77, .required_min_rx = Microseconds{0xffffffff}});
  EXPECT_TRUE(engine.receive(one_hop("10.0.0.1"), bytes, now));
  engine.retire(session, now);
  engine.advance(now + seconds{60});
  EXPECT_EQ(engine.size(), 0U);
}

TEST_F(Rfc5881_3, ARetiredPathComesBackUnderItsDiscriminator) {
  const auto session = add(one_hop("10.0.0.1"));
  engine.retire(session, now);
  EXPECT_FALSE(engine.configure(session, kFast, now)) << "it is on its way out";
  EXPECT_EQ(add(one_hop("10.0.0.1")), session);
  EXPECT_EQ(state(session), State::Down);
  now += seconds{10};
  engine.advance(now);
  EXPECT_TRUE(engine.gone().empty());
}

}  // namespace
}  // namespace slash32::bfd
