#include "agent/plan/service_routes.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "agent/plan/ranges.h"
#include "config/special_address.h"

namespace slash32::agent::plan {
namespace {

using model::AdvertisedKinds;
using model::BgpConfiguration;
using model::Service;
using model::TrafficPolicy;

constexpr const char* kExcludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

struct Endpoints {
  std::uint32_t ready = 0;
  std::uint32_t ready_here = 0;
};

/// Endpoints of one family by the Service they are of. Its name is the world's own: a plan looks through every slice of
/// the cluster, and copies none.
class EndpointCounts {
 public:
  explicit EndpointCounts(const World& world) {
    counts_.reserve(world.services.size());
    for (const auto& [key, slice] : world.endpoint_slices) {
      if (slice.fqdn || slice.service.name.empty()) continue;
      auto& count = counts_[{slice.service.space, slice.service.name, slice.family}];
      count.ready += slice.ready;
      count.ready_here += slice.ready_here;
    }
  }

  Endpoints of(const model::ObjectKey& service, AddressFamily family) const {
    const auto at = counts_.find({service.space, service.name, family});
    return at == counts_.end() ? Endpoints{} : at->second;
  }

 private:
  struct Of {
    std::string_view space, name;
    AddressFamily family;
    bool operator==(const Of&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Of& of) const {
      const std::hash<std::string_view> hash;
      return hash(of.name) * 31 + hash(of.space) + static_cast<std::size_t>(of.family);
    }
  };
  std::unordered_map<Of, Endpoints, Hash> counts_;
};

/// One of the three kinds of a Service's addresses: where they stand, what switches them on, which policy governs them.
struct AddressKind {
  const char* name;
  bool AdvertisedKinds::* wanted;
  std::vector<IpAddress> Service::* addresses;
  TrafficPolicy Service::* policy;
  bool external;  // meant for outside: the node may be excluded from these
};
constexpr std::array<AddressKind, 3> kKinds = {
    {{"ClusterIP", &AdvertisedKinds::cluster_ips, &Service::cluster_ips, &Service::internal_policy, false},
     {"externalIP", &AdvertisedKinds::external_ips, &Service::external_ips, &Service::external_policy, true},
     {"LoadBalancer address", &AdvertisedKinds::load_balancer_ips, &Service::ingress, &Service::external_policy,
      true}}};

class Planner {
 public:
  Planner(const World& world, const BgpConfiguration& conf, const model::Node& node,
          const std::vector<Advertisement>& advertisements)
      : conf_(conf),
        advertisements_(advertisements),
        excluded_(node.meta.labels.contains(kExcludeLabel) || node.network_unavailable),
        allowed_{conf.services.cluster_ranges, conf.services.external_ranges, load_balancer_ranges(world, conf)},
        endpoints_(world) {}

  void add(const Service& service) {
    if (service.type == model::ServiceType::ExternalName || service.headless) return;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      const auto& addresses = service.*kKinds[kind].addresses;
      if (addresses.empty()) continue;
      const auto asked = asked_by(service, kKinds[kind]);
      if (asked.empty()) continue;
      for (const auto& address : addresses) add_address(service, kind, address, asked);
    }
  }

  ServicePlan take() { return std::move(plan_); }

 private:
  std::vector<std::size_t> asked_by(const Service& service, const AddressKind& kind) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < advertisements_.size(); ++i)
      if (advertisements_[i].kinds.*kind.wanted && advertisements_[i].selects(service)) out.push_back(i);
    return out;
  }

  void add_address(const Service& service, std::size_t kind, const IpAddress& address,
                   const std::vector<std::size_t>& asked) {
    const bool local = service.*kKinds[kind].policy == TrafficPolicy::Local;
    if (!is_allowed(service, kind, address) || (kKinds[kind].external && excluded_) ||
        !has_endpoints(service, address.family(), local)) {
      ++plan_.withheld;
      return;
    }
    const bool only_here = local && !has_endpoints_elsewhere(service, address.family());
    for (const auto index : asked) {
      const auto prefix = prefix_for(kind, address, local, advertisements_[index]);
      plan_.routes[prefix].insert(index);
      if (only_here) plan_.only_here.insert(prefix);
    }
  }

  bool is_allowed(const Service& service, std::size_t kind, const IpAddress& address) {
    const auto host = Prefix::host(address);
    const bool any = kind == 0 && allowed_[kind].empty();  // the API server assigns ClusterIPs, nobody else can
    if (!config::special_around(host) && (any || within(host, allowed_[kind]))) return true;
    ++plan_.refused_count;
    if (plan_.refused.size() < kMaxRefused)
      plan_.refused.push_back(std::string(kKinds[kind].name) + " " + address.to_string() + " of Service " +
                              service.meta.key.to_string() + " is in no range that may be announced");
    return false;
  }

  /// Of the address's family, since kube-proxy sends to no other.
  bool has_endpoints(const Service& service, AddressFamily family, bool local) const {
    const auto count = endpoints_.of(service.meta.key, family);
    if (local) return count.ready_here > 0;
    return count.ready > 0 || !conf_.services.withdraw_without_endpoints;
  }

  bool has_endpoints_elsewhere(const Service& service, AddressFamily family) const {
    const auto count = endpoints_.of(service.meta.key, family);
    return count.ready > count.ready_here;
  }

  /// The aggregate, where that is asked for and lies within what may be announced; the address itself otherwise. With
  /// policy Local it has to be the address itself, or nodes without endpoints would be sent its packets.
  Prefix prefix_for(std::size_t kind, const IpAddress& address, bool local, const Advertisement& advertisement) const {
    const auto length = address.is_v4() ? advertisement.aggregation4 : advertisement.aggregation6;
    if (local || !length) return Prefix::host(address);
    const Prefix aggregate(address, *length);
    return within(aggregate, allowed_[kind]) ? aggregate : Prefix::host(address);
  }

  const BgpConfiguration& conf_;
  const std::vector<Advertisement>& advertisements_;
  bool excluded_;
  std::array<std::vector<Prefix>, 3> allowed_;  // by kind
  EndpointCounts endpoints_;
  ServicePlan plan_;
};

}  // namespace

ServicePlan plan_services(const World& world, const BgpConfiguration& conf, const model::Node& node,
                          const std::vector<Advertisement>& advertisements) {
  Planner planner(world, conf, node, advertisements);
  for (const auto& [key, service] : world.services) planner.add(service);
  return planner.take();
}

}  // namespace slash32::agent::plan
