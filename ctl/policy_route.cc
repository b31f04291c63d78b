#include "ctl/policy_route.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/json_field.h"
#include "config/conf_readers.h"
#include "config/policy_text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array kLists{"asPath", "communities", "largeCommunities", "extendedCommunities"};
constexpr std::array kNumbers{"localPref", "med"};

/// "10.1.0.0/16 neighbor=tor1 asPath=65000,65010 med=5" as the object that says the same.
Result<json> from_words(const std::string& text) {
  json out = json::object();
  for (std::size_t from = 0; from < text.size();) {
    const auto to = std::min(text.find(' ', from), text.size());
    const auto word = text.substr(from, to - from);
    from = to + 1;
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals == std::string::npos && !out.contains("prefix")) {
      out["prefix"] = word;
      continue;
    }
    if (equals == std::string::npos)
      return fail(7, "\"" + word + "\" is not KEY=VALUE; a route is \"PREFIX [KEY=VALUE]...\", or JSON");
    const auto key = word.substr(0, equals), value = word.substr(equals + 1);
    if (out.contains(key)) return fail(7, "\"" + key + "\" is there twice");
    const auto as_json = [](const std::string& one) {
      const auto parsed = json::parse(one, nullptr, /*allow_exceptions=*/false);
      return parsed.is_number() ? parsed : json(one);
    };
    if (std::ranges::find(kLists, key) != kLists.end()) {
      out[key] = json::array();
      for (std::size_t at = 0; at < value.size();) {
        const auto end = std::min(value.find(',', at), value.size());
        out[key].push_back(as_json(value.substr(at, end - at)));
        at = end + 1;
      }
    } else {
      out[key] = std::ranges::find(kNumbers, key) != kNumbers.end() ? as_json(value) : json(value);
    }
  }
  return out;
}

/// ASes in order; an array in the array is an AS_SET.
Result<bgp::AsPath> as_path(const JsonField& field) {
  bgp::AsPath out;
  if (!field.value().is_array()) return field.bad("must be an array of AS numbers; an array in it is an AS_SET");
  for (std::size_t i = 0; i < field.value().size(); ++i) {
    const auto element = field.element(i);
    if (element.value().is_array()) {
      out.segments.push_back({bgp::SegmentType::AsSet, TRY(element.each(config::as_number))});
      continue;
    }
    if (out.segments.empty() || out.segments.back().type != bgp::SegmentType::AsSequence) out.segments.emplace_back();
    out.segments.back().asns.push_back(TRY(config::as_number(element)));
  }
  return out;
}

Result<bgp::PathAttributes> read_attributes(const JsonField& field) {
  using config::one_of;
  bgp::PathAttributes out;
  const auto origin = one_of<bgp::Origin>(
      {{"igp", bgp::Origin::Igp}, {"egp", bgp::Origin::Egp}, {"incomplete", bgp::Origin::Incomplete}});
  out.origin = TRY(field.optional("origin", origin, out.origin));
  out.as_path = TRY(field.optional("asPath", as_path, out.as_path));
  out.next_hop = TRY(field.optional("nextHop", slash32::json::ip_address, out.next_hop));
  out.local_pref = TRY(field.maybe("localPref", slash32::json::integer<std::uint32_t>()));
  out.med = TRY(field.maybe("med", slash32::json::integer<std::uint32_t>()));
  out.communities = TRY(field.optional("communities", slash32::json::array_of(config::community), out.communities));
  out.large_communities =
      TRY(field.optional("largeCommunities", slash32::json::array_of(config::large_community), out.large_communities));
  out.extended_communities = TRY(field.optional(
      "extendedCommunities", slash32::json::array_of(config::extended_community), out.extended_communities));
  return out;
}

/// A neighbour by its name, also one that comes from a range; nullptr: the configuration has none of this name.
const config::NeighborConf* find_neighbor(const config::BgpdConf& conf, const std::string& name) {
  for (const auto& neighbor : conf.neighbors)
    if (neighbor.name == name) return &neighbor;
  for (const auto& range : conf.dynamic_neighbors)
    if (name.starts_with(range.settings.name + "-")) return &range.settings;
  return nullptr;
}

/// Where the route came from, and for whom the policy is asked.
Status read_where(const JsonField& field, const config::BgpdConf& conf, TestRoute& out) {
  using config::one_of;
  using config::PeerType;
  using config::RouteSource;
  out.neighbor = TRY(field.optional("neighbor", slash32::json::non_empty_text, std::string{}));
  out.exported = TRY(field.optional("direction", one_of<bool>({{"import", false}, {"export", true}}), false));
  const auto* known = find_neighbor(conf, out.neighbor);
  const auto said_by = known == nullptr
                           ? PeerType::Ebgp
                           : bgp::peer_type(config::is_external(conf.local_as, *known), known->route_reflector_client);
  out.local_as = !out.exported && known != nullptr ? known->local_as.value_or(conf.local_as) : conf.local_as;
  const auto sources =
      one_of<RouteSource>({{"local", RouteSource::Local}, {"ebgp", RouteSource::Ebgp}, {"ibgp", RouteSource::Ibgp}});
  out.source =
      TRY(field.optional("source", sources, said_by == PeerType::Ebgp ? RouteSource::Ebgp : RouteSource::Ibgp));
  const auto types =
      one_of<PeerType>({{"ebgp", PeerType::Ebgp}, {"ibgp", PeerType::Ibgp}, {"client", PeerType::Client}});
  const auto by_source = out.source == RouteSource::Ibgp ? PeerType::Ibgp : PeerType::Ebgp;
  const auto usual = out.exported ? PeerType::Ebgp : known != nullptr ? said_by : by_source;
  out.peer_type = TRY(field.optional("peerType", types, usual));
  return ok();
}

}  // namespace

Result<TestRoute> read_test_route(const std::string& text, const config::BgpdConf& conf) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return fail(7, "the route is empty; it is \"PREFIX [KEY=VALUE]...\", or JSON");
  json document = text[begin] == '{' ? TRY(parse_json(text)) : TRY(from_words(text));
  if (!document.is_object()) return fail(7, "the route must be a JSON object, or \"PREFIX [KEY=VALUE]...\"");
  for (auto at = document.begin(); at != document.end();)  // as /v1/routes writes what is not there
    at = at->is_null() ? document.erase(at) : std::next(at);
  const JsonField field(document);
  // From `best` on they are there when the route was copied from /v1/routes, and mean nothing here.
  TRY(field.only({"prefix",
                  "neighbor",
                  "source",
                  "peerType",
                  "direction",
                  "origin",
                  "asPath",
                  "nextHop",
                  "localPref",
                  "med",
                  "communities",
                  "largeCommunities",
                  "extendedCommunities",
                  "best",
                  "multipath",
                  "resolved",
                  "installed",
                  "stale",
                  "longLivedStale",
                  "pathId",
                  "onlyToCustomer",
                  "why",
                  "decision",
                  "wonBy",
                  "kernelMetric",
                  "blackhole"}));
  TestRoute out;
  out.prefix = TRY(field.required("prefix", slash32::json::prefix));
  TRY(read_where(field, conf, out));
  out.attributes = TRY(read_attributes(field));
  return out;
}

ordered_json attributes_view(const bgp::PathAttributes& attributes) {
  static constexpr std::array kOrigins{"igp", "egp", "incomplete"};
  ordered_json out = {{"origin", kOrigins.at(static_cast<std::size_t>(attributes.origin))}};
  out["asPath"] = ordered_json::array();
  for (const auto& segment : attributes.as_path.segments) {
    const bool is_sequence = segment.type == bgp::SegmentType::AsSequence;
    ordered_json set = ordered_json::array();
    for (const auto asn : segment.asns) (is_sequence ? out["asPath"] : set).push_back(asn.value);
    if (!is_sequence) out["asPath"].push_back(std::move(set));
  }
  if (!attributes.next_hop.is_unspecified()) out["nextHop"] = attributes.next_hop.to_string();
  if (attributes.marks.next_hop == bgp::PolicyMarks::NextHop::Self) out["nextHop"] = "self";
  if (attributes.local_pref) out["localPref"] = *attributes.local_pref;
  if (attributes.med) out["med"] = *attributes.med;
  const auto put = [&](const char* key, const auto& values, const auto& print) {
    for (const auto& value : values) out[key].push_back(print(value));
  };
  put("communities", attributes.communities, config::print_community);
  put("largeCommunities", attributes.large_communities, config::print_large_community);
  put("extendedCommunities", attributes.extended_communities, config::print_extended_community);
  if (attributes.marks.kernel_metric != 0) out["kernelMetric"] = attributes.marks.kernel_metric;
  if (attributes.marks.blackhole) out["blackhole"] = true;
  return out;
}

}  // namespace slash32::ctl
