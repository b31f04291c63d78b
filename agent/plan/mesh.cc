#include "agent/plan/mesh.h"

#include <algorithm>

#include "agent/model/neighbor_settings.h"
#include "agent/plan/neighbor_check.h"
#include "agent/plan/node_peers.h"

namespace slash32::agent::plan {
namespace {

using model::BgpConfiguration;
using model::Node;
using nlohmann::ordered_json;

/// Who reflects; nobody where that is not configured, or where no node matches.
std::set<std::string> reflectors_of(const World& world, const BgpConfiguration& conf) {
  std::set<std::string> out;
  if (!conf.reflectors) return out;
  for (const auto& [name, node] : world.nodes)
    if (conf.reflectors->nodes.matches(node.meta.labels)) out.insert(name);
  return out;
}

ordered_json group_of(const World& world, const BgpConfiguration& conf, bool reflects, const PlanOptions& options,
                      MeshPlan& plan) {
  ordered_json group = ordered_json::object();
  const auto settings = model::merged(conf.neighbor_defaults, conf.mesh.settings);
  for (const auto& [key, value] : settings.items()) group[key] = value;
  if (conf.listen_port && !group.contains("port")) group["port"] = *conf.listen_port;
  if (conf.mesh.password) {
    const auto path = secret_path(*conf.mesh.password, options);
    group["passwordFile"] = path;
    const auto secret = world.secrets.find(conf.mesh.password->name);
    if (secret != world.secrets.end() && secret->second.data.contains(conf.mesh.password->key))
      plan.secret_files[path] = secret->second.data.at(conf.mesh.password->key);
    else
      plan.notice = "Secret \"" + conf.mesh.password->name + "\" with the entry \"" + conf.mesh.password->key +
                    "\" is missing: the sessions between nodes are held down";
  }
  group["import"] = {kImportMesh};
  group["export"] = {kAnnounceMesh, reflects ? kAll : kOwn};
  return group;
}

ordered_json neighbor_of(const Speaker& self, const Node& other, Asn other_as, bool client) {
  const auto ends = ends_between(*self.node, other);
  ordered_json out = {{"name", neighbor_name("node:" + other.meta.key.name)},
                      {"address", ends.remote},
                      {"remoteAs", other_as.value},
                      {"localAddress", ends.local},
                      {"group", kMeshGroup}};
  if (client && other_as == self.as) out["routeReflectorClient"] = true;
  return out;
}

}  // namespace

MeshPlan plan_mesh(const World& world, const BgpConfiguration& conf, const Speaker& self, const PlanOptions& options) {
  MeshPlan plan;
  const auto reflectors = reflectors_of(world, conf);
  plan.reflects = reflectors.contains(self.node->meta.key.name);
  if (!conf.mesh.enabled && reflectors.empty()) return plan;
  plan.group = group_of(world, conf, plan.reflects, options, plan);
  if (conf.reflectors && reflectors.empty() && plan.notice.empty())
    plan.notice = "no node matches /spec/reflectors/nodeSelector: the mesh is full";
  std::vector<PlannedNeighbor> left_out;
  for (const auto& [name, other] : world.nodes) {
    const bool other_reflects = reflectors.contains(name);
    if (name == self.node->meta.key.name) continue;
    if (!reflectors.empty() && !plan.reflects && !other_reflects) continue;
    const auto title = neighbor_name("node:" + name);
    if (const auto problem = why_no_session(*self.node, other); !problem.empty()) {
      left_out.push_back({title, "", "Node " + name, problem, false});
      continue;
    }
    auto neighbor = neighbor_of(self, other, other.overrides.as.value_or(conf.as), plan.reflects && !other_reflects);
    if (const auto problem = complaint_about_node(neighbor, {{kMeshGroup, plan.group}}, self.as); !problem.empty()) {
      left_out.push_back({title, "", "Node " + name, problem, false});
      continue;
    }
    plan.planned.push_back({title, neighbor["address"], "Node " + name, "", true});
    plan.neighbors.push_back(std::move(neighbor));
  }
  plan.planned.insert(plan.planned.end(), left_out.begin(), left_out.end());
  return plan;
}

}  // namespace slash32::agent::plan
