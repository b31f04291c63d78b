// Plans of a world as it changes: the same bytes as make_plan() has for it, at the cost of what changed of Services and
// their endpoints. Linear in what is announced stays that the document, which is one, is put together and compared.
#pragma once

#include <utility>
#include <vector>

#include "agent/plan/originate.h"
#include "agent/plan/plan.h"
#include "agent/plan/service_news.h"
#include "agent/plan/service_routes.h"

namespace slash32::agent::plan {

class KeptPlan {
 public:
  /// As make_plan(). `news`: all that became of Services and EndpointSlices since the last call, and of all slices what
  /// they count.
  Desired make(const World& world, const PlanOptions& options, ServiceNews& news);

  // For the planner.
  const ServicePlan& services(const World& world, ServiceRules rules, ServiceNews& news) {
    return routes_.update(world, std::move(rules), news);
  }
  /// Those that were not in the last document that bgpd's reader took. It judges each by itself, and that none is there
  /// twice, which they are not.
  std::vector<Entry> not_accepted(const std::vector<Entry>& entries) const;
  void accept(std::vector<Entry> entries);

 private:
  ServiceRoutes routes_;
  std::vector<Entry> accepted_;  // in order
};

}  // namespace slash32::agent::plan
