// The world as the API tells it, object by object: what the plan reads of each, and complaints about those that cannot
// be read. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "agent/model/meta.h"
#include "agent/plan/service_news.h"
#include "agent/plan/world.h"
#include "common/result.h"

namespace slash32::agent {

class WorldStore {
 public:
  /// `node`: this node's name, for what is counted by node.
  explicit WorldStore(std::string node) : node_(std::move(node)) {}

  /// An object as it is now. `key` is "namespace/name" or "name". True: what is kept of it changed.
  bool put(model::Kind kind, const std::string& key, const nlohmann::json& object);
  /// A Service as an answer to our own write has it, which was made of `version` of it. What a watch told meanwhile is
  /// newer, and stays. True: it was put.
  bool put_answer(const std::string& key, const std::string& version, const nlohmann::json& object);
  bool remove(model::Kind kind, const std::string& key);
  /// A whole list has arrived.
  bool listed(model::Kind kind) { return world_.listed.insert(kind).second; }
  /// The kind is not watched any more.
  bool forget(model::Kind kind);

  plan::World& world() { return world_; }
  const plan::World& world() const { return world_; }
  /// Of Services and EndpointSlices, for the next plan.
  plan::ServiceNews& service_news() { return news_; }

 private:
  bool put_slice(const std::string& key, Result<model::EndpointSlice> slice, std::optional<Error>& error);
  void tell_removal(model::Kind kind, const model::ObjectKey& key);
  bool note_addresses(const std::string& key, const nlohmann::json& object, bool readable);
  bool complain(model::Kind kind, const std::string& key, const model::Problem& problem);
  bool clear_complaint(model::Kind kind, const std::string& key);
  void tell_complaints();

  std::string node_;
  plan::World world_;
  plan::ServiceNews news_;
  std::map<std::pair<model::Kind, std::string>, model::Problem> complaints_;
};

}  // namespace slash32::agent
