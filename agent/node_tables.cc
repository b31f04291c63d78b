#include "agent/node_tables.h"

#include <chrono>

#include "common/cni/deadline.h"
#include "common/node/anti_spoofing.h"
#include "common/node/masquerade.h"
#include "config/node_conf.h"

namespace slash32::agent {
namespace {

constexpr std::chrono::seconds kPatience{2};  // the loop stands still meanwhile; the kernel answers within milliseconds

}  // namespace

Status keep_node_tables(const std::string& network, std::string_view node_json) {
  const auto deadline = cni::Deadline::in(kPatience);
  TRY(node::prepare_anti_spoofing(deadline));
  const auto conf = TRY(config::parse_node_conf(node_json));
  if (!conf.masquerade) return ok();
  auto exempt = conf.masquerade_exempt;
  exempt.insert(exempt.end(), conf.pod_cidrs.begin(), conf.pod_cidrs.end());
  return node::prepare_masquerade(network, exempt, node::NodeFile::Read, deadline);
}

}  // namespace slash32::agent
