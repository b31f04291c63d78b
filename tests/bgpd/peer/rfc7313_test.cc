// RFC 7313 section 4: which beginnings and ends of the peer's refreshes are heeded, and what happens when no end comes.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/peer/refreshes.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/route_refresh.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

constexpr auto k4 = AddressFamily::IPv4;
constexpr auto k6 = AddressFamily::IPv6;

struct Rfc7313 : ::testing::Test {
  explicit Rfc7313(bool graceful_restart = true)
      : w{settings_of(65001, 1, 65002), with(settings_of(65002, 2, 65001), graceful_restart)} {
    w.start();
    w.run_for(Seconds{30});
  }
  static PeerSettings with(PeerSettings s, bool graceful_restart) {
    s.graceful_restart = graceful_restart;
    return s;
  }
  /// b says this to a.
  void say(const std::vector<std::uint8_t>& bytes) {
    w.perform(0, w.a().peer->on_bytes(w.a().peer->status().session->connection, bytes, w.now));
  }
  void say(AddressFamily family, RefreshKind kind) { say(encode_route_refresh({family, kind})); }
  void end_initial_tables() {
    say(encode_end_of_rib(k4));
    say(encode_end_of_rib(k6));
  }
  std::vector<RouteRefresh> heeded() {
    std::vector<RouteRefresh> out;
    for (const auto& r : w.a().refreshes) out.push_back(r.refresh);
    return out;
  }
  World w;
};
struct Rfc7313WithoutGracefulRestart : Rfc7313 {
  Rfc7313WithoutGracefulRestart() : Rfc7313(false) {}
};

TEST_F(Rfc7313, ABeginningAndItsEndAreHandedOn) {
  end_initial_tables();
  say(k4, RefreshKind::Begin);
  say(k4, RefreshKind::End);
  EXPECT_EQ(heeded(), (std::vector<RouteRefresh>{{k4, RefreshKind::Begin}, {k4, RefreshKind::End}}));
  EXPECT_EQ(w.a().peer->status().last_error, "");
}

TEST_F(Rfc7313, ABeginningBeforeEndOfRibIsIgnoredAndSo) {
  say(encode_end_of_rib(k6));
  say(k4, RefreshKind::Begin);
  EXPECT_TRUE(heeded().empty());
  EXPECT_EQ(w.a().peer->status().last_error,
            "ignored the beginning of a route refresh of IPv4: its End-of-RIB has not come yet");
  say(k6, RefreshKind::Begin);
  EXPECT_EQ(heeded(), (std::vector<RouteRefresh>{{k6, RefreshKind::Begin}}));
}

TEST_F(Rfc7313WithoutGracefulRestart, ABeginningNeedsNoEndOfRib) {
  say(k4, RefreshKind::Begin);
  EXPECT_EQ(heeded().size(), 1U);
}

TEST_F(Rfc7313, AnEndOfNothingIsIgnored) {
  end_initial_tables();
  say(k4, RefreshKind::Begin);
  say(k6, RefreshKind::End);
  EXPECT_EQ(heeded().size(), 1U);
  EXPECT_EQ(w.a().peer->status().last_error, "ignored the end of a route refresh of IPv6: nothing had begun");
}

TEST_F(Rfc7313, ARefreshThatDoesNotEndIsEndedForIt) {
  end_initial_tables();
  say(k4, RefreshKind::Begin);
  w.run_for(Refreshes::kPatience - Seconds{1});
  EXPECT_EQ(heeded().size(), 1U);
  say(k6, RefreshKind::Begin);
  w.run_for(Seconds{1});
  EXPECT_EQ(heeded().back(), (RouteRefresh{k4, RefreshKind::End}));
  EXPECT_EQ(w.a().peer->status().last_error, "its route refresh of IPv4 did not end in time");
  w.run_for(Refreshes::kPatience);
  EXPECT_EQ(heeded().back(), (RouteRefresh{k6, RefreshKind::End}));
}

TEST_F(Rfc7313, ARefreshEndsWithItsSession) {
  end_initial_tables();
  say(k4, RefreshKind::Begin);
  w.cut();
  w.run_for(Seconds{30});
  ASSERT_TRUE(w.both_established());
  w.run_for(Refreshes::kPatience * 2);
  EXPECT_EQ(heeded().size(), 1U);
  say(k4, RefreshKind::End);
  EXPECT_EQ(heeded().size(), 1U) << "the new session has begun nothing";
}

TEST_F(Rfc7313, WhoDidNotNegotiateItIsHeededInRequestsOnly) {
  w.perform(0, w.a().peer->stop(w.now, {}));
  PeerSettings plain = settings_of(65002, 2, 65001);
  Peer a{settings_of(65001, 1, 65002), testing::half, nullptr};
  (void)a.start(w.now);
  const auto [id, actions] = a.on_accepted(w.now);
  Open open = make_open(plain, {}, true);
  open.capabilities.enhanced_refresh = false;
  (void)a.on_bytes(id, encode_open(open), w.now);
  (void)a.on_bytes(id, encode_keepalive(), w.now);
  ASSERT_EQ(a.status().state, PeerState::Established);
  (void)a.on_bytes(id, encode_end_of_rib(k4), w.now);
  EXPECT_TRUE(a.on_bytes(id, encode_route_refresh({k4, RefreshKind::Begin}), w.now).empty());
  EXPECT_EQ(a.on_bytes(id, encode_route_refresh({k4}), w.now).size(), 1U);
}

}  // namespace
}  // namespace slash32::bgp
