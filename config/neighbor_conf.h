// neighbors[], dynamicNeighbors[] and peerGroups{} of bgpd.json. A group is read with a neighbour's own readers and
// laid under each of its members: what a neighbour says itself wins, key by key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json_field.h"
#include "config/bgpd_conf.h"

namespace slash32::config {

/// What neighbours are checked against.
struct NeighborContext {
  Asn local_as;
  const std::map<std::string, Policy>* policies = nullptr;
  const JsonField* groups = nullptr;  // peerGroups{}, or nothing
};

/// Checks peerGroups{} by itself, so that a mistake in a group is told once and at its place.
void check_groups(const JsonField& field, const NeighborContext& context, std::vector<Error>& errors);
std::vector<NeighborConf> read_neighbors(const JsonField& field, const NeighborContext& context,
                                         std::vector<Error>& errors);
std::vector<DynamicNeighborConf> read_dynamic_neighbors(const JsonField& field, const NeighborContext& context,
                                                        std::vector<Error>& errors);

nlohmann::ordered_json print_neighbor(const NeighborConf& neighbor);
nlohmann::ordered_json print_dynamic_neighbor(const DynamicNeighborConf& neighbor);

}  // namespace slash32::config
