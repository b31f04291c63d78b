// The control interface: what each path answers.
#include <algorithm>
#include <memory>
#include <utility>

#include "bgpd/daemon.h"
#include "bgpd/views.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;
using nlohmann::ordered_json;

constexpr std::size_t kRoutesAPiece = 500;

std::string dump(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

HttpResponse json_response(const ordered_json& document) {
  return {.status = 200, .body = dump(document) + "\n", .more = nullptr};
}

HttpResponse wrong_method(const std::string& allowed) { return error_response(405, "only " + allowed + " here"); }

/// `{"routes": [` ... `]}` in pieces: `next` renders element `i`.
HttpResponse stream_routes(std::size_t count, std::function<std::string(std::size_t)> next) {
  auto at = std::make_shared<std::size_t>(0);
  auto done = std::make_shared<bool>(false);
  return {.status = 200,
          .body = "{\"routes\": [",
          .more = [at, done, count, next = std::move(next)]() -> std::optional<std::string> {
            if (*done) return std::nullopt;
            std::string piece;
            for (std::size_t i = 0; i < kRoutesAPiece && *at < count; ++i, ++*at)
              piece += (*at == 0 ? "\n" : ",\n") + next(*at);
            if (*at == count) {
              piece += "]}\n";
              *done = true;
            }
            return piece;
          }};
}

/// What /v1/routes was asked to show.
struct RouteFilter {
  std::optional<Prefix> exact;
  std::optional<IpAddress> address;  // every prefix that covers it
  std::optional<AddressFamily> family;
  std::optional<std::string> neighbor;
};

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

}  // namespace

HttpResponse Daemon::answer(const HttpRequest& request) {
  if (ended_ || !neighbors_) return error_response(503, "slash32-bgpd is not running yet, or is ending");
  if (request.path == "/v1/config") {
    if (request.method != "PUT") return wrong_method("PUT");
    return put_config(request.body);
  }
  if (request.path == "/v1/shutdown") {
    if (request.method != "POST") return wrong_method("POST");
    loop_.post([this] { stop(true); });
    return json_response({{"state", "leaving"}});
  }
  if (request.method != "GET") return wrong_method("GET");
  return get(request);
}

HttpResponse Daemon::get(const HttpRequest& request) {
  constexpr std::string_view kNeighbors = "/v1/neighbors/", kAdvertised = "/advertised";
  if (request.path == "/v1/status") return status();
  if (request.path == "/v1/neighbors") return neighbors_list();
  if (request.path == "/v1/routes") {
    if (const auto name = request.query.find("advertised"); name != request.query.end())
      return advertised(name->second);
    return routes(request);
  }
  if (request.path.starts_with(kNeighbors)) {
    const auto name = request.path.substr(kNeighbors.size());
    if (name.ends_with(kAdvertised)) return advertised(name.substr(0, name.size() - kAdvertised.size()));
    return neighbor(name);
  }
  return error_response(404,
                        "no such path; known: /v1/status, /v1/neighbors, /v1/neighbors/NAME, "
                        "/v1/neighbors/NAME/advertised, /v1/routes, /v1/config, /v1/shutdown");
}

std::vector<std::string> Daemon::conditions() const {
  std::vector<std::string> out;
  for (const auto& [address, why] : listen_problems_) out.push_back("not listening: " + why);
  for (const auto& [range, why] : neighbors_->held_ranges())
    out.push_back("range " + range.to_string() + " held: " + why);
  for (const auto& [id, neighbor] : neighbors_->all())
    if (!neighbor->held.empty() && neighbor->conf.enabled)
      out.push_back("neighbor " + neighbor->conf.name + " held down: " + neighbor->held);
  for (const auto& [prefix, why] : aggregates_failed_)
    out.push_back("aggregate " + prefix.to_string() + " is not announced, nor its blackhole route installed: " + why);
  if (!kernel_trouble_.empty()) out.push_back("the kernel cannot be read: " + kernel_trouble_);
  const auto fib = fib_.status();
  if (fib.over_limit) out.push_back("kernel.maxRoutes is reached: further routes are not installed");
  if (fib.conflicts > 0)
    out.push_back(std::to_string(fib.conflicts) + " routes of others stand where ours would; last: " + last_problem_);
  if (!refused_conf_.empty()) out.push_back("the last configuration was refused: " + refused_conf_);
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
                          {"stale", fib.stale}}},
                        {"conditions", conditions()}});
}

HttpResponse Daemon::neighbors_list() {
  ordered_json list = ordered_json::array();
  for (const auto& [id, neighbor] : neighbors_->all())
    list.push_back(neighbor_view(conf_, *neighbor, *rib_, loop_.now()));
  return json_response({{"neighbors", std::move(list)}});
}

HttpResponse Daemon::neighbor(const std::string& name) {
  const auto* found = neighbors_->find(name);
  if (!found) return error_response(404, "no neighbor \"" + name + "\"");
  return json_response(neighbor_view(conf_, *found, *rib_, loop_.now()));
}

std::string Daemon::route_text(const PathView& path) {
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
  return route_view(path, context).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

HttpResponse Daemon::routes(const HttpRequest& request) {
  const auto filter = read_filter(request);
  if (!filter) return error_response(400, filter.error().message);
  const auto* neighbor = filter->neighbor ? neighbors_->find(*filter->neighbor) : nullptr;
  if (filter->neighbor && !neighbor) return error_response(404, "no neighbor \"" + *filter->neighbor + "\"");
  auto paths = std::make_shared<std::vector<PathView>>();  // as it is now; rendered over many turns
  std::set<Prefix> several;  // prefixes with more than one path in use, counted before a neighbour's are picked
  std::optional<Prefix> used;
  rib_->visit_paths(filter->exact, [&](const PathView& path) {
    if (path.multipath && used == path.prefix) several.insert(path.prefix);
    if (path.multipath) used = path.prefix;
    if (filter->address && !path.prefix.contains(*filter->address)) return;
    if (filter->family && path.prefix.family() != *filter->family) return;
    if (neighbor && path.peer != neighbor->id) return;
    paths->push_back(path);
  });
  for (auto& path : *paths) path.multipath = path.multipath && several.contains(path.prefix);
  return stream_routes(paths->size(), [this, paths](std::size_t i) {
    return neighbors_ ? route_text((*paths)[i]) : std::string("null");
  });
}

HttpResponse Daemon::advertised(const std::string& name) {
  const auto* found = neighbors_->find(name);
  if (!found) return error_response(404, "no neighbor \"" + name + "\"");
  auto sent = std::make_shared<std::vector<std::pair<Prefix, AttributesPtr>>>();
  rib_->visit_advertised(found->id, [&](const Prefix& prefix, const AttributesPtr& attributes) {
    sent->emplace_back(prefix, attributes);
  });
  return stream_routes(sent->size(), [sent](std::size_t i) {
    const auto& [prefix, attributes] = (*sent)[i];
    return advertised_view(prefix, *attributes).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  });
}

HttpResponse Daemon::put_config(const std::string& body) {
  auto checked = config::check_bgpd_conf(body);
  if (!checked.errors.empty()) {
    ordered_json all = ordered_json::array();
    for (const auto& error : checked.errors) all.push_back(error.message);
    auto out = error_response(400, checked.errors.front().message);
    out.body = dump({{"error", checked.errors.front().message}, {"errors", std::move(all)}}) + "\n";
    return out;
  }
  if (const auto good = apply(std::move(checked.conf)); !good) return error_response(409, good.error().message);
  return json_response({{"state", "applied"}});
}

}  // namespace slash32::bgp
