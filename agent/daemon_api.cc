// The control interface: what each path answers.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "agent/daemon.h"
#include "common/control/metrics_text.h"

namespace slash32::agent {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;
using control::MetricsText;
using enum control::MetricsText::Type;
using nlohmann::ordered_json;

HttpResponse json_response(int status, const ordered_json& document) {
  return {.status = status,
          .body = document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n",
          .more = nullptr};
}

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

ordered_json neighbors_view(const std::vector<plan::PlannedNeighbor>& neighbors) {
  ordered_json out = ordered_json::array();
  for (const auto& one : neighbors) {
    ordered_json entry = {{"name", one.name}, {"address", one.address}, {"origin", one.origin}};
    entry["configured"] = one.configured;
    if (!one.problem.empty()) entry["problem"] = one.problem;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

HttpResponse Daemon::answer(const HttpRequest& request) {
  if (request.method != "GET") {
    auto out = error_response(405, "only GET here");
    out.allow = "GET, HEAD";
    return out;
  }
  if (request.path == "/v1/live") return json_response(200, {{"state", "live"}});
  if (request.path == "/v1/ready") {
    const auto reasons = unready();
    return json_response(reasons.empty() ? 200 : 503, {{"ready", reasons.empty()}, {"reasons", reasons}});
  }
  if (request.path == "/v1/status") return status();
  if (request.path == "/metrics" || request.path == "/v1/metrics") {
    HttpResponse out{.status = 200, .body = metrics(), .more = nullptr};
    out.content_type = std::string(control::kMetricsContentType);
    return out;
  }
  return error_response(404, "no such path; known: /v1/status, /v1/ready, /v1/live, /metrics");
}

HttpResponse Daemon::status() const {
  ordered_json watched = ordered_json::object();
  for (const auto& [kind, view] : watches_.views()) {
    watched[kind] = {{"state", view.state}, {"synced", view.synced}, {"objects", view.objects}};
    if (!view.trouble.empty()) watched[kind]["trouble"] = view.trouble;
  }
  ordered_json out = {{"version", SLASH32_VERSION},
                      {"node", options_.node_name},
                      {"server", kube::url_of(access_)},
                      {"access", access_.origin},
                      {"uptimeSeconds", std::chrono::duration_cast<Seconds>(Instant::clock::now() - started_).count()},
                      {"ready", unready().empty()},
                      {"files",
                       {{"node", {{"path", options_.node_file.string()}, {"there", is_there(options_.node_file)}}},
                        {"bgpd",
                         {{"path", options_.bgpd_config.string()},
                          {"there", is_there(options_.bgpd_config)},
                          {"loaded", reload_.done()}}},
                        {"conflist", {{"path", options_.conflist.string()}, {"there", is_there(options_.conflist)}}}}},
                      {"watches", std::move(watched)}};
  if (desired_) {
    if (desired_->as) out["localAs"] = desired_->as->value;
    out["podCIDRs"] = ordered_json::array();
    for (const auto& range : desired_->pod_cidrs) out["podCIDRs"].push_back(range.to_string());
    out["neighbors"] = neighbors_view(desired_->neighbors);
    out["services"] = {{"announced", desired_->services.announced}, {"withheld", desired_->services.withheld}};
    out["waiting"] = desired_->waiting;
  }
  out["leader"] = {{"self", leader_.leads()}, {"holder", leader_.holder()}};
  out["conditions"] = conditions();
  return json_response(200, out);
}

std::string Daemon::metrics() const {
  MetricsText out("slash32_agent_");
  out.family("info", Gauge, "1; who runs.");
  out.sample({{"version", SLASH32_VERSION}, {"node", options_.node_name}}, 1);
  out.family("ready", Gauge, "1 when pods of this node can have a network.");
  out.sample({}, unready().empty() ? 1 : 0);
  out.family("conditions", Gauge, "Conditions in the status.");
  out.sample({}, conditions().size());
  out.family("plans_total", Counter, "Plans made.");
  out.sample({}, plans_);
  out.family("file_writes_total", Counter, "Times node.json or bgpd's files changed.");
  out.sample({}, writes_);
  out.family("bgpd_reloads_total", Counter, "Times bgpd was asked to read its file.");
  out.sample({}, reloads_);
  out.family("leader", Gauge, "1 while this agent assigns addresses for the cluster.");
  out.sample({}, leader_.leads() ? 1 : 0);
  const auto views = watches_.views();
  const auto each = [&](std::string_view name, MetricsText::Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const auto& [kind, view] : views) out.sample({{"kind", kind}}, static_cast<std::uint64_t>(value(view)));
  };
  using View = kube::ReflectorView;
  each("watch_synced", Gauge, "1 when the kind has been listed.", [](const View& v) { return v.synced ? 1 : 0; });
  each("watch_up", Gauge, "1 while nothing is wrong.", [](const View& v) { return v.trouble.empty() ? 1 : 0; });
  each("watch_objects", Gauge, "Objects known.", [](const View& v) { return v.objects; });
  each("watch_lists_total", Counter, "Whole lists read.", [](const View& v) { return v.lists; });
  each("watch_events_total", Counter, "Events of watches.", [](const View& v) { return v.events; });
  each("watch_failures_total", Counter, "Lists and watches that failed.", [](const View& v) { return v.failures; });
  return out.text();
}

}  // namespace slash32::agent
