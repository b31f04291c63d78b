#include "agent/plan/neighbors.h"

#include <algorithm>
#include <utility>

#include "agent/model/neighbor_settings.h"
#include "agent/plan/mesh.h"
#include "agent/plan/neighbor_check.h"
#include "agent/plan/node_peers.h"

namespace slash32::agent::plan {
namespace {

using model::BgpConfiguration;
using model::BgpPeer;
using nlohmann::ordered_json;
using Names = std::vector<std::string>;

/// The oldest first: one that is made later never takes an address from one that has it.
std::vector<const BgpPeer*> peers_on(const World& world, const model::Node& node) {
  std::vector<const BgpPeer*> out;
  const auto& labels = node.meta.labels;
  for (const auto& [name, peer] : world.peers)
    if (peer.nodes.matches(labels) || (peer.peer_nodes && peer.peer_nodes->matches(labels))) out.push_back(&peer);
  std::ranges::stable_sort(out, {}, [](const BgpPeer* peer) { return peer->meta.created; });
  return out;
}

bool is_external(const BgpPeer& peer, Asn node_as) {
  const auto& remote = peer.settings.at("remoteAs");
  if (remote.is_string()) return remote == "external";
  const auto local =
      peer.settings.contains("localAs") ? peer.settings.at("localAs").get<std::uint32_t>() : node_as.value;
  return remote.get<std::uint32_t>() != local;
}

void say(std::string& problem, const std::string& sentence) { problem += (problem.empty() ? "" : "; ") + sentence; }

/// The names of filters, or nothing where one of them does not exist: then nothing passes.
std::optional<Names> filters_of(const Names& names, const World& world, NeighborPlan& plan, std::string& problem) {
  Names out;
  for (const auto& name : names) {
    if (!world.filters.contains(name)) {
      say(problem, "there is no BGPFilter \"" + name + "\": no routes pass in that direction");
      return std::nullopt;
    }
    const auto policy = filter_policy(name);
    if (std::ranges::find(out, policy) == out.end()) out.push_back(policy);
    plan.filters.insert(name);
  }
  return out;
}

/// Nothing: bgpd's default for this type of peer.
std::optional<Names> import_of(const BgpPeer& peer, const World& world, Asn node_as, NeighborPlan& plan,
                               std::string& problem) {
  auto filters = filters_of(peer.import_filters, world, plan, problem);
  if (!filters) return Names{kNone};
  // Without filters eBGP's own default says "no policy" in the status (RFC 8212).
  if (!peer.default_import && is_external(peer, node_as) && filters->empty()) return std::nullopt;
  const bool accepts =
      peer.default_import ? *peer.default_import == model::DefaultImport::Accept : !is_external(peer, node_as);
  filters->push_back(accepts ? kAll : kNone);
  return filters;
}

const char* rest_of(model::DefaultExport what) {
  return what == model::DefaultExport::All ? kAll : what == model::DefaultExport::None ? kNone : kOwn;
}

Names export_of(const BgpPeer& peer, const World& world, NeighborPlan& plan, std::string& problem) {
  auto filters = filters_of(peer.export_filters, world, plan, problem);
  if (!filters) return {kNone};
  Names out = {announce_policy(peer.meta.key.name)};
  for (auto& filter : *filters) out.push_back(std::move(filter));
  out.emplace_back(rest_of(peer.default_export.value_or(model::DefaultExport::Own)));
  return out;
}

/// Of another node, whatever its AS is, as of the mesh's (policies.h).
Names import_of_node(const BgpPeer& peer, const World& world, NeighborPlan& plan, std::string& problem) {
  auto filters = filters_of(peer.import_filters, world, plan, problem);
  if (!filters) return {kNone};
  filters->emplace_back(peer.default_import == model::DefaultImport::Reject ? kNone : kImportMesh);
  return *filters;
}

Names export_to_node(const BgpPeer& peer, bool client, const World& world, NeighborPlan& plan, std::string& problem) {
  auto filters = filters_of(peer.export_filters, world, plan, problem);
  if (!filters) return {kNone};
  filters->insert(filters->begin(), kAnnounceMesh);
  const auto rest = client ? model::DefaultExport::All : model::DefaultExport::Own;
  filters->emplace_back(rest_of(peer.default_export.value_or(rest)));
  return *filters;
}

/// A neighbour's place in the world: the address it is called at, or the link alone that it is on.
struct Target {
  std::string name;
  std::optional<IpAddress> address;  // nothing: whoever advertises itself on `interface`
  std::optional<std::string> interface;
};

std::string text_of(const Target& target) {
  return target.address ? target.address->to_string() : target.interface.value_or("");
}

std::vector<Target> targets_of(const BgpPeer& peer, const World& world, std::string& problem) {
  const auto& name = peer.meta.key.name;
  if (peer.interface) return {{neighbor_name(name), std::nullopt, peer.interface}};
  if (peer.address) return {{neighbor_name(name), *peer.address, std::nullopt}};
  std::vector<Target> out;
  for (const auto& gateway : world.default_gateways) {
    if (!peer.default_gateway || gateway.address.family() != *peer.default_gateway) continue;
    Target target{neighbor_name(name + "_" + gateway.address.to_string()), gateway.address, std::nullopt};
    if (gateway.address.is_v6() && gateway.address.is_link_local()) target.interface = gateway.interface;
    if (std::ranges::find(out, target.name, &Target::name) == out.end()) out.push_back(std::move(target));
  }
  std::ranges::sort(out, {}, &Target::address);
  if (out.empty()) problem = "the node has no default gateway of this family";
  return out;
}

/// The file of a Secret's entry. Where that is missing, so is the file, and bgpd holds the session down.
std::string add_secret(const model::SecretRef& ref, const World& world, const PlanOptions& options, NeighborPlan& plan,
                       std::string& problem) {
  const auto path = secret_path(ref, options);
  const auto secret = world.secrets.find(ref.name);
  const bool there = secret != world.secrets.end() && secret->second.data.contains(ref.key);
  if (there)
    plan.secret_files[path] = secret->second.data.at(ref.key);
  else
    say(problem, "Secret \"" + ref.name + "\" with the entry \"" + ref.key + "\" is missing: the session is held down");
  return path;
}

class Planner {
 public:
  Planner(const World& world, const BgpConfiguration& conf, const Speaker& self, const PlanOptions& options)
      : world_(world), conf_(conf), self_(self), options_(options) {}

  void add_peer(const BgpPeer& peer) {
    if (peer.peer_nodes) return add_nodes(peer);
    std::string problem;
    const auto targets = targets_of(peer, world_, problem);
    if (targets.empty()) note(neighbor_name(peer.meta.key.name), "", peer, problem, false);
    for (const auto& target : targets) add_target(peer, target);
  }

  void add_mesh() {
    auto mesh = plan_mesh(world_, conf_, self_, options_);
    plan_.reflects = mesh.reflects;
    plan_.notice = mesh.notice;
    plan_.secret_files.merge(mesh.secret_files);
    if (mesh.neighbors.empty()) {
      plan_.planned.insert(plan_.planned.end(), mesh.planned.begin(), mesh.planned.end());
      return;
    }
    plan_.has_nodes = true;
    plan_.groups[kMeshGroup] = mesh.group;
    plan_.broken = complaint_about(mesh.neighbors.front(), plan_.groups, self_.as);
    for (std::size_t i = 0; i < mesh.neighbors.size(); ++i) add_node(mesh.planned[i], std::move(mesh.neighbors[i]));
    plan_.planned.insert(plan_.planned.end(), mesh.planned.begin() + static_cast<std::ptrdiff_t>(mesh.neighbors.size()),
                         mesh.planned.end());
  }

  NeighborPlan take() { return std::move(plan_); }

 private:
  /// A BGPPeer that names a node's address stands in its place.
  void add_node(PlannedNeighbor planned, ordered_json neighbor) {
    const auto [at, fresh] = taken_.emplace(planned.address, planned.origin);
    if (!fresh) planned.problem = "its address is that of " + at->second;
    if (is_own(*IpAddress::parse(planned.address))) planned.problem = "its address is this node's own";
    planned.configured = planned.problem.empty();
    if (planned.configured) plan_.neighbors.push_back(std::move(neighbor));
    plan_.planned.push_back(std::move(planned));
  }

  /// What one of them has for settings all have: the first one's complaint is everybody's.
  void add_nodes(const BgpPeer& peer) {
    bool first = true;
    for (const auto& other : node_peers_of(world_, peer, *self_.node)) {
      const auto name = neighbor_name(peer.meta.key.name + "_" + other.node->meta.key.name);
      const auto at_fault = "Node " + other.node->meta.key.name + ": ";
      if (const auto why = why_no_session(*self_.node, *other.node); !why.empty()) {
        note(name, "", peer, at_fault + why, false);
        continue;
      }
      std::string problem;
      auto neighbor = node_neighbor_of(peer, other, name, problem);
      const std::string address = neighbor["address"];
      if (const auto why = complaint_about_node(neighbor, ordered_json::object(), self_.as); !why.empty()) {
        note(name, "", peer, at_fault + why, false);
        continue;
      }
      if (std::exchange(first, false))
        if (const auto why = complaint_about(neighbor, ordered_json::object(), self_.as); !why.empty())
          return note(neighbor_name(peer.meta.key.name), "", peer, why, false);
      // Selectors overlap: who wants what there is already wants nothing.
      if (!taken_.emplace(address, "BGPPeer " + peer.meta.key.name).second) continue;
      plan_.has_nodes = true;
      plan_.neighbors.push_back(std::move(neighbor));
      note(name, address, peer, problem, true);
    }
  }

  ordered_json node_neighbor_of(const BgpPeer& peer, const NodePeer& other, const std::string& name,
                                std::string& problem) {
    const auto as = other.node->overrides.as.value_or(conf_.as);
    const auto ends = ends_between(*self_.node, *other.node);
    ordered_json out = {{"name", name}, {"address", ends.remote}};
    const auto settings = model::merged(conf_.neighbor_defaults, peer.settings);
    for (const auto& [key, value] : settings.items()) out[key] = value;
    out["remoteAs"] = as.value;
    out["localAddress"] = ends.local;
    if (conf_.listen_port && !out.contains("port")) out["port"] = *conf_.listen_port;
    // One end alone can say these, and where the selectors overlap, neither.
    const bool client = other.one_sided && as == self_.as && out.value("routeReflectorClient", false);
    if (!client) out.erase("routeReflectorClient");
    if (!other.one_sided) out.erase("passive");
    add_keys(peer, out, problem);
    out["import"] = import_of_node(peer, world_, plan_, problem);
    out["export"] = export_to_node(peer, client, world_, plan_, problem);
    return out;
  }

  void note(const std::string& name, const std::string& address, const BgpPeer& peer, const std::string& problem,
            bool configured) {
    plan_.planned.push_back({name, address, "BGPPeer " + peer.meta.key.name, problem, configured});
  }

  bool is_own(const IpAddress& address) const {
    return std::ranges::find(self_.node->internal_ips, address) != self_.node->internal_ips.end() ||
           self_.node->address(address.family()) == address;
  }

  void add_target(const BgpPeer& peer, const Target& target) {
    if (target.address && is_own(*target.address)) return;  // one of a pair of nodes that peer with each other
    const auto text = text_of(target);
    std::string problem;
    auto neighbor = neighbor_of(peer, target, problem);
    if (const auto complaint = complaint_about(neighbor, ordered_json::object(), self_.as); !complaint.empty())
      return note(target.name, text, peer, complaint, false);
    if (const auto [at, fresh] = taken_.emplace(text, "BGPPeer " + peer.meta.key.name); !fresh)
      return note(target.name, text, peer, "its address is that of " + at->second, false);
    plan_.neighbors.push_back(std::move(neighbor));
    plan_.peers.insert(peer.meta.key.name);
    note(target.name, text, peer, problem, true);
  }

  ordered_json neighbor_of(const BgpPeer& peer, const Target& target, std::string& problem) {
    ordered_json out = {{"name", target.name}, {target.address ? "address" : "interface", text_of(target)}};
    const auto settings = model::merged(conf_.neighbor_defaults, peer.settings);
    for (const auto& [key, value] : settings.items()) out[key] = value;
    if (target.address && target.interface && !out.contains("bindInterface")) out["bindInterface"] = *target.interface;
    if (peer.source_node_address && target.address && !out.contains("localAddress"))
      if (const auto own = self_.node->address(target.address->family())) out["localAddress"] = own->to_string();
    add_keys(peer, out, problem);
    if (const auto import = import_of(peer, world_, self_.as, plan_, problem)) out["import"] = *import;
    out["export"] = export_of(peer, world_, plan_, problem);
    return out;
  }

  void add_keys(const BgpPeer& peer, ordered_json& neighbor, std::string& problem) {
    if (peer.password) neighbor["passwordFile"] = add_secret(*peer.password, world_, options_, plan_, problem);
    for (const auto& key : peer.tcp_ao) {
      auto& added = neighbor["tcpAo"]["keys"].emplace_back(key.settings);
      added["keyFile"] = add_secret(key.secret, world_, options_, plan_, problem);
    }
  }

  const World& world_;
  const BgpConfiguration& conf_;
  const Speaker& self_;
  const PlanOptions& options_;
  std::map<std::string, std::string> taken_;  // address to whose it is
  NeighborPlan plan_;
};

}  // namespace

std::string filter_policy(const std::string& filter) { return "filter:" + filter; }
std::string announce_policy(const std::string& peer) { return "announce:" + peer; }

NeighborPlan plan_neighbors(const World& world, const BgpConfiguration& conf, const Speaker& self,
                            const PlanOptions& options) {
  Planner planner(world, conf, self, options);
  for (const auto* peer : peers_on(world, *self.node)) planner.add_peer(*peer);
  planner.add_mesh();
  return planner.take();
}

std::set<model::SecretRef> secrets_of(const World& world, const BgpConfiguration& conf, const model::Node& node) {
  std::set<model::SecretRef> out;
  if (conf.mesh.password) out.insert(*conf.mesh.password);
  for (const auto* peer : peers_on(world, node)) {
    if (peer->password) out.insert(*peer->password);
    for (const auto& key : peer->tcp_ao) out.insert(key.secret);
  }
  return out;
}

}  // namespace slash32::agent::plan
