// GET /v1/events: what happens, as lines of JSON, until the reader goes.
#include <algorithm>
#include <utility>

#include "bgpd/daemon.h"
#include "bgpd/views.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;
using nlohmann::ordered_json;

constexpr Seconds kConditionsCheck{1};  // while somebody listens

std::string line_of(const ordered_json& event) {
  return event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json event_of(const ViewTime& time, std::string_view kind) {
  return {{"time", time_text(time, time.now)}, {"kind", kind}};
}

}  // namespace

HttpResponse Daemon::events(const HttpRequest& request, bool only_tells) {
  auto filter = EventFilter::read(request.query);
  if (!filter) return error_response(400, filter.error().message);
  auto start = event_of(view_time(), "start");
  for (const auto kind : filter->kinds) start["kinds"].push_back(to_string(kind));
  const bool first = !events_.has_readers();
  auto opened = events_.open(*std::move(filter), only_tells);
  if (!opened) return error_response(503, opened.error().message);
  rib_->watch_best(events_.wants(EventKind::Route));
  if (first) told_conditions_ = conditions();
  tell_conditions();
  return {.status = 200,
          .body = line_of(start) + "\n",
          .more = [reader = *opened]() -> std::optional<std::string> { return reader->take(); },
          .allow = {},
          .content_type = "application/x-ndjson",
          .when_more = [reader = *opened](std::function<void()> wake) { reader->when_more(std::move(wake)); }};
}

/// Compared once a second, while there is somebody to tell: they come from everywhere.
void Daemon::tell_conditions() {
  if (ended_ || !events_.has_readers()) return;
  auto now = conditions();
  const auto tell = [&](const std::vector<std::string>& those, const std::vector<std::string>& but,
                        std::string_view state) {
    for (const auto& one : those) {
      if (std::ranges::find(but, one) != but.end()) continue;
      events_.publish(EventKind::Condition, {}, [&] {
        auto event = event_of(view_time(), "condition");
        event["state"] = state;
        event["condition"] = one;
        return line_of(event);
      });
    }
  };
  tell(told_conditions_, now, "ended");
  tell(now, told_conditions_, "began");
  told_conditions_ = std::move(now);
  conditions_timer_.after(kConditionsCheck, [this] { tell_conditions(); });
}

void Daemon::tell_noticed(const Neighbor& neighbor, const SessionEvents::Noticed& before,
                          const SessionEvents::Noticed& now) {
  const auto tell = [&](EventKind kind, const ordered_json& rest) {
    events_.publish(kind, {}, [&] {
      auto event = event_of(view_time(), to_string(kind));
      event["neighbor"] = neighbor.conf.name;
      event.update(rest);
      return line_of(event);
    });
  };
  const auto notification = [&](const std::shared_ptr<const NotedNotification>& noted, std::string_view direction) {
    ordered_json rest = {{"direction", direction}};
    rest.update(notification_view(noted->notification, ErrorDetail::Summary));
    tell(EventKind::Error, rest);
  };
  if (!events_.has_readers()) return;
  if (now.errors.sent != before.errors.sent) notification(now.errors.sent, "sent");
  if (now.errors.received != before.errors.received) notification(now.errors.received, "received");
  if (now.errors.malformed != before.errors.malformed) {
    ordered_json rest = {{"direction", "received"}, {"malformedUpdate", true}};
    rest.update(malformed_view(*now.errors.malformed, view_time(), ErrorDetail::Summary));
    tell(EventKind::Error, rest);
  }
  if (now.state == before.state) return;
  tell(EventKind::Neighbor, {{"address", neighbor.conf.address.to_string()},
                             {"state", to_string(now.state)},
                             {"before", to_string(before.state)}});
}

/// What the last turn of the RIB changed; a reader with a full queue costs no rendering.
void Daemon::tell_routes() {
  auto changes = rib_->take_best_changes();
  if (changes.prefixes.empty() && changes.lost == 0) return;
  if (!events_.wants(EventKind::Route)) return rib_->watch_best(false);
  for (const auto& prefix : changes.prefixes) {
    events_.publish(EventKind::Route, prefix, [&] {
      auto event = event_of(view_time(), "route");
      event["prefix"] = prefix.to_string();
      event["best"] = nullptr;
      for (const auto& path : paths_of(prefix))
        if (path.best) event["best"] = route_document(path);
      return line_of(event);
    });
  }
  events_.lose(EventKind::Route, changes.lost);
}

}  // namespace slash32::bgp
