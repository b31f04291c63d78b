// From the world to what this node shall have: node.json, bgpd.json, password files, and what is said about it. Pure:
// the same world gives the same bytes, and the order in which objects came does not matter. The shell compares with
// what is there and writes what differs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "agent/plan/world.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::agent::plan {

/// Paths as they stand on the node.
struct PlanOptions {
  std::string node_name;
  std::string secrets_dir = "/run/slash32/secrets";
  std::string bgpd_socket = "/run/slash32/bgpd.sock";
  std::string bgpd_state_file = "/run/slash32/bgpd.state";
  bool keeps_tables = true;  // the agent brings the network's nftables tables up to date: it knows which it is
};

/// A condition of BGPNodeStatus.
struct Condition {
  std::string type;  // "Ready", "NodeConfigured", "BGPConfigured", "SpeakerHealthy", "Accepted"
  bool status = false;
  std::string reason;   // one word
  std::string message;  // sentences for people
  bool operator==(const Condition&) const = default;
};

/// To be said once when it appears, not again while it stays in the plan.
struct Event {
  model::Kind kind = model::Kind::Node;
  model::ObjectKey key;
  bool warning = true;
  std::string reason;
  std::string message;
  std::string uid;  // of a Service: the Event is about this one, not one of its name that comes later
  auto operator<=>(const Event&) const = default;
};

/// A neighbour of the plan, for status.
struct PlannedNeighbor {
  std::string name;     // in bgpd.json
  std::string address;  // empty: not known
  std::string origin;   // "BGPPeer tor1", "Node n2"
  std::string problem;  // empty, or why it is not configured, or what it waits for
  bool configured = false;
  bool operator==(const PlannedNeighbor&) const = default;
};

struct ServiceCounts {
  std::uint32_t announced = 0;  // prefixes of Services
  std::uint32_t withheld = 0;   // addresses selected by an advertisement, but not announced from here
  bool operator==(const ServiceCounts&) const = default;
};

struct Desired {
  /// The text of node.json; nothing: what is there stays (waiting says why).
  std::optional<std::string> node_json;
  /// The text of bgpd.json, accepted by config's reader; nothing: what is there stays.
  std::optional<std::string> bgpd_json;
  /// Path to content, mode 0600, to be written before bgpd_json. Files of secrets_dir that are not here go after it.
  std::map<std::string, std::string> secret_files;
  /// What the plan waits for, in sentences; empty: node_json and bgpd_json are both there.
  std::vector<std::string> waiting;
  std::vector<Condition> conditions;
  std::vector<Event> events;
  std::vector<PlannedNeighbor> neighbors;
  ServiceCounts services;
  std::optional<Asn> as;
  std::optional<std::string> router_id;  // nothing: not planned yet, or bgpd chooses
  std::vector<Prefix> pod_cidrs;
  bool operator==(const Desired&) const = default;
};

/// Sentences with semicolons between them; of many, the first and how many more.
std::string joined_text(const std::vector<std::string>& sentences);

/// Never fails: what cannot be is left out and reported; what is left is complete in itself. Of Services all are looked
/// at, and of bgpd.json all is checked.
Desired make_plan(const World& world, const PlanOptions& options);

}  // namespace slash32::agent::plan
