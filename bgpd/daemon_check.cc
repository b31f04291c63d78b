// What a configuration would change, without changing it: the difference that a reload applies, and who of those it
// concerns has a session now.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bgpd/conf_changes.h"
#include "bgpd/daemon.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpResponse;
using nlohmann::ordered_json;

std::string dump(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

HttpResponse refused(int status, const std::vector<Error>& errors) {
  auto out = error_response(status, errors.front().message);
  ordered_json all = ordered_json::array();
  for (const auto& error : errors) all.push_back(error.message);
  out.body = dump({{"error", errors.front().message}, {"errors", std::move(all)}});
  return out;
}

std::string summary(std::size_t resets, std::size_t sessions) {
  if (resets == 0) return "no session would reset";
  return std::to_string(resets) +
         (resets == 1 ? " neighbor or range would reset, " : " neighbors or ranges would reset, ") +
         std::to_string(sessions) + (sessions == 1 ? " session" : " sessions") + " of which now Established";
}

const char* kind_of_place(const NeighborChange& change) {
  if (change.range) return "range";
  return IpAddress::parse(change.place) ? "address" : "interface";
}

}  // namespace

/// {"name", "address", "interface" or "range", "effect", "keys", "resetBy", "established": the names of those who have
/// a session now}.
ordered_json Daemon::change_document(const NeighborChange& change) const {
  ordered_json out = {
      {"name", change.name}, {kind_of_place(change), change.place}, {"effect", to_string(change.effect)},
      {"keys", change.keys}, {"resetBy", change.reset_by},          {"established", ordered_json::array()}};
  for (const auto& [id, neighbor] : neighbors_->all()) {
    if (!neighbor->up || neighbor->range.has_value() != change.range) continue;
    const auto place = change.range ? neighbor->range->to_string() : place_of(neighbor->conf);
    if (place == change.place) out["established"].push_back(neighbor->conf.name);
  }
  return out;
}

HttpResponse Daemon::check_config(const std::string& text) {
  const auto checked = config::check_bgpd_conf(text);
  if (!checked.errors.empty()) return refused(400, checked.errors);
  if (const auto good = can_apply(checked.conf); !good) return refused(409, {good.error()});
  const auto conf = in_force(checked.conf);
  const auto changes = compare_confs(conf_, router_id_, conf, conf.router_id.value_or(router_id_));
  auto lines = describe(changes);
  if (const auto later = told_of_next_start(checked.conf)) lines.push_back(*later);
  ordered_json neighbors = ordered_json::array();
  std::size_t resets = 0, sessions = 0;
  for (const auto& change : changes.neighbors) {
    neighbors.push_back(change_document(change));
    if (!change.ends_sessions) continue;
    ++resets;
    sessions += neighbors.back()["established"].size();
  }
  const ordered_json document = {{"state", "checked"},        {"changes", lines},
                                 {"neighbors", neighbors},    {"resets", resets},
                                 {"sessionsReset", sessions}, {"summary", summary(resets, sessions)}};
  return {.status = 200, .body = dump(document), .more = nullptr};
}

HttpResponse Daemon::check_file() {
  const auto text = read_file(conf_path_);
  if (!text) return refused(409, {text.error()});
  return check_config(*text);
}

}  // namespace slash32::bgp
