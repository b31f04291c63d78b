#include "agent/model/neighbor_settings.h"

#include <set>
#include <string>

#include "agent/model/fields.h"
#include "config/bgpd_conf.h"
#include "config/neighbor_settings.h"

namespace slash32::agent::model {
namespace {

using nlohmann::json;

const std::set<std::string>& known_keys() {
  static const std::set<std::string> kKnown = [] {
    const auto keys = config::bgpd_conf_keys();
    return std::set<std::string>(keys.begin(), keys.end());
  }();
  return kKnown;
}

/// What says which neighbour it is, and what the plan makes of other fields of the resource.
bool is_ours(const std::string& key) {
  static const std::set<std::string> kOurs = {"name",         "address", "interface", "group",
                                              "passwordFile", "tcpAo",   "import",    "export"};
  return kOurs.contains(key);
}

/// The keys of `value` that stand under `path` in bgpd.json.
json pruned(const json& value, const std::string& path) {
  if (!value.is_object()) return value;
  json out = json::object();
  for (const auto& [key, member] : value.items()) {
    const auto place = path + key;
    if (known_keys().contains(place) && !member.is_null()) out[key] = pruned(member, place + ".");
  }
  return out;
}

/// `bfd: {}` is on; `enabled` is ours, since a schema cannot have an object or false in one place.
Status take_bfd(const JsonField& spec, json& settings) {
  const auto bfd = find(spec, "bfd");
  if (!bfd || !bfd->value().is_object()) return ok();
  if (!TRY(read_or(*bfd, "enabled", slash32::json::boolean, true))) settings["bfd"] = false;
  return ok();
}

}  // namespace

Result<json> neighbor_settings(const JsonField& spec) {
  TRY(spec.is_object());
  json settings = json::object();
  for (const auto& [key, value] : spec.value().items()) {
    const auto place = "neighbors[]." + key;
    if (is_ours(key) || value.is_null() || !known_keys().contains(place)) continue;
    settings[key] = pruned(value, place + ".");
  }
  TRY(take_bfd(spec, settings));
  const std::map<std::string, config::Policy> none;
  config::NeighborConf scratch;
  TRY(config::apply_settings(JsonField(settings, spec.pointer()), {.local_as = {}, .policies = &none}, scratch));
  return settings;
}

json kernel_settings(const JsonField& kernel) {
  auto out = pruned(kernel.value(), "kernel.");
  for (const char* ours : {"table", "prefSrc4", "prefSrc6"}) out.erase(ours);
  return out;
}

json merged(const json& under, const json& over) {
  json out = under;
  for (const auto& [key, value] : over.items()) {
    if (!value.is_object() || !out.contains(key) || !out.at(key).is_object()) {
      out[key] = value;
      continue;
    }
    for (const auto& [inner, member] : value.items()) out[key][inner] = member;
  }
  return out;
}

}  // namespace slash32::agent::model
