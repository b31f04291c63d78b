// What the holder of the lease says to the API: addresses of Services of type LoadBalancer, and the status of our own
// resources. One request at a time, each made of the world as it then is; nothing is kept that the API does not
// have. Pure: no socket, and the clock is given.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/kube/request.h"
#include "agent/model/meta.h"
#include "agent/pace.h"
#include "agent/plan/lb_ipam.h"
#include "agent/plan/plan.h"
#include "agent/plan/world.h"
#include "common/clock.h"
#include "common/result.h"

namespace slash32::agent {

class Assigner {
 public:
  struct Target {
    model::Kind kind = model::Kind::Service;
    model::ObjectKey key;
    auto operator<=>(const Target&) const = default;
  };
  /// What came of a request.
  struct Answer {
    Target target;
    /// A Service as it is in the API now: to be put into the world before next(), where it is not newer there
    /// (WorldStore::put_answer). Of other kinds the watch tells.
    std::optional<nlohmann::json> object;
    std::string version;  // of the Service that the request was made of
    bool told = false;    // the watch has told of it before
    /// Nobody knows whether the Service was changed. The next plan must be made of a list that was read after this.
    bool unknown = false;
    std::string what;  // what was written, for the log
  };

  /// The world has changed by somebody else: what was planned is planned anew.
  void changed() { stale_ = true; }
  /// A Service has: no news where that is what we have just asked for, told by the watch before the answer.
  void service_changed(const plan::World& world);
  /// What to ask now, if anything; the answer goes to answered(). Nothing while a plan is due and the last one took so
  /// long that the next has to wait. `clock` is asked before a plan and after it; `wall` (RFC 3339) is for conditions
  /// that change.
  std::optional<kube::Request> next(const plan::World& world, const std::function<Instant()>& clock,
                                    const std::string& wall);
  Answer answered(const Result<kube::Response>& result, Instant now);
  /// When next() may have something to ask though nothing has changed; nothing: never.
  std::optional<Instant> again() const;

  const std::vector<plan::Event>& events() const { return plan_.events; }
  /// What the API did not take; empty: nothing.
  std::string trouble() const;

 private:
  struct Said {
    std::string uid;  // of the object that was told
    nlohmann::json status;
  };
  /// What tells an object from another of its name, and from itself at another time.
  struct Named {
    std::string uid;
    std::string version;
  };
  /// A resource of ours as the world has it.
  struct Found {
    Named named;
    nlohmann::json status;  // null: it has none
  };
  struct StatusWrite {
    Target target;
    std::string reason;
    Said said;
  };
  struct Trouble {
    std::string why;
    Instant since;  // of the last refusal
  };

  void make_plan(const plan::World& world);
  void end_waits(Instant now);
  const plan::LbAssignment* first_service(const plan::World& world);
  kube::Request ask_service(const plan::World& world);
  std::optional<StatusWrite> first_status(const plan::World& world, const std::string& wall) const;
  static Found found_in(const plan::World& world, const Target& target);
  nlohmann::json status_before(const plan::World& world, const Target& target) const;
  Instant refused_at(const Target& target) const;
  void refused(Answer& answer, const Result<kube::Response>& result, Instant now);

  bool stale_ = true;
  Pace pace_;  // of plans: one is due after every change there is, in a storm after every answer
  plan::LbPlan plan_;
  std::deque<plan::LbAssignment> queue_;
  std::map<Target, plan::Condition> conditions_;
  std::map<std::string, nlohmann::json> counters_;  // of IPPools

  std::optional<Target> asked_;
  std::string asked_what_;
  std::string asked_version_;
  std::optional<model::Service> asked_service_;  // as it is to become; nothing: the world has it so
  Said asked_status_;
  Instant pause_{};                     // nothing is asked before
  std::map<Target, Instant> wait_;      // nor of these
  std::map<Target, Said> said_;         // statuses that the API took
  std::map<Target, Trouble> troubles_;  // of what is still refused
};

}  // namespace slash32::agent
