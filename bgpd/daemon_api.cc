// The control interface: what each path answers.
#include <algorithm>
#include <memory>
#include <utility>

#include "bgpd/daemon.h"
#include "bgpd/rib/route_walk.h"
#include "bgpd/views.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;
using nlohmann::ordered_json;

constexpr std::size_t kPrefixesAPiece = 500;

std::string dump(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

HttpResponse json_response(const ordered_json& document) {
  return {.status = 200, .body = dump(document) + "\n", .more = nullptr};
}

HttpResponse wrong_method(const std::string& allowed) {
  auto out = error_response(405, "only " + allowed + " here");
  out.allow = allowed == "GET" ? "GET, HEAD" : allowed;
  return out;
}

/// {"state": "applied", "changes": […]}, or every reason why nothing changed: 400 for what is wrong with the
/// configuration, 409 for what cannot be done with it here and now.
HttpResponse taken_response(const Taken& taken) {
  if (taken) return json_response({{"state", "applied"}, {"changes", *taken}});
  const auto& errors = taken.error().errors;
  ordered_json all = ordered_json::array();
  for (const auto& error : errors) all.push_back(error.message);
  auto out = error_response(taken.error().by_content ? 400 : 409, errors.front().message);
  out.body = dump({{"error", errors.front().message}, {"errors", std::move(all)}}) + "\n";
  return out;
}

/// `{"routes": [` ... `]}` a piece a turn. `prefixes` gives the next ones, none when it needs another turn, nothing at
/// the end; `render` adds its elements of a prefix. When it says false the rest is not there any more, and the answer
/// says so.
HttpResponse stream_routes(std::function<std::optional<std::vector<Prefix>>()> prefixes,
                           std::function<bool(const Prefix&, std::vector<std::string>&)> render) {
  auto first = std::make_shared<bool>(true);
  auto done = std::make_shared<bool>(false);
  return {.status = 200,
          .body = "{\"routes\": [",
          .more = [first, done, prefixes = std::move(prefixes),
                   render = std::move(render)]() -> std::optional<std::string> {
            if (*done) return std::nullopt;
            const auto some = prefixes();
            std::vector<std::string> elements;
            bool there = true;
            if (some)
              for (const auto& prefix : *some) there = there && render(prefix, elements);
            std::string piece;
            for (const auto& element : elements) piece += (std::exchange(*first, false) ? "\n" : ",\n") + element;
            *done = !some || !there;
            if (*done)
              piece += there ? "]}\n" : "],\n\"incomplete\": \"slash32-bgpd is ending, or the neighbor is gone\"}\n";
            return piece;
          }};
}

/// Every prefix that covers an address, in order.
std::vector<Prefix> covering(const IpAddress& address) {
  std::vector<Prefix> out;
  for (int length = 0; length <= address.bits(); ++length)
    out.push_back(Prefix(address, static_cast<std::uint8_t>(length)));
  return out;
}

Result<RouteFilter> read_filter(const HttpRequest& request) {
  RouteFilter out;
  for (const auto& [key, value] : request.query) {
    if (key == "prefix" && value.find('/') != std::string::npos) {
      out.exact = TRY(Prefix::parse(value, true));
    } else if (key == "prefix") {
      out.address = TRY(IpAddress::parse(value));
    } else if (key == "family") {
      if (value != "ipv4" && value != "ipv6") return fail(7, "family must be ipv4 or ipv6");
      out.family = value == "ipv4" ? AddressFamily::IPv4 : AddressFamily::IPv6;
    } else if (key == "neighbor") {
      out.neighbor = value;
    } else {
      return fail(7, "unknown parameter \"" + key + "\"; known: prefix, family, neighbor, advertised");
    }
  }
  return out;
}

/// RFC 6286 section 2.1: within an AS identifiers are unique. Of two nodes with the same one neither brings the session
/// up, and a hash or a copied configuration is the likely cause: what to do about it stands in neither NOTIFICATION.
bool refused_for_identifier(const Neighbor& neighbor) {
  if (neighbor.up || !neighbor.session || !neighbor.conf.enabled) return false;
  return neighbor.session->status().identifier_refused;
}

}  // namespace

HttpResponse Daemon::answer(const HttpRequest& request, bool only_tells) {
  if (auto known = watched(request)) return *std::move(known);
  if (ended_ || !neighbors_) return error_response(503, "slash32-bgpd is not running yet, or is ending");
  if (request.path == "/v1/config") {
    if (request.method != "PUT") return wrong_method("PUT");
    return put_config(request.body);
  }
  if (request.path == "/v1/reload") {
    if (request.method != "POST") return wrong_method("POST");
    return taken_response(reload());
  }
  if (request.path == "/v1/config/check" || request.path == "/v1/reload/check") {
    if (request.method != "POST") return wrong_method("POST");
    return request.path == "/v1/reload/check" ? check_file() : check_config(request.body);
  }
  if (request.path == "/v1/drain" || request.path == "/v1/undrain") {
    if (request.method != "POST") return wrong_method("POST");
    if (const auto done = order_drain(request.path == "/v1/drain"); !done)
      return error_response(409, done.error().message);
    return json_response({{"draining", draining()}});
  }
  if (request.path == "/v1/shutdown") {
    if (request.method != "POST") return wrong_method("POST");
    if (stopping_ && !final_) return error_response(409, "slash32-bgpd is stopping for a restart already");
    loop_.post([this] { stop(true); });
    return json_response({{"state", "leaving"}});
  }
  if (request.method == "POST" && request.path.starts_with("/v1/neighbors/")) return neighbor_verb(request);
  if (request.method != "GET") return wrong_method("GET");
  return request.path == "/v1/events" ? events(request, only_tells) : get(request);
}

HttpResponse Daemon::get(const HttpRequest& request) {
  constexpr std::string_view kNeighbors = "/v1/neighbors/", kAdvertised = "/advertised", kRoutes = "/v1/routes/";
  if (request.path == "/v1/status") return status();
  if (request.path == "/v1/neighbors") return neighbors_list();
  if (request.path == "/v1/mrt/table") return mrt_table();
  if (request.path == "/v1/routes") {
    if (const auto name = request.query.find("advertised"); name != request.query.end())
      return advertised(name->second);
    return routes(request);
  }
  if (request.path.starts_with(kRoutes)) return route(request.path.substr(kRoutes.size()));
  if (request.path.starts_with(kNeighbors)) {
    const auto name = request.path.substr(kNeighbors.size());
    if (name.ends_with(kAdvertised)) return advertised(name.substr(0, name.size() - kAdvertised.size()));
    return neighbor(name);
  }
  return error_response(404,
                        "no such path; known: /v1/status, /v1/neighbors, /v1/neighbors/NAME, "
                        "/v1/neighbors/NAME/advertised, (POST) /v1/neighbors/NAME/VERB, /v1/routes, /v1/routes/PREFIX, "
                        "/v1/config, /v1/reload, "
                        "/v1/config/check, /v1/reload/check, /v1/events, /v1/mrt/table, "
                        "/v1/drain, /v1/undrain, /v1/shutdown, /v1/ready, /v1/live, /metrics");
}

HttpResponse Daemon::put_config(const std::string& text) {
  const auto taken = take_put(text);
  auto out = taken_response(taken);
  if (!taken || put_trouble_.empty()) return out;
  return json_response({{"state", "applied"}, {"changes", *taken}, {"notKept", put_trouble_}});
}

std::vector<std::string> Daemon::conditions() const {
  std::vector<std::string> out;
  for (const auto& [address, why] : listeners_.problems()) out.push_back("not listening: " + why);
  for (const auto& [range, why] : neighbors_->held_ranges())
    out.push_back("range " + range.to_string() + " held: " + why);
  for (const auto& [id, neighbor] : neighbors_->all())
    if (!neighbor->held.empty() && neighbor->conf.enabled)
      out.push_back("neighbor " + neighbor->conf.name + " held down: " + neighbor->held);
  for (const auto& [id, neighbor] : neighbors_->all())
    if (!neighbor->key_trouble.empty())
      out.push_back("neighbor " + neighbor->conf.name +
                    " goes on with other keys than are configured, which are tried " +
                    "again every 5 s: " + neighbor->key_trouble);
  for (const auto& [id, neighbor] : neighbors_->all())
    if (refused_for_identifier(*neighbor))
      out.push_back("neighbor " + neighbor->conf.name +
                    ": no session because of a BGP identifier that is 0 or ours; ours is " +
                    IpAddress::v4(router_id_.value).to_string() + " (routerId, " + router_id_source_ + ")");
  for (const auto& [prefix, why] : aggregates_failed_)
    out.push_back("aggregate " + prefix.to_string() + " is not announced, nor its blackhole route installed: " + why);
  if (watch_.too_many_routes())
    out.push_back("others have more than " + std::to_string(ForeignRoutes::kMost) +
                  " routes in the kernel: next hops are resolved on link only (nextHopResolution)");
  for (auto& silent : silent_gateways()) out.push_back(std::move(silent));
  if (!kernel_trouble_.empty()) out.push_back("the kernel cannot be read: " + kernel_trouble_);
  const auto fib = fib_.status();
  if (fib.over_limit) out.push_back("kernel.maxRoutes is reached: further routes are not installed");
  if (fib.without_objects)
    out.push_back(
        "kernel.nextHopObjects: all routes name their next hops themselves; the kernel showed no such objects at "
        "the start (before Linux 5.3 it has none; else restart slash32-bgpd), or kernel.table is above 65535");
  if (objects_wanted_ != conf_.kernel.next_hop_objects)
    out.push_back(std::string("kernel.nextHopObjects: \"") + (objects_wanted_ ? "auto" : "off") +
                  "\" is in force from the next start of slash32-bgpd on, which costs no packet (SIGTERM)");
  if (!fib.forward_drop_trouble.empty())
    out.push_back("packets for unused addresses (originate.prefixes[].dropForwarded) are not dropped: " +
                  fib.forward_drop_trouble);
  if (fib.conflicts > 0)
    out.push_back(std::to_string(fib.conflicts) + " routes of others stand where ours would; last: " + last_problem_);
  if (!put_trouble_.empty())
    out.push_back("the configuration that was PUT is not kept for the next start: " + put_trouble_);
  if (!state_trouble_.empty()) out.push_back("no state file: " + state_trouble_);
  if (!control_trouble_.empty()) out.push_back("a control socket is missing: " + control_trouble_);
  if (mrt_)
    if (const auto trouble = mrt_->status().trouble; !trouble.empty())
      out.push_back("mrt.updates is not written: " + trouble);
  if (!metrics_trouble_.empty()) out.push_back("metrics are not served: " + metrics_trouble_);
  if (draining())
    out.push_back(std::string("draining, by ") + (conf_.drain ? "configuration" : "an operator's order") +
                  ": what we announce and what we learn is used last (RFC 8326)");
  for (const auto& [id, neighbor] : neighbors_->all())
    if (const auto by = neighbors_->drained_by(*neighbor); !by.empty())
      out.push_back("neighbor " + neighbor->conf.name + " drained, by " + by +
                    ": what it is told and what it tells is used last (RFC 8326)");
  if (!refused_conf_.empty()) out.push_back("the last configuration was refused: " + refused_conf_);
  return out;
}

/// Which configuration is in force: {"source": "file" | "put", "file", "since", "sha256"}, and where what was PUT is
/// kept.
ordered_json Daemon::source_document() const {
  ordered_json out = {{"source", source_.put ? "put" : "file"},
                      {"file", conf_path_},
                      {"since", time_text(source_.at)},
                      {"sha256", source_.sha256}};
  if (source_.put && put_trouble_.empty()) out["kept"] = source_.copy;
  return out;
}

HttpResponse Daemon::status() {
  const auto fib = fib_.status();
  ordered_json aggregates = ordered_json::array();
  for (const auto& one : conf_.originate.prefixes)
    aggregates.push_back(
        {{"prefix", one.prefix.to_string()}, {"ready", !one.blackhole || aggregates_ready_.contains(one.prefix)}});
  std::size_t established = 0;
  for (const auto& [id, neighbor] : neighbors_->all()) established += neighbor->up ? 1 : 0;
  return json_response({{"version", SLASH32_VERSION},
                        {"routerId", IpAddress::v4(router_id_.value).to_string()},
                        {"localAs", conf_.local_as.value},
                        {"uptimeSeconds", std::chrono::duration_cast<Seconds>(loop_.now() - started_).count()},
                        {"state", stopping_    ? "stopping"
                                  : deferring_ ? "restarting"
                                               : "running"},
                        {"draining", draining()},
                        {"configuration", source_document()},
                        {"neighbors", {{"configured", neighbors_->all().size()}, {"established", established}}},
                        {"prefixes", rib_->prefixes()},
                        {"pods", pods_.size()},
                        {"aggregates", std::move(aggregates)},
                        {"fib",
                         {{"desired", fib.desired},
                          {"installed", fib.installed},
                          {"pending", fib.pending},
                          {"conflicts", fib.conflicts},
                          {"overLimit", fib.over_limit},
                          {"stale", fib.stale},
                          {"nextHopGroups", fib.groups}}},
                        {"conditions", conditions()}});
}

HttpResponse Daemon::neighbors_list() {
  ordered_json list = ordered_json::array();
  for (const auto& [id, neighbor] : neighbors_->all())
    list.push_back(neighbor_document(*neighbor, ErrorDetail::Summary));
  return json_response({{"neighbors", std::move(list)}});
}

HttpResponse Daemon::neighbor(const std::string& name) {
  const auto* found = neighbors_->find(name);
  if (!found) return error_response(404, "no neighbor \"" + name + "\"");
  return json_response(neighbor_document(*found, ErrorDetail::Messages));
}

ordered_json Daemon::neighbor_document(const Neighbor& neighbor, ErrorDetail detail) const {
  auto out = neighbor_view(conf_, neighbor, *rib_, view_time(), detail);
  if (const auto by = neighbors_->drained_by(neighbor); !by.empty()) out["drained"] = by;
  return out;
}

ordered_json Daemon::route_document(const PathView& path) const {
  RouteContext context{.source = "local", .neighbor = {}, .installed = false};
  if (!path.peer) {
    context.installed = pods_.contains(path.prefix) || aggregates_ready_.contains(path.prefix);
  } else {
    const auto found = neighbors_->all().find(*path.peer);
    if (found != neighbors_->all().end()) {
      const auto& neighbor = *found->second;
      const bool external = neighbor.up ? neighbor.up->external : is_external(conf_, neighbor.conf);
      context.source = external ? "ebgp" : "ibgp";
      context.neighbor = neighbor.conf.name;
    }
    context.installed = (path.best || path.multipath) && fib_.installed(path.prefix);
  }
  return route_view(path, context);
}

std::string Daemon::route_text(const PathView& path) const {
  return route_document(path).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<PathView> Daemon::paths_of(const Prefix& prefix) const {
  std::vector<PathView> paths;
  rib_->visit_paths(prefix, [&](const PathView& path) { paths.push_back(path); });
  const bool several = std::ranges::count_if(paths, &PathView::multipath) > 1;  // more than one path in use
  for (auto& path : paths) path.multipath = path.multipath && several;
  return paths;
}

/// All that /v1/routes may show: one prefix, what covers an address, or the table in turns.
std::function<std::optional<std::vector<Prefix>>()> Daemon::prefixes_of(const RouteFilter& filter) const {
  if (!filter.exact && !filter.address) {
    return [walk = std::make_shared<RouteWalk>(*rib_, filter.family)] { return walk->next(kPrefixesAPiece); };
  }
  auto few = filter.exact ? std::vector{*filter.exact} : covering(*filter.address);
  std::erase_if(few, [&](const Prefix& prefix) { return filter.family && prefix.family() != *filter.family; });
  return [few, told = std::make_shared<bool>(false)]() -> std::optional<std::vector<Prefix>> {
    if (std::exchange(*told, true)) return std::nullopt;
    return few;
  };
}

HttpResponse Daemon::routes(const HttpRequest& request) {
  const auto filter = read_filter(request);
  if (!filter) return error_response(400, filter.error().message);
  const auto* neighbor = filter->neighbor ? neighbors_->find(*filter->neighbor) : nullptr;
  if (filter->neighbor && !neighbor) return error_response(404, "no neighbor \"" + *filter->neighbor + "\"");
  const auto peer = neighbor ? std::optional{neighbor->id} : std::nullopt;
  return stream_routes(prefixes_of(*filter), [this, peer](const Prefix& prefix, std::vector<std::string>& out) {
    if (!neighbors_ || (peer && !neighbors_->all().contains(*peer))) return false;
    for (const auto& path : paths_of(prefix))
      if (!peer || path.peer == *peer) out.push_back(route_text(path));
    return true;
  });
}

HttpResponse Daemon::advertised(const std::string& name) {
  const auto* found = neighbors_->find(name);
  if (!found) return error_response(404, "no neighbor \"" + name + "\"");
  return stream_routes(prefixes_of({}), [this, peer = found->id](const Prefix& prefix, std::vector<std::string>& out) {
    if (!neighbors_ || !neighbors_->all().contains(peer)) return false;
    if (const auto attributes = rib_->advertised(peer, prefix))
      out.push_back(advertised_view(prefix, *attributes).dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    return true;
  });
}

}  // namespace slash32::bgp
