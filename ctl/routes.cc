// `slash32ctl routes`: the Loc-RIB and the paths that lost, each with the reason.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/http_client.h"
#include "ctl/route_text.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view kLegend =
    "Flags: > best, = also used (multipath), k in the kernel, s stale (graceful restart), l long-lived stale, "
    "! next hop unresolved\n";

std::string flags_text(const json& route) {
  std::string out;
  if (field_is_true(route, "best")) {
    out += '>';
  } else if (field_is_true(route, "multipath")) {
    out += '=';
  }
  if (field_is_true(route, "installed")) out += 'k';
  if (field_is_true(route, "stale")) out += 's';
  if (field_is_true(route, "longLivedStale")) out += 'l';
  const json& resolved = member(route, "resolved");
  if (resolved.is_boolean() && !resolved.get<bool>()) out += '!';
  return out;
}

/// "65000 64512", an AS_SET as "{64512 64513}" (RFC 4271 section 4.3 b).
std::string as_path_text(const json& path) {
  if (!path.is_array()) return scalar_text(path);
  std::string out;
  for (const json& element : path) {
    if (!out.empty()) out += ' ';
    out += element.is_array() ? "{" + as_path_text(element) + "}" : scalar_text(element);
  }
  return out;
}

std::string communities_text(const json& communities) {
  std::string out;
  if (!communities.is_array()) return out;
  for (const json& one : communities) out += (out.empty() ? "" : " ") + community_text(one);
  return out;
}

/// Why it lost, or what the best one has over the others.
std::string why_text(const json& route) {
  const std::string won = field_text(route, "wonBy");
  return won == kNothing ? field_text(route, "why") : "best: " + won;
}

/// Local routes have no neighbour: their source is told in its place.
std::string origin_of(const json& route) {
  const std::string neighbor = field_text(route, "neighbor");
  return neighbor == kNothing ? field_text(route, "source") : neighbor;
}

}  // namespace

std::string community_text(const json& community) {
  // RFC 1997: the upper half is an AS number.
  if (community.is_number_unsigned()) {
    const auto value = community.get<std::uint64_t>();
    if (value <= std::numeric_limits<std::uint32_t>::max()) {
      return std::to_string(value >> 16) + ":" + std::to_string(value & 0xffff);
    }
  }
  return scalar_text(community);
}

std::string routes_target(const RoutesQuery& query) {
  std::string target = "/v1/routes";
  char separator = '?';
  const auto append = [&](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    target.append(1, separator).append(key).append("=").append(percent_encoded(value));
    separator = '&';
  };
  append("prefix", query.prefix);
  append("neighbor", query.neighbor);
  append("family", query.family);
  return target;
}

std::string render_routes(const json& document) {
  const json& routes = member(document, "routes");
  if (!routes.is_array() || routes.empty()) return "no routes\n";
  // What a neighbour is sent is told without flags.
  const bool has_flags = std::ranges::any_of(routes, [](const json& one) { return !member(one, "best").is_null(); });
  Table table({{"FLAGS"},
               {"PREFIX"},
               {"NEXT HOP"},
               {"FROM"},
               {"LOCPREF", Align::Right},
               {"MED", Align::Right},
               {"ORIGIN"},
               {"AS PATH"},
               {"COMMUNITIES"},
               {"WHY"}});
  for (const json& route : routes) {
    table.add({flags_text(route), field_text(route, "prefix"), field_text(route, "nextHop"), origin_of(route),
               field_text(route, "localPref"), field_text(route, "med"), field_text(route, "origin"),
               as_path_text(member(route, "asPath")), communities_text(member(route, "communities")), why_text(route)});
  }
  return (has_flags ? std::string{kLegend} : std::string{}) + table.to_string();
}

std::string render_route(const json& document) {
  std::string out = render_routes({{"routes", member(document, "paths")}});
  const json& neighbors = member(document, "neighbors");
  if (!neighbors.is_array() || neighbors.empty()) return out + "\nno neighbors\n";
  Table table({{"NEIGHBOR"}, {"SENT"}, {"NEXT HOP"}, {"AS PATH"}, {"COMMUNITIES"}, {"WHY NOT"}});
  for (const json& one : neighbors) {
    table.add({field_text(one, "neighbor"), field_is_true(one, "sent") ? "yes" : "no", field_text(one, "nextHop"),
               as_path_text(member(one, "asPath")), communities_text(member(one, "communities")),
               field_text(one, "why")});
  }
  return out + "\n" + table.to_string();
}

Status run_routes(const Options& options, const RoutesQuery& query, std::ostream& out) {
  // One prefix and nothing else: also whom it was sent to, and why not.
  if (query.prefix.find('/') != std::string::npos && query.neighbor.empty() && query.family.empty())
    return show(options, "/v1/routes/" + percent_encoded(query.prefix), out, render_route);
  return show(options, routes_target(query), out, render_routes);
}

}  // namespace slash32::ctl
