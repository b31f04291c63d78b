// Which Service addresses this node announces, and why not the others. The rules as tables: README.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/advertise.h"
#include "agent/plan/service_news.h"
#include "agent/plan/world.h"

namespace slash32::agent::plan {

struct ServicePlan {
  /// Each prefix once, however many Services are behind it, with the advertisements that ask for it (indices).
  std::map<Prefix, std::set<std::size_t>> routes;
  /// Those of them that lead to endpoints of this node alone, of a Service with policy Local.
  std::set<Prefix> only_here;
  std::uint32_t withheld = 0;
  std::vector<std::string> refused;  // addresses that may not be announced at all, in sentences; at most kMaxRefused
  std::uint32_t refused_count = 0;
  bool operator==(const ServicePlan&) const = default;
};

inline constexpr std::size_t kMaxRefused = 10;

/// Everything but Services and endpoints that their routes depend on, as values of its own.
struct ServiceRules {
  /// What of an Advertisement says which addresses it asks for.
  struct Asker {
    model::AdvertisedKinds kinds;
    std::optional<model::Selector> services;
    std::vector<std::string> namespaces;
    std::optional<std::uint8_t> aggregation4, aggregation6;
    bool operator==(const Asker&) const = default;
  };

  ServiceRules(const World& world, const model::BgpConfiguration& conf, const model::Node& node,
               const std::vector<Advertisement>& advertisements);

  std::vector<Asker> askers;  // as the advertisements are counted
  bool excluded = false;      // the node is to have no traffic from outside
  bool withdraw_without_endpoints = true;
  std::array<std::vector<Prefix>, 3> allowed;  // by kind of address
  bool operator==(const ServiceRules&) const = default;
};

/// The plan of Services, kept from one world to the next: an update costs what `news` says, or all of it when the rules
/// are others than last time.
class ServiceRoutes {
 public:
  const ServicePlan& update(const World& world, ServiceRules rules, ServiceNews& news);

 private:
  /// An advertisement that asks for a prefix on behalf of a Service.
  struct Claim {
    Prefix prefix;
    std::size_t advertisement = 0;
    bool only_here = false;
  };
  /// What one Service adds to the plan.
  struct Share {
    std::vector<Claim> claims;
    std::uint32_t withheld = 0;
    std::uint32_t refused = 0;
  };
  struct Behind {
    std::map<std::size_t, std::uint32_t> claims;  // by advertisement
    std::uint32_t only_here = 0;
  };
  class Judge;

  void replace(const model::ObjectKey& key, Share share);
  void add(const Claim& claim);
  void remove(const Claim& claim);
  void tell_refused(const World& world, const ServiceNews& news);

  std::optional<ServiceRules> rules_;
  std::map<model::ObjectKey, Share> shares_;  // those that are not empty
  std::map<Prefix, Behind> behind_;
  std::set<model::ObjectKey> refusing_;
  ServicePlan plan_;
};

}  // namespace slash32::agent::plan
