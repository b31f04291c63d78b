// Timers as the control interface shows them.
#include "bgpd/timer_views.h"

#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

const Instant kNow{Seconds{1000}};

TEST(TimerViews, OfANeighbourThatDoesNothingOnlyWhatIsConfigured) {
  PeerSettings settings;
  settings.graceful_restart = false;
  EXPECT_EQ(
      timers_view({.settings = settings, .session = nullptr, .running = {}, .stale = {}, .held = {}}, kNow).dump(),
      R"({"configured":{"holdTime":90,"keepaliveTime":30,"connectRetryTime":5,"delayOpen":0,"sendHoldTime":480},)"
      R"("negotiated":null,"remaining":{}})");
}

TEST(TimerViews, OfASessionWhatIsAgreedOnAndWhatIsLeft) {
  PeerSettings settings;
  settings.long_lived = {{Seconds{600}, Seconds{600}}};
  settings.connect_retry_time = Milliseconds{2500};
  Session session;
  session.hold_time = Seconds{300};
  session.keepalive_time = Seconds{100};
  session.graceful_restart = true;
  session.remote.capabilities.graceful_restart = GracefulRestartCapability{.restart_time = 77, .families = {}};
  PeerTimers running;
  running.connection[static_cast<std::size_t>(Timer::Hold)] = kNow + Milliseconds{80'250};
  running.connection[static_cast<std::size_t>(Timer::Keepalive)] = kNow - Seconds{1};
  running.send_hold = kNow + Seconds{7};
  const auto view =
      timers_view({.settings = settings, .session = &session, .running = running, .stale = {}, .held = {}}, kNow);
  EXPECT_EQ(view["configured"].dump(),
            R"({"holdTime":90,"keepaliveTime":30,"connectRetryTime":2.5,"delayOpen":0,"sendHoldTime":480,)"
            R"("restartTime":120,"staleTime":360,"longLivedStaleTime":604800})");
  EXPECT_EQ(view["negotiated"].dump(), R"({"holdTime":300,"keepaliveTime":100,"sendHoldTime":600,"restartTime":77})")
      << "RFC 9687 section 4: twice the hold time is the greater one";
  EXPECT_EQ(view["remaining"].dump(), R"({"hold":80.25,"keepalive":0,"sendHold":7})") << "what is due has 0 left";
}

TEST(TimerViews, OfANeighbourThatIsAwayTheTimesOfWhatItLeft) {
  const PeerSettings settings;
  PeerTimers running;
  running.idle_hold = kNow + Milliseconds{500};
  const std::vector<PeerStatus::Stale> stale{{AddressFamily::IPv4, false, kNow + Seconds{81}},
                                             {AddressFamily::IPv6, true, kNow + Seconds{600}}};
  const auto view = timers_view(
      {.settings = settings, .session = nullptr, .running = running, .stale = stale, .held = kNow + Seconds{3}}, kNow);
  EXPECT_EQ(view["remaining"].dump(),
            R"({"idleHold":0.5,"held":3,"restart":{"ipv4":81},"longLivedStale":{"ipv6":600}})");
}

}  // namespace
}  // namespace slash32::bgp
