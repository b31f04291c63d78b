// RFC 4271 section 8.2.2: the whole matrix of states and events, no cell missing.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>

#include "bgpd/fsm/fsm.h"
#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/iana.h"

namespace slash32::bgp {
namespace {

constexpr std::array kStates{PeerState::Idle,     PeerState::Connect,     PeerState::Active,
                             PeerState::OpenSent, PeerState::OpenConfirm, PeerState::Established};

PeerSettings settings() {
  PeerSettings s;
  s.local_as = Asn{65001};
  s.local_id = RouterId{1};
  s.remote_as = Asn{65002};
  s.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  return s;
}
const PeerSettings kSettings = settings();
const Open kSent = make_open(kSettings, {}, true);
const FsmContext kActiveSide{kSettings, kSent, true};
const FsmContext kPassiveSide{kSettings, kSent, false};

Open their_open() {
  PeerSettings s = kSettings;
  s.local_as = Asn{65002};
  s.local_id = RouterId{2};
  return make_open(s, {}, true);
}
const Notification kCease{6, 2, {}};
const Notification kBad{1, 1, {}};

/// One event of each kind, in the variant's order.
const std::array<Event, std::variant_size_v<Event>> kEvents{
    ev::Start{},
    ev::Stop{kCease},
    ev::CloseForRestart{},
    ev::ConnectRetryExpired{},
    ev::HoldExpired{},
    ev::KeepaliveExpired{},
    ev::DelayOpenExpired{},
    ev::TcpConnected{},
    ev::TcpFailed{"lost"},
    ev::OpenReceived{their_open(), 7},
    ev::HeaderError{kBad},
    ev::OpenError{{2, 1, {}}},
    ev::CollisionLost{},
    ev::NotificationReceived{kCease},
    ev::KeepaliveReceived{},
    ev::UpdateReceived{},
    ev::UpdateError{{3, 1, {}}},
    ev::RefreshReceived{RouteRefresh{}},
    ev::Replaced{},
    ev::SendHoldExpired{},
    ev::BfdDown{"gone"},
};

Fsm in(PeerState state) {
  Fsm fsm{state, 0, nullptr};
  if (state >= PeerState::OpenConfirm)
    fsm.session = std::make_shared<const Session>(*negotiate(kSettings, kSent, their_open()));
  return fsm;
}

/// The operations in short: what matters of them, in order.
std::string brief(const Step& step) {
  std::string out;
  const auto add = [&](const std::string& s) { out += (out.empty() ? "" : " ") + s; };
  for (const Operation& o : step.operations) {
    if (std::holds_alternative<op::StartConnect>(o)) add("connect");
    if (std::holds_alternative<op::SendOpen>(o)) add("open");
    if (std::holds_alternative<op::SendKeepalive>(o)) add("keepalive");
    if (const auto* n = std::get_if<op::SendNotification>(&o))
      add("notify:" + std::to_string(n->notification.code) + "/" + std::to_string(n->notification.subcode));
    if (std::holds_alternative<op::CloseTcp>(o)) add("close");
    if (std::holds_alternative<op::SessionUp>(o)) add("up");
    if (std::holds_alternative<op::DeliverRefresh>(o)) add("refresh");
    if (const auto* t = std::get_if<op::StartTimer>(&o))
      add(std::array{"retry", "hold", "ka", "delay"}[static_cast<std::size_t>(t->timer)]);
  }
  return out;
}

struct Cell {
  PeerState next;
  const char* operations;
};
constexpr PeerState I = PeerState::Idle, C = PeerState::Connect, A = PeerState::Active, S = PeerState::OpenSent,
                    F = PeerState::OpenConfirm, E = PeerState::Established;

// Rows: events in the order of kEvents. Columns: Idle, Connect, Active, OpenSent, OpenConfirm, Established.
// clang-format off
const Cell kMatrix[][6] = {
    /* Start                */ {{C, "close connect retry"}, {C, ""}, {A, ""}, {S, ""}, {F, ""}, {E, ""}},
    /* Stop                 */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:6/2 close"}, {I, "notify:6/2 close"}, {I, "notify:6/2 close"}},
    /* CloseForRestart      */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "close"}, {I, "close"}, {I, "close"}},
    /* ConnectRetryExpired  */ {{I, ""}, {C, "close connect retry"}, {C, "close connect retry"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "notify:5/3 close"}},
    /* HoldExpired          */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:4/0 close"}, {I, "notify:4/0 close"}, {I, "notify:4/0 close"}},
    /* KeepaliveExpired     */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {F, "keepalive ka"}, {E, "keepalive ka"}},
    /* DelayOpenExpired     */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "notify:5/3 close"}},
    /* TcpConnected         */ {{I, "close"}, {S, "open hold"}, {S, "open hold"}, {S, ""}, {F, ""}, {E, ""}},
    /* TcpFailed            */ {{I, ""}, {A, "close retry"}, {A, "close retry"}, {A, "close retry"}, {I, "close"}, {I, "close"}},
    /* OpenReceived         */ {{I, ""}, {I, "close"}, {I, "close"}, {F, "keepalive hold ka"}, {I, "notify:5/2 close"}, {I, "notify:5/3 close"}},
    /* HeaderError          */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:1/1 close"}, {I, "notify:1/1 close"}, {I, "notify:1/1 close"}},
    /* OpenError            */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:2/1 close"}, {I, "notify:2/1 close"}, {I, "notify:5/3 close"}},
    /* CollisionLost        */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:6/7 close"}, {I, "notify:6/7 close"}, {I, "notify:6/7 close"}},
    /* NotificationReceived */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "close"}, {I, "close"}, {I, "close"}},
    /* KeepaliveReceived    */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {E, "hold up"}, {E, "hold"}},
    /* UpdateReceived       */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {E, "hold"}},
    /* UpdateError          */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "notify:3/1 close"}},
    /* RefreshReceived      */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {E, "hold refresh"}},
    /* Replaced             */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "close"}},
    /* SendHoldExpired      */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "notify:8/0 close"}},
    /* BfdDown              */ {{I, ""}, {I, "close"}, {I, "close"}, {I, "notify:5/1 close"}, {I, "notify:5/2 close"}, {I, "notify:6/10 close"}},
};
// clang-format on

/// Connect and Active while DelayOpen waits on a connection, where they answer otherwise.
const std::map<std::size_t, Cell> kDelaying = {
    {6, {S, "open hold"}},               // DelayOpenExpired
    {9, {F, "open keepalive hold ka"}},  // OpenReceived
    {10, {I, "notify:1/1 close"}},       // HeaderError
    {11, {I, "notify:2/1 close"}},       // OpenError
};
static_assert(std::size(kMatrix) == std::variant_size_v<Event>, "every event has a row");

TEST(Rfc4271_8_2_2, EveryStateAnswersEveryEventAsTheTableSays) {
  for (std::size_t e = 0; e < kEvents.size(); ++e) {
    ASSERT_EQ(kEvents[e].index(), e) << "kEvents has one event of each kind, in order";
    for (std::size_t s = 0; s < kStates.size(); ++s) {
      const Step step = bgp::step(in(kStates[s]), kEvents[e], kActiveSide);
      SCOPED_TRACE("event " + std::to_string(e) + " in " + std::string{to_string(kStates[s])});
      EXPECT_EQ(step.next.state, kMatrix[e][s].next);
      EXPECT_EQ(brief(step), kMatrix[e][s].operations);
    }
  }
}

TEST(Rfc4271_8_2_2, DelayOpenWaitsForTheirOpenOrItsTimeBeforeOurs) {
  PeerSettings delayed = kSettings;
  delayed.delay_open = Seconds{5};
  const FsmContext context{delayed, kSent, true};
  for (const PeerState state : {C, A}) {
    const Step waits = bgp::step(in(state), ev::TcpConnected{}, context);
    EXPECT_EQ(waits.next.state, state);
    EXPECT_EQ(brief(waits), "delay");
    EXPECT_EQ(std::get<op::StartTimer>(waits.operations.back()).length, Seconds{5});
    for (std::size_t e = 0; e < kEvents.size(); ++e) {
      if (kEvents[e].index() == Event{ev::TcpConnected{}}.index()) continue;  // it is connected
      SCOPED_TRACE("event " + std::to_string(e) + " in " + std::string{to_string(state)});
      const auto other = kDelaying.find(e);
      const Cell& cell = other != kDelaying.end() ? other->second : kMatrix[e][static_cast<std::size_t>(state)];
      const Step step = bgp::step(waits.next, kEvents[e], context);
      EXPECT_EQ(step.next.state, cell.next);
      EXPECT_EQ(brief(step), cell.operations);
      EXPECT_EQ(step.next.delaying, kEvents[e].index() == Event{ev::Start{}}.index());
    }
  }
}

TEST(Rfc4271_8_2_2, WhoOnlyListensNeverConnects) {
  for (const PeerState state : {I, A, S, F, E})  // it never comes into Connect
    for (const Event& event : kEvents)
      EXPECT_EQ(brief(bgp::step(in(state), event, kPassiveSide)).find("connect"), std::string::npos);
  EXPECT_EQ(bgp::step(in(I), ev::Start{}, kPassiveSide).next.state, A);
  EXPECT_EQ(bgp::step(in(A), ev::ConnectRetryExpired{}, kPassiveSide).next.state, A);
}

TEST(Rfc4271_8_2_2, TheHoldTimerInOpenSentIsFourMinutes) {
  const Step step = bgp::step(in(C), ev::TcpConnected{}, kActiveSide);
  const auto* timer = std::get_if<op::StartTimer>(&step.operations.back());
  ASSERT_NE(timer, nullptr);
  EXPECT_EQ(timer->length, Seconds{240});
}

TEST(Rfc4271_8_2_2, AnOpenThatCannotBeNegotiatedIsAnsweredWithItsSubcode) {
  Open open = their_open();
  open.asn = Asn{65003};
  EXPECT_EQ(brief(bgp::step(in(S), ev::OpenReceived{open, 1}, kActiveSide)), "notify:2/2 close");
}

TEST(Rfc4271_4_4, WithHoldTimeZeroOneKeepaliveAnswersTheOpenAndNoTimerRuns) {
  Open open = their_open();
  open.hold_time = 0;
  Step step = bgp::step(in(S), ev::OpenReceived{open, 1}, kActiveSide);
  EXPECT_EQ(brief(step), "keepalive");
  EXPECT_EQ(brief(bgp::step(step.next, ev::KeepaliveReceived{}, kActiveSide)), "up");
  step = bgp::step(step.next, ev::KeepaliveReceived{}, kActiveSide);
  EXPECT_EQ(brief(bgp::step(step.next, ev::UpdateReceived{}, kActiveSide)), "");
}

TEST(Rfc4271_8_2_2, RepeatedFailuresWaitLongerUpToConnectRetryTime) {
  Fsm fsm = in(C);
  Duration last{0};
  for (int i = 0; i < 8; ++i) {
    const Step step = bgp::step(fsm, ev::TcpFailed{"refused"}, kActiveSide);
    for (const Operation& o : step.operations)
      if (const auto* t = std::get_if<op::StartTimer>(&o)) {
        EXPECT_GE(t->length, last);
        last = t->length;
      }
    fsm = step.next;
  }
  EXPECT_EQ(last, kSettings.connect_retry_time);
}

// ---------------------------------------------------------------- invariants of random walks

/// What a shell would know after doing the operations.
struct Shadow {
  bool tcp = false;
  bool up = false;
  std::map<Timer, bool> timers;
};

void follow(const Step& step, PeerState before, Shadow& shadow) {
  for (const Operation& o : step.operations) {
    if (std::holds_alternative<op::StartConnect>(o)) shadow.tcp = true;
    if (std::holds_alternative<op::SendNotification>(o)) {
      ASSERT_GE(before, PeerState::OpenSent) << "a NOTIFICATION needs a connection";
    }
    if (std::holds_alternative<op::CloseTcp>(o)) shadow.tcp = false;
    if (const auto* t = std::get_if<op::StartTimer>(&o)) shadow.timers[t->timer] = true;
    if (const auto* t = std::get_if<op::StopTimer>(&o)) shadow.timers[t->timer] = false;
    if (std::holds_alternative<op::StopAllTimers>(o)) shadow.timers.clear();
    if (std::holds_alternative<op::SessionUp>(o)) {
      ASSERT_FALSE(shadow.up);
      shadow.up = true;
    }
    if (const auto* e = std::get_if<op::Ended>(&o)) {
      ASSERT_FALSE(e->why.empty());
      shadow.up = false;
    }
  }
}

TEST(Rfc4271_8_2_2, RandomWalksKeepTheInvariants) {
  std::mt19937 rng{4271};
  std::array<int, 6> visits{};
  PeerSettings delayed = kSettings;
  delayed.delay_open = Seconds{5};
  const std::array kSides{kActiveSide, kPassiveSide, FsmContext{delayed, kSent, true},
                          FsmContext{delayed, kSent, false}};
  for (int walk = 0; walk < 2000; ++walk) {
    Fsm fsm;
    Shadow shadow;
    for (int i = 0; i < 60; ++i) {
      // Events that lead on come often, so that walks reach Established.
      static constexpr std::array<std::size_t, 4> kLeadOn{0, 7, 9, 14};
      const std::size_t e = rng() % 3 != 0 ? kLeadOn[rng() % 4] : rng() % kEvents.size();
      const PeerState before = fsm.delaying ? PeerState::OpenSent : fsm.state;
      const Step step = bgp::step(fsm, kEvents[e], kSides[static_cast<std::size_t>(walk % 4)]);
      if (std::holds_alternative<ev::DelayOpenExpired>(kEvents[e])) shadow.timers[Timer::DelayOpen] = false;
      ASSERT_NO_FATAL_FAILURE(follow(step, before, shadow));
      fsm = step.next;
      ++visits[static_cast<std::size_t>(fsm.state)];
      ASSERT_EQ(shadow.up, fsm.state == PeerState::Established);
      ASSERT_EQ(fsm.session != nullptr, fsm.state >= PeerState::OpenConfirm);
      ASSERT_TRUE(fsm.state < PeerState::OpenSent || shadow.timers[Timer::Hold]);
      ASSERT_EQ(shadow.timers[Timer::DelayOpen], fsm.delaying);
      ASSERT_TRUE(fsm.state < PeerState::OpenConfirm || shadow.timers[Timer::Keepalive]);
      if (fsm.state == PeerState::Idle) {
        for (const auto& [timer, runs] : shadow.timers) ASSERT_FALSE(runs);
      }
    }
  }
  for (const int n : visits) EXPECT_GT(n, 100) << "the walks reach every state";
}

}  // namespace
}  // namespace slash32::bgp
