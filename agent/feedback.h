// What the agent says back to the API: the Node's condition, Events, BGPNodeStatus. One thing at a time, each tried
// again when the API did not take it; nothing here holds up the node.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "agent/kube/client.h"
#include "agent/plan/plan.h"
#include "agent/plan/status.h"
#include "common/clock.h"

namespace slash32::agent {

class Feedback {
 public:
  Feedback(kube::Client& client, std::string node) : client_(client), node_(std::move(node)) {}

  /// Tells the Events that are new in this plan.
  void events(const std::vector<plan::Event>& now_in_plan, const std::string& node_uid);
  /// The network is up on this node, and the Node says otherwise.
  void clear_network_unavailable();
  /// BGPNodeStatus shall say this; written when it differs, at most every 10 s, and for counters alone every 5 minutes.
  void status(const plan::Desired& desired, const plan::PlanOptions& options, plan::NodeView view);

  /// What the API did not take, for the status; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  enum class Known : std::uint8_t { Nothing, Absent, There };  // about the object in the API

  void next_event();
  void look_up();
  void create(const nlohmann::json& object);
  void patch(const nlohmann::json& object);
  /// Notes how it went; nothing: the API did not take it.
  std::optional<nlohmann::json> taken(const std::string& what, const Result<kube::Response>& result);

  kube::Client& client_;
  std::string node_;
  std::string node_uid_;

  std::set<plan::Event> said_;
  std::deque<plan::Event> to_say_;
  bool saying_ = false;
  std::size_t refused_in_row_ = 0;  // since the last pause
  Instant say_again_{};

  bool clearing_ = false;
  Instant clear_again_{};

  Known known_ = Known::Nothing;
  nlohmann::json object_;  // as the API has it
  bool writing_ = false;
  Instant write_again_{};
  Instant count_again_{};
  Instant look_again_{};
  std::map<std::string, plan::SessionView> sessions_;
  std::string trouble_;
};

}  // namespace slash32::agent
