// Sessions between nodes: everyone with everyone, or with the nodes that reflect (RFC 4456).
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/plan/neighbors.h"
#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

struct MeshPlan {
  nlohmann::ordered_json group = nlohmann::ordered_json::object();  // what its neighbours share
  std::vector<nlohmann::ordered_json> neighbors;
  std::vector<PlannedNeighbor> planned;  // of the neighbours in their order, then of nodes that cannot be one
  std::map<std::string, std::string> secret_files;
  bool reflects = false;
  std::string notice;
};

MeshPlan plan_mesh(const World& world, const model::BgpConfiguration& conf, const Speaker& self,
                   const PlanOptions& options);

}  // namespace slash32::agent::plan
