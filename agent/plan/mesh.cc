#include "agent/plan/mesh.h"

#include <algorithm>

#include "agent/model/neighbor_settings.h"
#include "agent/plan/neighbor_check.h"
#include "config/special_address.h"

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

/// One session for both families, over IPv4 where both nodes have it.
std::optional<AddressFamily> common_family(const Node& a, const Node& b) {
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    if (a.address(family) && b.address(family)) return family;
  return std::nullopt;
}

std::string why_not(const Node& self, const Node& other) {
  if (!other.overrides.errors.empty()) return other.overrides.errors.front().message;
  if (!common_family(self, other)) return "it and this node have no InternalIP of one family";
  return {};
}

ordered_json neighbor_of(const Speaker& self, const Node& other, Asn other_as, bool client) {
  const auto family = *common_family(*self.node, other);
  ordered_json out = {{"name", neighbor_name("node:" + other.meta.key.name)},
                      {"address", other.address(family)->to_string()},
                      {"remoteAs", other_as.value},
                      {"localAddress", self.node->address(family)->to_string()},
                      {"group", kMeshGroup}};
  if (client && other_as == self.as) out["routeReflectorClient"] = true;
  return out;
}

/// An annotation's address is checked where it is read, an InternalIP by nobody: one that bgpd's reader refuses would
/// take the whole document with it. Only special addresses are asked for, so a large mesh costs nothing more.
std::string address_complaint(const ordered_json& neighbor, const ordered_json& group, Asn local_as) {
  const auto address = IpAddress::parse(neighbor.at("address").get<std::string>());
  const auto* special = address ? config::special_around(Prefix::host(*address)) : nullptr;
  if (!special || complaint_about(neighbor, {{kMeshGroup, group}}, local_as).empty()) return {};
  return "its InternalIP " + address->to_string() + " is " + std::string(special->text);
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
    if (const auto problem = why_not(*self.node, other); !problem.empty()) {
      left_out.push_back({title, "", "Node " + name, problem, false});
      continue;
    }
    auto neighbor = neighbor_of(self, other, other.overrides.as.value_or(conf.as), plan.reflects && !other_reflects);
    if (const auto problem = address_complaint(neighbor, plan.group, self.as); !problem.empty()) {
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
