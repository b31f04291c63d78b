// node.json: which addresses this node's pods get, and under which address they leave the cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/plan/plan.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

struct NodeFile {
  std::optional<std::string> text;  // accepted by config's reader; nothing: not to be written
  std::string waiting;              // then why
  std::string notice;               // what had to be left out of it
};

/// `node` is this node.
NodeFile plan_node_file(const World& world, const model::BgpConfiguration& conf, const model::Node& node);

}  // namespace slash32::agent::plan
