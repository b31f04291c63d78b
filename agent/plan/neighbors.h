// neighbors[] of bgpd.json: the other nodes, or those of them that reflect, and the BGPPeers of this node. Nothing in
// it depends on Services, so that one that comes or goes never touches a session.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// Names of policies, as neighbours ask for them. ':' is in no name of an object, so none of these can be taken.
std::string filter_policy(const std::string& filter);
std::string announce_policy(const std::string& peer);
inline constexpr const char* kMeshGroup = "mesh";
inline constexpr const char* kAnnounceMesh = "announce:";  // no BGPPeer has an empty name
inline constexpr const char* kImportMesh = "import:";
inline constexpr const char* kOwn = "own";
inline constexpr const char* kAll = "all";
inline constexpr const char* kNone = "none";

struct NeighborPlan {
  nlohmann::ordered_json groups = nlohmann::ordered_json::object();    // peerGroups
  nlohmann::ordered_json neighbors = nlohmann::ordered_json::array();  // each accepted by config's reader
  std::vector<PlannedNeighbor> planned;
  std::set<std::string> peers;    // BGPPeers in it
  std::set<std::string> filters;  // BGPFilters they use
  std::map<std::string, std::string> secret_files;
  bool has_nodes = false;  // neighbours that are nodes
  bool reflects = false;   // this node is a reflector
  std::string notice;      // what differs from what was asked for
  std::string broken;      // what BGPConfiguration says of all nodes' sessions and cannot be
};

/// This node's identity in BGP.
struct Speaker {
  const model::Node* node = nullptr;
  Asn as;
};

NeighborPlan plan_neighbors(const World& world, const model::BgpConfiguration& conf, const Speaker& self,
                            const PlanOptions& options);

/// The Secrets that its neighbours name.
std::set<model::SecretRef> secrets_of(const World& world, const model::BgpConfiguration& conf, const model::Node& node);

}  // namespace slash32::agent::plan
