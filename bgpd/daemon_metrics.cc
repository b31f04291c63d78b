// What machines watch: readiness, liveness, Prometheus metrics. Names and labels are documented in README.md and stay.
#include <array>
#include <nlohmann/json.hpp>

#include "bgpd/daemon.h"
#include "bgpd/wire/notification.h"
#include "common/control/metrics_text.h"
#include "common/control/tcp_socket.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;
using control::kMetricsContentType;
using control::MetricsText;
using enum control::MetricsText::Type;

constexpr Seconds kAllAtFirst{60};  // so long after its start a daemon waits for every neighbour before it is ready

std::string_view type_name(bool external) { return external ? "external" : "internal"; }
std::string_view family_name(AddressFamily family) { return family == AddressFamily::IPv4 ? "ipv4" : "ipv6"; }

/// RFC 4273, bgpPeerState.
std::uint64_t state_number(PeerState state) { return static_cast<std::uint64_t>(state) + 1; }
static_assert(static_cast<int>(PeerState::Idle) == 0 && static_cast<int>(PeerState::Established) == 5);

HttpResponse json_answer(int status, const nlohmann::ordered_json& document) {
  return {.status = status, .body = document.dump(2) + "\n", .more = nullptr};
}

/// What is told of every neighbour, whatever its state.
struct NeighborMetric {
  std::string_view name;
  MetricsText::Type type;
  std::string_view help;
  std::uint64_t (*value)(const Neighbor&, const PeerStatus&);
};
constexpr std::array kNeighborMetrics{
    NeighborMetric{"neighbor_up", Gauge, "1 while the session is Established.",
                   [](const Neighbor& n, const PeerStatus&) { return std::uint64_t{n.up.has_value()}; }},
    NeighborMetric{"neighbor_state", Gauge,
                   "State of the session: 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established.",
                   [](const Neighbor&, const PeerStatus& s) { return state_number(s.state); }},
    NeighborMetric{"neighbor_held", Gauge, "1 while the session is held down; /v1/neighbors says why.",
                   [](const Neighbor& n, const PeerStatus&) { return std::uint64_t{!n.held.empty()}; }},
    NeighborMetric{"neighbor_flaps_total", Counter, "Times the session left Established.",
                   [](const Neighbor&, const PeerStatus& s) { return s.flaps; }},
    NeighborMetric{"neighbor_messages_received_total", Counter, "BGP messages received.",
                   [](const Neighbor&, const PeerStatus& s) { return s.messages_in; }},
    NeighborMetric{"neighbor_messages_sent_total", Counter, "BGP messages sent.",
                   [](const Neighbor&, const PeerStatus& s) { return s.messages_out; }},
    NeighborMetric{"neighbor_updates_received_total", Counter, "UPDATE messages received.",
                   [](const Neighbor&, const PeerStatus& s) { return s.updates_in; }},
    NeighborMetric{"neighbor_malformed_updates_total", Counter, "UPDATE messages with errors (RFC 7606).",
                   [](const Neighbor& n, const PeerStatus&) { return n.complaints; }}};

struct PrefixMetric {
  std::string_view name;
  std::string_view help;
  std::uint64_t FamilyCounts::* value;
};
constexpr std::array kPrefixMetrics{
    PrefixMetric{"neighbor_received_prefixes", "Prefixes in Adj-RIB-In.", &FamilyCounts::received},
    PrefixMetric{"neighbor_accepted_prefixes", "Prefixes past guard and import policy.", &FamilyCounts::accepted},
    PrefixMetric{"neighbor_advertised_prefixes", "Prefixes in Adj-RIB-Out, as sent.", &FamilyCounts::advertised}};

}  // namespace

/// Why nobody should count on this node's routes yet, or any more; none: it is ready.
std::vector<std::string> Daemon::not_ready() const {
  std::vector<std::string> out;
  if (stopping_ || ended_) return {"slash32-bgpd is stopping"};
  if (!met_neighbors_) return {"the node's own routes are not all known yet"};
  if (deferring_) out.emplace_back("selection waits for the neighbors' End-of-RIB after a restart");
  if (!kernel_trouble_.empty()) out.push_back("the kernel cannot be read: " + kernel_trouble_);
  std::size_t wanted = 0, up = 0, never_up = 0;
  for (const auto& [id, neighbor] : neighbors_->all()) {
    // Who only calls from a range, and was never up, is nobody that this node waits for.
    if (!neighbor->conf.enabled || (neighbor->range && !neighbor->was_up)) continue;
    ++wanted;
    up += neighbor->up ? 1 : 0;
    never_up += neighbor->was_up ? 0 : 1;
  }
  if (wanted > 0 && up == 0) out.emplace_back("no session is Established");
  if (up > 0 && never_up > 0 && loop_.now() - started_ < kAllAtFirst)
    out.push_back(std::to_string(never_up) + " of " + std::to_string(wanted) +
                  " neighbors have not been Established since the start (waited for at most " +
                  std::to_string(kAllAtFirst.count()) + " s)");
  return out;
}

/// Health and metrics, on the control socket and on metrics.address; nothing for any other path.
std::optional<HttpResponse> Daemon::watched(const HttpRequest& request) {
  const bool is_live = request.path == "/v1/live", is_ready = request.path == "/v1/ready";
  const bool is_metrics = request.path == "/metrics" || request.path == "/v1/metrics";
  if (!is_live && !is_ready && !is_metrics) return std::nullopt;
  if (request.method != "GET") {
    auto out = error_response(405, "only GET here");
    out.allow = "GET, HEAD";
    return out;
  }
  if (is_live) return json_answer(200, {{"live", true}});  // the loop turns: it has just answered
  if (is_ready) {
    const auto reasons = not_ready();
    return json_answer(reasons.empty() ? 200 : 503, {{"ready", reasons.empty()}, {"reasons", reasons}});
  }
  if (ended_ || !neighbors_) return error_response(503, "slash32-bgpd is not running yet, or is ending");
  return HttpResponse{
      .status = 200, .body = metrics(), .more = nullptr, .allow = {}, .content_type = std::string(kMetricsContentType)};
}

Result<std::optional<control::HttpServer>> Daemon::open_metrics(const config::MetricsConf& conf) {
  if (!conf.address) return std::optional<control::HttpServer>{};
  auto fd = TRY(control::bind_tcp_socket(conf.address->address, conf.address->port));
  return control::HttpServer::adopt(loop_.context(), "slash32-bgpd", std::move(fd), [this](const HttpRequest& request) {
    auto known = watched(request);
    return known ? *std::move(known) : error_response(404, "no such path; known: /metrics, /v1/ready, /v1/live");
  });
}

/// An address that is not there yet keeps nobody's routes away: a condition, and tried again with the files.
void Daemon::try_metrics() {
  if (!conf_.metrics.address || metrics_) return;
  auto server = open_metrics(conf_.metrics);
  const auto trouble = server ? std::string{} : server.error().message;
  if (!server && trouble != metrics_trouble_) log::error("metrics are not served; tried again", {{"why", trouble}});
  metrics_trouble_ = trouble;
  if (!server) return;
  metrics_ = *std::move(server);
  if (met_neighbors_) metrics_->serve();
}

std::string Daemon::metrics() const {
  MetricsText out("slash32_bgp_");
  out.family("info", Gauge, "Version and identity; always 1.");
  out.sample({{"version", SLASH32_VERSION},
              {"router_id", IpAddress::v4(router_id_.value).to_string()},
              {"local_as", std::to_string(conf_.local_as.value)}},
             1);
  out.family("uptime_seconds", Gauge, "Seconds since the daemon's start.");
  out.sample({}, static_cast<std::uint64_t>(std::chrono::duration_cast<Seconds>(loop_.now() - started_).count()));
  out.family("ready", Gauge, "1 when /v1/ready says so.");
  out.sample({}, not_ready().empty() ? 1 : 0);
  put_neighbor_metrics(out);
  put_table_metrics(out);
  put_mrt_metrics(out);
  out.family("conditions", Gauge, "Things that are wrong; /v1/status names them.");
  out.sample({}, conditions().size());
  return out.text();
}

void Daemon::put_neighbor_metrics(MetricsText& out) const {
  std::map<PeerId, PeerStatus> states;
  for (const auto& [id, neighbor] : neighbors_->all())
    states[id] = neighbor->session ? neighbor->session->status() : PeerStatus{};
  out.family("neighbor_info", Gauge, "What the neighbor is; always 1.");
  for (const auto& [id, neighbor] : neighbors_->all()) {
    const bool external = neighbor->up ? neighbor->up->external : is_external(conf_, neighbor->conf);
    const auto as = neighbor->up ? neighbor->up->remote.asn : neighbor->conf.remote_as.asn;
    out.sample({{"neighbor", neighbor->conf.name},
                {"address", neighbor->conf.address.to_string()},
                {"remote_as", as.value == 0 ? std::string{} : std::to_string(as.value)},
                {"type", type_name(external)}},
               1);
  }
  for (const auto& metric : kNeighborMetrics) {
    out.family(metric.name, metric.type, metric.help);
    for (const auto& [id, neighbor] : neighbors_->all())
      out.sample({{"neighbor", neighbor->conf.name}}, metric.value(*neighbor, states.at(id)));
  }
  put_notification_metrics(out, states);
  put_refusal_metrics(out);
  put_queue_metrics(out);
  for (const auto& metric : kPrefixMetrics) {  // of a session that is down there is nothing to count
    out.family(metric.name, Gauge, metric.help);
    for (const auto& [id, neighbor] : neighbors_->all()) {
      if (!neighbor->up) continue;
      for (const auto family : neighbor->up->families)
        out.sample({{"neighbor", neighbor->conf.name}, {"family", family_name(family)}},
                   rib_->counts(id, family).*metric.value);
    }
  }
}

void Daemon::put_refusal_metrics(MetricsText& out) const {
  out.family("refused_calls_total", Counter, "Incoming connections that were closed at once, by why.");
  for (const auto& [reason, count] : neighbors_->refused_calls()) out.sample({{"reason", std::string(reason)}}, count);
  out.family("neighbor_too_long_routes_total", Counter,
             "Times attributes were not sent because they fit no message (RFC 4271 section 9.2), in this session.");
  for (const auto& [id, neighbor] : neighbors_->all()) {
    if (!neighbor->up) continue;
    for (const auto family : neighbor->up->families)
      out.sample({{"neighbor", neighbor->conf.name}, {"family", family_name(family)}},
                 rib_->counts(id, family).too_long);
  }
}

/// Only what was sent or received at least once: of a neighbour without trouble there is nothing.
void Daemon::put_notification_metrics(MetricsText& out, const std::map<PeerId, PeerStatus>& states) const {
  const auto number = [](std::uint8_t value) { return value == kOtherKind ? "other" : std::to_string(value); };
  const auto put = [&](std::string_view name, std::string_view help, auto counts) {
    out.family(name, Counter, help);
    for (const auto& [id, neighbor] : neighbors_->all())
      for (const auto& [kind, count] : states.at(id).*counts)
        out.sample({{"neighbor", neighbor->conf.name}, {"code", number(kind.code)}, {"subcode", number(kind.subcode)}},
                   count);
  };
  put("neighbor_notifications_sent_total", "NOTIFICATION messages sent.", &PeerStatus::notifications_sent);
  put("neighbor_notifications_received_total", "NOTIFICATION messages received.", &PeerStatus::notifications_received);
}

void Daemon::put_queue_metrics(MetricsText& out) const {
  out.family("neighbor_queued_prefixes", Gauge, "Prefixes that wait to be told to the neighbor.");
  for (const auto& [id, neighbor] : neighbors_->all())
    if (neighbor->up) out.sample({{"neighbor", neighbor->conf.name}}, rib_->waiting(id).prefixes);
  out.family("neighbor_queued_bytes", Gauge, "Octets of messages that wait for the neighbor's socket.");
  for (const auto& [id, neighbor] : neighbors_->all())
    if (neighbor->up && neighbor->session)
      out.sample({{"neighbor", neighbor->conf.name}}, rib_->waiting(id).octets + neighbor->session->queued());
}

void Daemon::put_table_metrics(MetricsText& out) const {
  const auto fib = fib_.status();
  out.family("rib_prefixes", Gauge, "Prefixes with at least one path, our own included.");
  out.sample({}, rib_->prefixes());
  out.family("rib_undecided_prefixes", Gauge, "Prefixes that changed and wait for the decision process.");
  out.sample({}, rib_->undecided());
  out.family("pods", Gauge, "Pods of this node that the kernel has routes of.");
  out.sample({}, pods_.size());
  out.family("draining", Gauge, "1 while what we announce is to be used last (RFC 8326).");
  out.sample({}, draining() ? 1 : 0);
  out.family("aggregate_ready", Gauge, "1 when the aggregate's blackhole stands, so that it is announced.");
  for (const auto& one : conf_.originate.prefixes)
    out.sample({{"prefix", one.prefix.to_string()}}, !one.blackhole || aggregates_ready_.contains(one.prefix) ? 1 : 0);
  out.family("silent_next_hops", Gauge,
             "Gateways that answer no ARP or ND and are used last (kernel.nextHopNeighbors).");
  out.sample({}, silent_.silent().size());
  out.family("fib_desired_routes", Gauge, "Learned routes that the kernel is to have.");
  out.sample({}, fib.desired);
  out.family("fib_installed_routes", Gauge, "Learned routes that the kernel has as desired.");
  out.sample({}, fib.installed);
  out.family("fib_pending_routes", Gauge, "Learned routes that are not in the kernel yet.");
  out.sample({}, fib.pending);
  out.family("fib_stale_routes", Gauge, "Routes of an earlier life that nobody has confirmed yet.");
  out.sample({}, fib.stale);
  out.family("fib_conflicts", Gauge, "Places of ours where another program's route stands.");
  out.sample({}, fib.conflicts);
  out.family("fib_next_hop_groups", Gauge, "Groups of next-hop objects that routes refer to (kernel.nextHopObjects).");
  out.sample({}, fib.groups);
  out.family("fib_over_limit", Gauge, "1 when kernel.maxRoutes is reached.");
  out.sample({}, fib.over_limit ? 1 : 0);
}

}  // namespace slash32::bgp
