#include "agent/plan/originate.h"

#include <map>
#include <string_view>
#include <utility>

namespace slash32::agent::plan {
namespace {

using nlohmann::ordered_json;

constexpr const char* kHole = "\x01";  // no key that comes before originate may have such a value

/// Of those that all peers are told by: what stands in originate.
RouteAttributes common_attributes(const Announced& announced, const std::set<std::size_t>& by) {
  RouteAttributes out;
  for (const auto i : by)
    if (announced.advertisements[i].all_peers) out.add(announced.advertisements[i].attributes);
  return out;
}

ordered_json entry_json(const std::string& prefix, const EntryStyle& style) {
  ordered_json out = {{"prefix", prefix}, {"blackhole", style.blackhole}};
  if (style.drop_forwarded) out["dropForwarded"] = true;
  if (!style.attributes.communities.empty()) out["communities"] = style.attributes.communities;
  if (style.attributes.local_pref) out["localPref"] = *style.attributes.local_pref;
  if (style.withdrawn_by_drain) out["onDrain"] = "withdraw";
  return out;
}

/// A text with a hole in it, in two parts.
using Parts = std::pair<std::string, std::string>;

Parts around_hole(const std::string& text, std::string_view hole) {
  const auto at = text.find(hole);
  return {text.substr(0, at), text.substr(at + hole.size())};
}

/// What is written around the prefix of an entry of this style, as dump(2) has it three levels deep.
Parts around_prefix(const EntryStyle& style) {
  std::string text;
  for (const char c : entry_json("@", style).dump(2)) {
    text += c;
    if (c == '\n') text += "      ";
  }
  return around_hole(text, "@");
}

}  // namespace

std::vector<Entry> entries_of(const Announced& announced) {
  std::vector<Entry> out;
  out.reserve(announced.pods.size() + announced.services.size());
  const auto pods = common_attributes(announced, of_kind(announced, &model::AdvertisedKinds::pod_cidrs));
  for (const auto& prefix : announced.pods) out.push_back({prefix, {.blackhole = true, .attributes = pods}});
  for (const auto& [prefix, by] : announced.services)
    out.push_back({prefix,
                   {.blackhole = announced.blackhole_aggregates && !prefix.is_host(),
                    .drop_forwarded = announced.drop_unused.contains(prefix),
                    .withdrawn_by_drain = !announced.drain_keeps_services && !announced.only_here.contains(prefix),
                    .attributes = common_attributes(announced, by)}});
  return out;
}

ordered_json originate_json(const Announced& announced, const std::vector<Entry>& entries) {
  ordered_json prefixes = ordered_json::array();
  for (const auto& [prefix, style] : entries) prefixes.push_back(entry_json(prefix.to_string(), style));
  return {{"prefixes", std::move(prefixes)}, {"podRoutes", announced.pod_routes}};
}

std::string document_text(ordered_json document, const std::vector<Entry>& entries) {
  auto& prefixes = document.at("originate").at("prefixes");
  prefixes = ordered_json::array();
  if (entries.empty()) return document.dump(2) + "\n";
  prefixes.push_back(kHole);
  auto [text, rest] = around_hole(document.dump(2), ordered_json(kHole).dump());
  std::map<EntryStyle, Parts> styles;
  bool first = true;
  for (const auto& [prefix, style] : entries) {
    auto found = styles.find(style);
    if (found == styles.end()) found = styles.emplace(style, around_prefix(style)).first;
    if (!std::exchange(first, false)) text += ",\n      ";
    text.append(found->second.first).append(prefix.to_string()).append(found->second.second);
  }
  return text + rest + "\n";
}

}  // namespace slash32::agent::plan
