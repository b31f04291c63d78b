#include "agent/plan/policies.h"

#include <algorithm>
#include <functional>

#include "agent/plan/ranges.h"
#include "config/special_address.h"

namespace slash32::agent::plan {
namespace {

using nlohmann::ordered_json;
using Indices = std::set<std::size_t>;

bool has_service_kind(const model::AdvertisedKinds& kinds) {
  return kinds.cluster_ips || kinds.external_ips || kinds.load_balancer_ips;
}

// ---------------------------------------------------------------- terms

enum class Length : std::uint8_t { Exact, Longer, All };

ordered_json prefix_match(const Prefix& prefix, Length length) {
  ordered_json out = {{"prefix", prefix.to_string()}};
  if (length == Length::All) out["ge"] = prefix.length();
  if (length == Length::Longer) out["ge"] = prefix.length() + 1;
  if (length != Length::Exact) out["le"] = prefix.address().bits();
  return out;
}

/// Of what this node announces itself, these; nothing where there are none.
std::optional<ordered_json> local_match(const std::vector<Prefix>& prefixes, Length length) {
  ordered_json list = ordered_json::array();
  for (const auto& prefix : prefixes)
    if (length != Length::Longer || !prefix.is_host()) list.push_back(prefix_match(prefix, length));
  if (list.empty()) return std::nullopt;
  return ordered_json{{"source", {"local"}}, {"prefix", std::move(list)}};
}

void reject(ordered_json& terms, const char* name, const std::vector<Prefix>& prefixes, Length length) {
  if (auto match = local_match(prefixes, length))
    terms.push_back({{"name", name}, {"match", std::move(*match)}, {"then", "reject"}});
}

ordered_json set_of(const RouteAttributes& attributes) {
  ordered_json out = ordered_json::object();
  if (attributes.local_pref) out["localPref"] = *attributes.local_pref;
  if (!attributes.communities.empty()) out["addCommunities"] = attributes.communities;
  return out;
}

void set(ordered_json& terms, const RouteAttributes& attributes, const std::vector<Prefix>& prefixes, Length length,
         const char* then) {
  const bool nothing = attributes == RouteAttributes{};
  if (nothing && std::string_view(then) == "next") return;
  auto match = local_match(prefixes, length);
  if (!match) return;
  ordered_json term = {{"match", std::move(*match)}};
  if (!nothing) term["set"] = set_of(attributes);
  term["then"] = then;
  terms.push_back(std::move(term));
}

// ---------------------------------------------------------------- for one listener

/// A BGPPeer, or the other nodes.
class Listener {
 public:
  using Tells = std::function<bool(const Advertisement&)>;
  Listener(const Announced& announced, Tells tells) : announced_(announced), tells_(std::move(tells)) {}

  bool told(const Indices& by) const {
    return std::ranges::any_of(by, [&](std::size_t i) { return tells_(announced_.advertisements[i]); });
  }

  /// What this listener is told beyond what originate says to all.
  RouteAttributes extra(const Indices& by, bool all = false) const {
    RouteAttributes out;
    for (const auto i : by) {
      const auto& one = announced_.advertisements[i];
      if (tells_(one) && (all || !one.all_peers)) out.add(one.attributes);
    }
    return out;
  }

  /// Prefixes of Services by what this listener is to see of them.
  std::map<RouteAttributes, std::vector<Prefix>> services_told() const {
    std::map<RouteAttributes, std::vector<Prefix>> out;
    for (const auto& [prefix, by] : announced_.services)
      if (told(by)) out[extra(by)].push_back(prefix);
    return out;
  }

  std::vector<Prefix> services_untold() const {
    std::vector<Prefix> out;
    for (const auto& [prefix, by] : announced_.services)
      if (!told(by)) out.push_back(prefix);
    return out;
  }

 private:
  const Announced& announced_;
  Tells tells_;
};

/// Pods' own /32 and /128. No attributes of theirs can stand in originate.
void pod_route_terms(ordered_json& terms, const Announced& announced, const Listener& listener) {
  const auto routes = of_kind(announced, &model::AdvertisedKinds::pod_routes);
  if (announced.pod_routes != "all") return;
  if (listener.told(routes))
    set(terms, listener.extra(routes, true), announced.pods, Length::Longer, "next");
  else
    reject(terms, "pods' own routes for others", announced.pods, Length::Longer);
}

ordered_json peer_terms(const Announced& announced, const std::string& peer) {
  const Listener listener(announced, [&](const Advertisement& one) { return one.tells(peer); });
  ordered_json terms = ordered_json::array();
  reject(terms, "Services for others", listener.services_untold(), Length::Exact);
  for (const auto& [attributes, prefixes] : listener.services_told())
    set(terms, attributes, prefixes, Length::Exact, "next");
  const auto ranges = of_kind(announced, &model::AdvertisedKinds::pod_cidrs);
  if (listener.told(ranges))
    set(terms, listener.extra(ranges), announced.pods, Length::Exact, "next");
  else
    reject(terms, "pod ranges for others", announced.pods, Length::Exact);
  pod_route_terms(terms, announced, listener);
  if (!listener.told(ranges) && !listener.told(of_kind(announced, &model::AdvertisedKinds::pod_routes)))
    reject(terms, "pods for others", announced.cluster_pods, Length::All);
  return terms;
}

/// Other nodes reach Services by their own kube-proxy, and are told of them only where an advertisement says so.
ordered_json mesh_terms(const Announced& announced) {
  const Listener listener(announced, [](const Advertisement& one) { return one.mesh; });
  ordered_json terms = ordered_json::array();
  for (const auto& [attributes, prefixes] : listener.services_told())
    set(terms, attributes, prefixes, Length::Exact, "accept");
  auto untold = listener.services_untold();
  if (!announced.mesh_has_services) {
    reject(terms, "ranges of Services", announced.service_ranges, Length::All);
    std::erase_if(untold, [&](const Prefix& prefix) { return within(prefix, announced.service_ranges); });
  }
  reject(terms, "Services", untold, Length::Exact);
  // BGPConfiguration's own switch is for nodes as well.
  const Listener pods(announced, [](const Advertisement& one) { return one.mesh || one.name.empty(); });
  pod_route_terms(terms, announced, pods);
  return terms;
}

ordered_json mesh_import_terms(const Announced& announced) {
  ordered_json terms = ordered_json::array();
  ordered_json ranges = ordered_json::array();
  for (const auto& range : announced.service_ranges) ranges.push_back(prefix_match(range, Length::All));
  if (!announced.mesh_has_services && !ranges.empty())
    terms.push_back({{"name", "ranges of Services"}, {"match", {{"prefix", std::move(ranges)}}}, {"then", "reject"}});
  terms.push_back({{"then", "accept"}});
  return terms;
}

/// One name of match.neighbor as bgpd.json may have it on this node, which refuses names of nobody; nothing: there is
/// no such neighbour here. A BGPPeer at the default gateway has a neighbour for each gateway.
std::optional<std::string> known_here(const std::string& wanted, const NeighborPlan& plan) {
  const auto any = [&](const std::string& beginning) {
    return std::ranges::any_of(plan.neighbors, [&](const ordered_json& one) {
      return one.at("name").get_ref<const std::string&>().starts_with(beginning);
    });
  };
  if (wanted.ends_with('*')) return any(wanted.substr(0, wanted.size() - 1)) ? std::optional(wanted) : std::nullopt;
  const auto is_named = [&](const ordered_json& one) { return one.at("name") == wanted; };
  if (std::ranges::any_of(plan.neighbors, is_named)) return wanted;
  return any(wanted + "_") ? std::optional(wanted + "_*") : std::nullopt;
}

/// The terms of a filter, without those that are for neighbours this node does not have.
nlohmann::json filter_terms(const nlohmann::json& terms, const NeighborPlan& plan) {
  static const nlohmann::json::json_pointer kNeighbor("/match/neighbor");
  auto out = nlohmann::json::array();
  for (const auto& from : terms) {
    if (!from.contains("match") || !from.at("match").contains("neighbor")) {
      out.push_back(from);
      continue;
    }
    auto term = from;
    const auto wanted = term[kNeighbor].is_array() ? term[kNeighbor] : nlohmann::json::array({term[kNeighbor]});
    auto known = nlohmann::json::array();
    for (const auto& name : wanted)
      if (const auto here = known_here(name.get<std::string>(), plan)) known.push_back(*here);
    if (known.empty() && !wanted.empty()) continue;  // an empty list would match everything
    term[kNeighbor] = std::move(known);
    out.push_back(std::move(term));
  }
  return out;
}

/// Pod ranges that bgpd can announce, each once.
std::vector<Prefix> pods_of(const World& world, const model::Node& node) {
  auto out = node.pod_cidrs;
  out.insert(out.end(), world.live_pod_ranges.begin(), world.live_pod_ranges.end());
  std::erase_if(out, [](const Prefix& p) { return p.is_default() || config::special_around(p) != nullptr; });
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

std::vector<Prefix> cluster_pods_of(const World& world, const model::BgpConfiguration& conf,
                                    const std::vector<Prefix>& own) {
  if (!conf.pod_ranges.empty()) return joined(conf.pod_ranges);
  auto out = own;
  if (reads_all_nodes(world, conf))
    for (const auto& [name, node] : world.nodes) out.insert(out.end(), node.pod_cidrs.begin(), node.pod_cidrs.end());
  return covers(out);  // changes seldom when nodes come and go
}

/// An aggregate that pods or nodes have addresses in is a mistake of somebody's: dropping would cut those off.
void drop_aggregates(const World& world, const model::BgpConfiguration& conf, const model::Node& own, Announced& out) {
  auto others = conf.pod_ranges;
  others.insert(others.end(), out.pods.begin(), out.pods.end());
  for (const auto& [name, node] : world.nodes) {
    if (name != own.meta.key.name && !reads_all_nodes(world, conf)) continue;
    others.insert(others.end(), node.pod_cidrs.begin(), node.pod_cidrs.end());
    for (const auto& address : node.internal_ips) others.push_back(Prefix::host(address));
  }
  for (const auto& [prefix, by] : out.services) {
    if (prefix.is_host()) continue;
    const bool safe = std::ranges::none_of(others, [&](const Prefix& range) { return range.overlaps(prefix); });
    (safe ? out.drop_unused : out.not_dropped).insert(prefix);
  }
}

}  // namespace

Announced announced_by(const World& world, const model::BgpConfiguration& conf, const model::Node& node,
                       const Advertisements& advertisements,
                       const std::map<Prefix, std::set<std::size_t>>& service_routes) {
  Announced out;
  out.advertisements = advertisements.list;
  out.pods = pods_of(world, node);
  out.services = service_routes;
  for (const auto& prefix : out.pods) out.services.erase(prefix);  // a pod range is one, whatever a Service says
  out.service_ranges = service_ranges(world, conf);
  out.cluster_pods = cluster_pods_of(world, conf, out.pods);
  out.mesh_has_services = std::ranges::any_of(world.advertisements, [](const auto& entry) {
    return entry.second.mesh && has_service_kind(entry.second.kinds);
  });
  out.blackhole_aggregates = conf.services.unused == model::UnusedAddresses::Blackhole;
  if (conf.services.unused == model::UnusedAddresses::Drop) drop_aggregates(world, conf, node, out);
  const bool all = !of_kind(out, &model::AdvertisedKinds::pod_routes).empty();
  out.pod_routes = all ? "all" : conf.pod_routes;
  return out;
}

std::set<std::size_t> of_kind(const Announced& announced, bool model::AdvertisedKinds::* kind) {
  Indices out;
  for (std::size_t i = 0; i < announced.advertisements.size(); ++i)
    if (announced.advertisements[i].kinds.*kind) out.insert(i);
  return out;
}

ordered_json policies_json(const Announced& announced, const NeighborPlan& plan, const World& world) {
  ordered_json out = ordered_json::object();
  out[kOwn] = ordered_json::array({{{"match", {{"source", {"local"}}}}, {"then", "accept"}}});
  out[kAll] = ordered_json::array({{{"then", "accept"}}});
  out[kNone] = ordered_json::array({{{"then", "reject"}}});
  if (plan.has_nodes) {
    out[kAnnounceMesh] = mesh_terms(announced);
    out[kImportMesh] = mesh_import_terms(announced);
  }
  for (const auto& peer : plan.peers) out[announce_policy(peer)] = peer_terms(announced, peer);
  for (const auto& filter : plan.filters)
    out[filter_policy(filter)] = filter_terms(world.filters.at(filter).terms, plan);
  return out;
}

}  // namespace slash32::agent::plan
