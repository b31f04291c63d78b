// What is announced, and policies{} of bgpd.json: who is told of it. What is told to all carries its attributes in
// originate (originate.h); only what is not told to all, or not to all alike, makes terms.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/advertise.h"
#include "agent/plan/neighbors.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

/// Everything this node announces.
struct Announced {
  std::vector<Advertisement> advertisements;
  std::vector<Prefix> pods;  // its pod ranges, with those it had before and a pod still lives in
  std::map<Prefix, std::set<std::size_t>> services;
  std::set<Prefix> only_here;          // of the services: nobody else has their endpoints
  bool drain_keeps_services = false;   // what drains the node now is no reason to withdraw them
  std::vector<Prefix> service_ranges;  // all that is known of where Service addresses come from
  std::vector<Prefix> cluster_pods;    // pod ranges of the whole cluster
  bool mesh_has_services = false;      // some advertisement, on whatever node, tells nodes of Services
  bool blackhole_aggregates = false;
  std::set<Prefix> drop_unused;  // of the services, aggregates: what nobody translated is dropped, not sent back
  std::set<Prefix> not_dropped;  // would be in drop_unused, but pods or nodes have addresses in it
  std::string pod_routes;        // originate.podRoutes
};

Announced announced_by(const World& world, const model::BgpConfiguration& conf, const model::Node& node,
                       const Advertisements& advertisements,
                       const std::map<Prefix, std::set<std::size_t>>& service_routes);

/// The advertisements that ask for this kind (indices).
std::set<std::size_t> of_kind(const Announced& announced, bool model::AdvertisedKinds::* kind);

/// Those that the neighbours of `plan` name.
nlohmann::ordered_json policies_json(const Announced& announced, const NeighborPlan& plan, const World& world);

}  // namespace slash32::agent::plan
