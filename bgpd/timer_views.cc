#include "bgpd/timer_views.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "bgpd/capability_views.h"

namespace slash32::bgp {
namespace {

using nlohmann::ordered_json;

/// Of timers that run for milliseconds too; one that is due says 0.
ordered_json seconds_left(Instant until, Instant now) {
  const auto left = std::chrono::duration_cast<Milliseconds>(std::max(until - now, Duration{0})).count();
  if (left % 1000 == 0) return left / 1000;
  return static_cast<double>(left) / 1000;
}

ordered_json seconds_of(Milliseconds length) {
  if (length.count() % 1000 == 0) return length.count() / 1000;
  return static_cast<double>(length.count()) / 1000;
}

ordered_json configured(const PeerSettings& settings) {
  ordered_json out = {{"holdTime", settings.hold_time.count()},
                      {"keepaliveTime", settings.keepalive_time.value_or(settings.hold_time / 3).count()},
                      {"connectRetryTime", seconds_of(settings.connect_retry_time)},
                      {"delayOpen", settings.delay_open.count()},
                      {"sendHoldTime", settings.send_hold_time.count()}};
  if (!settings.graceful_restart) return out;
  out["restartTime"] = settings.restart_time.count();
  out["staleTime"] = settings.stale_time.count();
  if (settings.long_lived) out["longLivedStaleTime"] = settings.long_lived_most.count();
  return out;
}

ordered_json negotiated(const PeerSettings& settings, const Session& session) {
  ordered_json out = {{"holdTime", session.hold_time.count()},
                      {"keepaliveTime", session.keepalive_time.count()},
                      {"sendHoldTime", std::max(settings.send_hold_time, session.hold_time * 2).count()}};
  // RFC 4724 section 3: how long the neighbour may be away is what it says itself.
  if (session.graceful_restart) out["restartTime"] = session.remote.capabilities.graceful_restart->restart_time;
  return out;
}

ordered_json remaining(const ShownTimers& timers, Instant now) {
  static constexpr std::array<std::string_view, kTimers> kNames{"connectRetry", "hold", "keepalive", "delayOpen"};
  static_assert(static_cast<int>(Timer::ConnectRetry) == 0 && static_cast<int>(Timer::DelayOpen) == 3);
  ordered_json out = ordered_json::object();
  const auto put = [&](std::string_view name, const std::optional<Instant>& until) {
    if (until) out[std::string(name)] = seconds_left(*until, now);
  };
  for (std::size_t i = 0; i < kTimers; ++i) put(kNames.at(i), timers.running.connection.at(i));
  put("idleHold", timers.running.idle_hold);
  put("sendHold", timers.running.send_hold);
  put("routeRefresh", timers.running.route_refresh);
  put("held", timers.held);
  for (const auto& one : timers.stale)
    if (one.until)
      out[one.long_lived ? "longLivedStale" : "restart"][family_view(one.family).get<std::string>()] =
          seconds_left(*one.until, now);
  return out;
}

}  // namespace

ordered_json timers_view(const ShownTimers& timers, Instant now) {
  return {
      {"configured", configured(timers.settings)},
      {"negotiated", timers.session != nullptr ? negotiated(timers.settings, *timers.session) : ordered_json(nullptr)},
      {"remaining", remaining(timers, now)}};
}

}  // namespace slash32::bgp
