// What is said back to the API, as requests. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kube/request.h"
#include "agent/model/meta.h"
#include "agent/plan/plan.h"
#include "agent/plan/status.h"
#include "common/result.h"

namespace slash32::agent {

/// How the API names a kind and where it keeps it. EndpointSlices: of `discovery.k8s.io/v1`, unless discovered
/// otherwise.
kube::Resource resource_of(model::Kind kind);

/// Which version of EndpointSlices to use, from the answer to GET /apis/discovery.k8s.io: v1, or v1beta1 where that is
/// all there is. Error: the answer names neither.
Result<std::string> endpoint_slice_version(std::string_view group);

/// The Node's condition NetworkUnavailable becomes False. `now`: RFC 3339.
kube::Request clear_network_unavailable(const std::string& node, const std::string& now);

/// Creates the Event. Its name follows from what it says, so that saying it again, also in a later life, is a 409 and
/// no second Event.
kube::Request event_request(const plan::Event& event, const std::string& node, const std::string& node_uid,
                            const std::string& now);

/// BGPNodeStatus of this node: read, made without its status (which creation ignores), its status changed.
kube::Request get_node_status(const std::string& node);
kube::Request create_node_status(const nlohmann::json& object);
kube::Request patch_node_status(const std::string& node, const nlohmann::json& object);

/// The answer to bgpd's GET /v1/neighbors, by the neighbour's name. `now_seconds`: UNIX time, for when sessions began.
Result<std::map<std::string, plan::SessionView>> read_sessions(std::string_view answer, std::int64_t now_seconds);

/// The conditions in the answer to bgpd's GET /v1/status.
Result<std::vector<std::string>> read_conditions(std::string_view answer);

/// UNIX time as RFC 3339 in UTC, to the second.
std::string rfc3339(std::int64_t seconds);

}  // namespace slash32::agent
