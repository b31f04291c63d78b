#include "bgpd/conf_changes.h"

#include <algorithm>

#include "bgpd/settings.h"

namespace slash32::bgp {
namespace {

const config::NeighborConf* find(const config::BgpdConf& conf, const IpAddress& address) {
  const auto found = std::ranges::find(conf.neighbors, address, &config::NeighborConf::address);
  return found == conf.neighbors.end() ? nullptr : &*found;
}

std::string title(const config::NeighborConf& neighbor) {
  return "neighbor " + neighbor.name + " (" + neighbor.address.to_string() + ") ";
}

}  // namespace

std::vector<std::string> conf_changes(const config::BgpdConf& old_conf, RouterId old_id,
                                      const config::BgpdConf& new_conf, RouterId new_id) {
  std::vector<std::string> out;
  const auto compare = [&](const char* key, const auto& was, const auto& is) {
    if (was != is) out.push_back(std::string(key) + " changed");
  };
  compare("/localAs", old_conf.local_as, new_conf.local_as);
  compare("/routerId", old_id, new_id);
  compare("/listen", old_conf.listen, new_conf.listen);
  compare("/clusterId", old_conf.cluster_id, new_conf.cluster_id);
  compare("/originate", old_conf.originate, new_conf.originate);
  compare("/kernel", old_conf.kernel, new_conf.kernel);
  compare("/policies", old_conf.policies, new_conf.policies);
  compare("/dynamicNeighbors", old_conf.dynamic_neighbors, new_conf.dynamic_neighbors);
  compare("/control", old_conf.control, new_conf.control);
  compare("/metrics", old_conf.metrics, new_conf.metrics);
  compare("/logLevel", old_conf.log_level, new_conf.log_level);
  compare("/stateFile", old_conf.state_file, new_conf.state_file);
  compare("/onStop", old_conf.on_stop, new_conf.on_stop);
  compare("/drain", old_conf.drain, new_conf.drain);
  for (const auto& was : old_conf.neighbors)
    if (!find(new_conf, was.address)) out.push_back(title(was) + "removed");
  for (const auto& is : new_conf.neighbors) {
    const auto* was = find(old_conf, is.address);
    if (!was) {
      out.push_back(title(is) + "added");
    } else if (old_id != new_id || needs_reset(old_conf, *was, new_conf, is, new_id)) {
      out.push_back(title(is) + "changed; its session is reset");
    } else if (*was != is) {
      out.push_back(title(is) + "changed");
    }
  }
  return out;
}

}  // namespace slash32::bgp
