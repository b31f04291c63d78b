#include "bgpd/conf_changes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bgpd/settings.h"
#include "config/neighbor_conf.h"

namespace slash32::bgp {
namespace {

using config::BgpdConf;
using config::DynamicNeighborConf;
using config::NeighborConf;
using nlohmann::ordered_json;
using Keys = std::vector<std::string>;

/// Two documents side by side, with the router ID that each means.
struct Confs {
  const BgpdConf& old_conf;
  RouterId old_id;
  const BgpdConf& new_conf;
  RouterId new_id;
};

void add(Keys& keys, std::string key) {
  if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
}

/// The paths at which two printed settings differ.
void add_differences(const ordered_json& was, const ordered_json& is, const std::string& above, Keys& out) {
  for (const auto& [key, value] : was.items()) {
    const auto path = above + key;
    if (!is.contains(key))
      add(out, path);
    else if (value.is_object() && is.at(key).is_object())
      add_differences(value, is.at(key), path + ".", out);
    else if (value != is.at(key))
      add(out, path);
  }
  for (const auto& [key, value] : is.items())
    if (!was.contains(key)) add(out, above + key);
}

Keys differing_policies(const Confs& confs, const NeighborConf& neighbor) {
  Keys out;
  for (const auto* names : {&neighbor.import_policies, &neighbor.export_policies}) {
    if (!*names) continue;
    for (const auto& name : **names) {
      const auto was = confs.old_conf.policies.find(name), is = confs.new_conf.policies.find(name);
      const bool both = was != confs.old_conf.policies.end() && is != confs.new_conf.policies.end();
      if (!both || was->second != is->second) add(out, "/policies/" + name);
    }
  }
  return out;
}

/// What of the top level has the routes of every neighbour evaluated again (Rib::reconfigure()).
Keys differing_rib_keys(const Confs& confs) {
  Keys out;
  const auto compare = [&](const char* key, const auto& was, const auto& is) {
    if (was != is) out.emplace_back(key);
  };
  const auto was = rib_settings(confs.old_conf, confs.old_id, confs.old_conf.drain);
  const auto is = rib_settings(confs.new_conf, confs.new_id, confs.new_conf.drain);
  compare("/localAs", was.local_as, is.local_as);
  compare("/routerId", was.router_id, is.router_id);
  compare("/clusterId", confs.old_conf.cluster_id, confs.new_conf.cluster_id);
  compare("/kernel/multipath", was.multipath, is.multipath);
  compare("/kernel/multipathRelax", was.multipath_relax, is.multipath_relax);
  compare("/drain", was.draining, is.draining);
  return out;
}

/// The neighbour as the RIB would have it over one and the same session.
RibPeer as_rib_peer(const BgpdConf& conf, const NeighborConf& neighbor) {
  Session session;
  session.external = is_external(conf, neighbor);
  return rib_peer(conf, neighbor, session, neighbor.address, {});
}

/// `resets`: by reset_keys() or range_reset_keys(). Nothing to tell of it: no keys.
NeighborChange judge(const Confs& confs, const NeighborConf& was, const NeighborConf& is, Keys differing, Keys resets) {
  NeighborChange out;
  out.name = is.name;
  out.keys = std::move(differing);
  for (const auto& key : resets) add(out.keys, key);
  out.reset_by = std::move(resets);
  if (!out.reset_by.empty() && was.enabled) {
    out.effect = Effect::Reset;
    out.ends_sessions = true;
    return out;
  }
  if (!is.enabled) return out;
  auto again = differing_policies(confs, is);
  for (auto& key : differing_rib_keys(confs)) add(again, std::move(key));
  if (!again.empty() || as_rib_peer(confs.old_conf, was) != as_rib_peer(confs.new_conf, is))
    out.effect = Effect::Refresh;
  for (auto& key : again) add(out.keys, std::move(key));
  return out;
}

void compare_neighbors(const Confs& confs, std::vector<NeighborChange>& out) {
  const auto find = [](const BgpdConf& conf, const NeighborConf& neighbor) {
    const auto found = std::ranges::find(conf.neighbors, config::key_of(neighbor), config::key_of);
    return found == conf.neighbors.end() ? nullptr : &*found;
  };
  const auto whole = [](const NeighborConf& one, Effect effect) {
    return NeighborChange{.name = one.name,
                          .place = place_of(one),
                          .range = false,
                          .effect = effect,
                          .keys = {},
                          .reset_by = {},
                          .ends_sessions = effect == Effect::Removed && one.enabled};
  };
  for (const auto& was : confs.old_conf.neighbors)
    if (!find(confs.new_conf, was)) out.push_back(whole(was, Effect::Removed));
  for (const auto& is : confs.new_conf.neighbors) {
    const auto* was = find(confs.old_conf, is);
    if (!was) {
      out.push_back(whole(is, Effect::Added));
      continue;
    }
    Keys differing;
    add_differences(config::print_neighbor(*was), config::print_neighbor(is), "", differing);
    auto change = judge(confs, *was, is, std::move(differing),
                        reset_keys(confs.old_conf, confs.old_id, *was, confs.new_conf, confs.new_id, is));
    change.place = place_of(is);
    if (!change.keys.empty()) out.push_back(std::move(change));
  }
}

void compare_ranges(const Confs& confs, std::vector<NeighborChange>& out) {
  const auto find = [](const BgpdConf& conf, const Prefix& range) {
    const auto found = std::ranges::find(conf.dynamic_neighbors, range, &DynamicNeighborConf::range);
    return found == conf.dynamic_neighbors.end() ? nullptr : &*found;
  };
  const auto whole = [](const DynamicNeighborConf& one, Effect effect) {
    return NeighborChange{.name = one.settings.name,
                          .place = one.range.to_string(),
                          .range = true,
                          .effect = effect,
                          .keys = {},
                          .reset_by = {},
                          .ends_sessions = effect == Effect::Removed && one.settings.enabled};
  };
  for (const auto& was : confs.old_conf.dynamic_neighbors)
    if (!find(confs.new_conf, was.range)) out.push_back(whole(was, Effect::Removed));
  for (const auto& is : confs.new_conf.dynamic_neighbors) {
    const auto* was = find(confs.old_conf, is.range);
    if (!was) {
      out.push_back(whole(is, Effect::Added));
      continue;
    }
    Keys differing;
    add_differences(config::print_dynamic_neighbor(*was), config::print_dynamic_neighbor(is), "", differing);
    auto change = judge(confs, neighbor_of(*was, was->range.address(), ""), neighbor_of(is, is.range.address(), ""),
                        std::move(differing),
                        range_reset_keys(confs.old_conf, confs.old_id, *was, confs.new_conf, confs.new_id, is));
    change.range = true;
    change.name = is.settings.name;
    change.place = is.range.to_string();
    if (!change.keys.empty()) out.push_back(std::move(change));
  }
}

std::string joined(const Keys& keys) {
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? "" : ", ") + key;
  return out;
}

}  // namespace

std::string place_of(const config::NeighborConf& neighbor) {
  return neighbor.interface.value_or(neighbor.address.to_string());
}

config::NeighborConf neighbor_of(const DynamicNeighborConf& range, const IpAddress& address, const std::string& link) {
  auto out = range.settings;
  out.address = address;
  out.name.append("-").append(address.to_string());
  if (link.empty()) return out;  // the same address may call from another link as well
  out.name.append("-").append(link);
  out.bind_interface = link;
  return out;
}

std::string_view to_string(Effect effect) {
  constexpr std::array<std::string_view, 5> kNames{"live", "refresh", "reset", "added", "removed"};
  return kNames.at(static_cast<std::size_t>(effect));
}

std::vector<std::string> range_reset_keys(const BgpdConf& old_conf, RouterId old_id, const DynamicNeighborConf& was,
                                          const BgpdConf& new_conf, RouterId new_id, const DynamicNeighborConf& is) {
  return reset_keys(old_conf, old_id, neighbor_of(was, was.range.address(), ""), new_conf, new_id,
                    neighbor_of(is, is.range.address(), ""));
}

ConfChanges compare_confs(const BgpdConf& old_conf, RouterId old_id, const BgpdConf& new_conf, RouterId new_id) {
  ConfChanges out;
  const auto compare = [&](const char* key, const auto& was, const auto& is) {
    if (was != is) out.sections.emplace_back(key);
  };
  compare("/localAs", old_conf.local_as, new_conf.local_as);
  compare("/routerId", old_id, new_id);
  compare("/listen", old_conf.listen, new_conf.listen);
  compare("/clusterId", old_conf.cluster_id, new_conf.cluster_id);
  compare("/originate", old_conf.originate, new_conf.originate);
  compare("/kernel", old_conf.kernel, new_conf.kernel);
  compare("/guard", old_conf.guard, new_conf.guard);
  compare("/policies", old_conf.policies, new_conf.policies);
  compare("/control", old_conf.control, new_conf.control);
  compare("/metrics", old_conf.metrics, new_conf.metrics);
  compare("/mrt", old_conf.mrt, new_conf.mrt);
  compare("/logLevel", old_conf.log_level, new_conf.log_level);
  compare("/stateFile", old_conf.state_file, new_conf.state_file);
  compare("/onStop", old_conf.on_stop, new_conf.on_stop);
  compare("/drain", old_conf.drain, new_conf.drain);
  const Confs confs{old_conf, old_id, new_conf, new_id};
  compare_ranges(confs, out.neighbors);
  compare_neighbors(confs, out.neighbors);
  return out;
}

std::vector<std::string> describe(const ConfChanges& changes) {
  std::vector<std::string> out;
  for (const auto& section : changes.sections) out.push_back(section + " changed");
  for (const auto& one : changes.neighbors) {
    auto line = (one.range ? "range " : "neighbor ") + one.name + " (" + one.place + ") ";
    if (one.effect == Effect::Added || one.effect == Effect::Removed)
      line += to_string(one.effect);
    else
      line += "changed (" + joined(one.effect == Effect::Reset ? one.reset_by : one.keys) + ")";
    if (one.effect == Effect::Reset) line += one.range ? "; its sessions are reset" : "; its session is reset";
    if (one.effect == Effect::Refresh) line += "; its routes are evaluated again";
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<std::string> conf_changes(const BgpdConf& old_conf, RouterId old_id, const BgpdConf& new_conf,
                                      RouterId new_id) {
  return describe(compare_confs(old_conf, old_id, new_conf, new_id));
}

}  // namespace slash32::bgp
