#include "agent/plan/neighbor_check.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "config/bgpd_conf.h"
#include "config/special_address.h"

namespace slash32::agent::plan {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxName = 64;  // of a neighbour of bgpd.json

/// FNV-1a, 64 bits.
std::string hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(kDigits[hash >> shift & 15]);
  return out;
}

/// Policies of these names that say nothing: what they say is not the neighbour's business.
void add_policies(const ordered_json& holder, ordered_json& policies) {
  for (const char* direction : {"import", "export"}) {
    if (!holder.contains(direction)) continue;
    for (const auto& name : holder.at(direction)) policies[name.get<std::string>()] = ordered_json::array();
  }
}

}  // namespace

std::string complaint_about(const ordered_json& neighbor, const ordered_json& groups, Asn local_as) {
  ordered_json policies = ordered_json::object();
  add_policies(neighbor, policies);
  for (const auto& [name, group] : groups.items()) add_policies(group, policies);
  const ordered_json document = {{"localAs", local_as.value},
                                 {"policies", std::move(policies)},
                                 {"peerGroups", groups},
                                 {"neighbors", ordered_json::array({neighbor})}};
  const auto check = config::check_bgpd_conf(document.dump());
  if (check.errors.empty()) return {};
  auto message = check.errors.front().message;
  // What a group's settings contradict is told at the neighbour's word "group".
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPlaces = {
      {{"/neighbors/0/group", "/spec/mesh"}, {"/neighbors/0", "/spec"}, {"/peerGroups/mesh", "/spec/mesh"}}};
  for (const auto& [place, ours] : kPlaces) {
    if (!message.starts_with(place)) continue;
    message.replace(0, place.size(), ours);
    break;
  }
  return message;
}

std::string complaint_about_node(const ordered_json& neighbor, const ordered_json& groups, Asn local_as) {
  const auto address = IpAddress::parse(neighbor.at("address").get<std::string>());
  const auto* special = address ? config::special_around(Prefix::host(*address)) : nullptr;
  if (!special || complaint_about(neighbor, groups, local_as).empty()) return {};
  return "its InternalIP " + address->to_string() + " is " + std::string(special->text);
}

std::string neighbor_name(const std::string& name) {
  if (name.size() <= kMaxName) return name;
  const auto hash = hash_of(name);
  return name.substr(0, kMaxName - 1 - hash.size()) + "_" + hash;  // '_' is in no name of an object
}

std::string secret_path(const model::SecretRef& ref, const PlanOptions& options) {
  return options.secrets_dir + "/" + ref.name + "_" + ref.key;
}

}  // namespace slash32::agent::plan
