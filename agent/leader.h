// What one of all agents does for the cluster: it holds the lease, and says what Assigner makes of the world. Shell: a
// lease, a connection that is there only while we hold it, a timer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/assigner.h"
#include "agent/candidate.h"
#include "agent/kube/access.h"
#include "agent/kube/client.h"
#include "agent/watches.h"
#include "agent/world_store.h"

namespace slash32::agent {

class Leader {
 public:
  struct Settings {
    std::string node;
    std::string name_space;  // of the lease
  };
  static constexpr const char* kLease = "slash32-agent";

  /// All borrowed. `changed` is called when a plan could be another one.
  Leader(boost::asio::io_context& context, const kube::Access& access, WorldStore& store, Watches& watches,
         Settings settings, std::function<void()> changed);

  /// What must be watched for it as well, beside what this node needs: as much as nothing while another leads.
  bool wants_services() const { return desk_ && !store_.world().pools.empty(); }
  bool wants_all_nodes() const {
    return desk_ && !(store_.world().peers.empty() && store_.world().advertisements.empty());
  }
  /// The world has changed.
  void changed(model::Kind kind);
  /// To be called after the watches have followed: tries for the lease where there is anything to do, and does it.
  void follow();
  /// Ends it and gives the lease back; then `done`, after 2 s at most.
  void give_back(std::function<void()> done);

  bool leads() const { return desk_ != nullptr; }
  /// Who does, as last seen; empty: nobody, or there is nothing to do.
  std::string holder() const { return candidate_ ? candidate_->holder() : std::string(); }
  std::vector<plan::Event> events() const { return desk_ ? desk_->assigner.events() : std::vector<plan::Event>{}; }
  /// What the API did not take; empty: nothing.
  std::string trouble() const;

 private:
  /// There while we lead. With it go requests that wait, and their answers.
  struct Desk {
    Desk(boost::asio::io_context& context, const kube::Access& access) : client(context, access), timer(context) {}
    Assigner assigner;
    kube::Client client;
    boost::asio::steady_timer timer;
  };

  void told(bool held);
  bool knows_enough() const;
  void work();
  void answered(const Result<kube::Response>& result);
  void work_at(Instant when);

  boost::asio::io_context& context_;
  const kube::Access& access_;
  WorldStore& store_;
  Watches& watches_;
  Settings settings_;
  std::function<void()> changed_;
  std::unique_ptr<Candidate> candidate_;
  bool leaving_ = false;
  std::string trouble_;  // as it was logged
  std::shared_ptr<Desk> desk_;
};

}  // namespace slash32::agent
