#include "agent/plan/service_routes.h"

#include <algorithm>
#include <utility>

#include "agent/plan/lb_ipam.h"
#include "agent/plan/ranges.h"
#include "config/special_address.h"

namespace slash32::agent::plan {
namespace {

using model::AdvertisedKinds;
using model::Service;
using model::TrafficPolicy;

constexpr const char* kExcludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

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

}  // namespace

// ---------------------------------------------------------------- the rules

ServiceRules::ServiceRules(const World& world, const model::BgpConfiguration& conf, const model::Node& node,
                           const std::vector<Advertisement>& advertisements)
    : excluded(node.meta.labels.contains(kExcludeLabel) || node.network_unavailable),
      withdraw_without_endpoints(conf.services.withdraw_without_endpoints),
      allowed{conf.services.cluster_ranges, conf.services.external_ranges, load_balancer_ranges(world, conf)} {
  for (const auto& one : advertisements)
    askers.push_back({.kinds = one.kinds,
                      .services = one.services != nullptr ? std::optional(*one.services) : std::nullopt,
                      .namespaces = one.namespaces != nullptr ? *one.namespaces : std::vector<std::string>{},
                      .aggregation4 = one.aggregation4,
                      .aggregation6 = one.aggregation6});
}

// ---------------------------------------------------------------- one Service

/// Says what one Service adds.
class ServiceRoutes::Judge {
 public:
  Judge(const ServiceRules& rules, const ServiceNews& news) : rules_(rules), news_(news) {}

  /// The addresses that are refused are added to `refused`, in sentences.
  Share share_of(const Service& service, std::vector<std::string>* refused = nullptr) const {
    Share out;
    if (service.type == model::ServiceType::ExternalName || service.headless) return out;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      const auto& addresses = service.*kKinds[kind].addresses;
      if (addresses.empty()) continue;
      const auto asked = asked_by(service, kKinds[kind]);
      if (asked.empty()) continue;
      for (const auto& address : addresses) add_address(service, kind, address, asked, out, refused);
    }
    return out;
  }

 private:
  std::vector<std::size_t> asked_by(const Service& service, const AddressKind& kind) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < rules_.askers.size(); ++i)
      if (rules_.askers[i].kinds.*kind.wanted && selects(rules_.askers[i], service)) out.push_back(i);
    return out;
  }

  static bool selects(const ServiceRules::Asker& asker, const Service& service) {
    Advertisement view;
    if (asker.services) view.services = &*asker.services;
    view.namespaces = &asker.namespaces;
    return view.selects(service);
  }

  void add_address(const Service& service, std::size_t kind, const IpAddress& address,
                   const std::vector<std::size_t>& asked, Share& out, std::vector<std::string>* refused) const {
    const bool proxied = is_proxied(service, kind, address);
    if (proxied || !is_allowed(kind, address)) {
      ++out.withheld;
      if (proxied || is_of_another(service, kind)) return;
      ++out.refused;
      if (refused != nullptr)
        refused->push_back(std::string(kKinds[kind].name) + " " + address.to_string() + " of Service " +
                           service.meta.key.to_string() + " is in no range that may be announced");
      return;
    }
    const bool local = service.*kKinds[kind].policy == TrafficPolicy::Local;
    const auto count = news_.endpoints(service.meta.key, address.family());  // kube-proxy sends to no other family
    if ((kKinds[kind].external && rules_.excluded) || !is_served(count, local)) {
      ++out.withheld;
      return;
    }
    const bool only_here =
        local && (count.ready > 0 ? count.ready <= count.ready_here : count.leaving <= count.leaving_here);
    for (const auto index : asked)
      out.claims.push_back({prefix_for(kind, address, local, rules_.askers[index]), index, only_here});
  }

  /// Its load balancer sends to the nodes' own addresses; kube-proxy leaves it alone, and a router would have it back.
  static bool is_proxied(const Service& service, std::size_t kind, const IpAddress& address) {
    return kKinds[kind].addresses == &Service::ingress &&
           std::ranges::find(service.proxied, address) != service.proxied.end();
  }

  /// A load balancer's that the Service names, and which is not ours: that it is not announced is as it should be.
  static bool is_of_another(const Service& service, std::size_t kind) {
    return kKinds[kind].addresses == &Service::ingress &&
           service.load_balancer_class.value_or(kLoadBalancerClass) != kLoadBalancerClass;
  }

  bool is_allowed(std::size_t kind, const IpAddress& address) const {
    const auto host = Prefix::host(address);
    const auto& allowed = rules_.allowed[kind];
    const bool any = kind == 0 && allowed.empty();  // the API server assigns ClusterIPs, nobody else can
    return config::special_around(host) == nullptr && (any || within(host, allowed));
  }

  /// Who leaves and still serves counts where nobody is ready anywhere: kube-proxy sends to them then (KEP-1669).
  bool is_served(const model::Endpoints& count, bool local) const {
    if (local) return count.ready_here > 0 || (count.ready == 0 && count.leaving_here > 0);
    return count.ready > 0 || count.leaving > 0 || !rules_.withdraw_without_endpoints;
  }

  /// The aggregate, where that is asked for and lies within what may be announced; the address itself otherwise. With
  /// policy Local it has to be the address itself, or nodes without endpoints would be sent its packets.
  Prefix prefix_for(std::size_t kind, const IpAddress& address, bool local, const ServiceRules::Asker& asker) const {
    const auto length = address.is_v4() ? asker.aggregation4 : asker.aggregation6;
    if (local || !length) return Prefix::host(address);
    const Prefix aggregate(address, *length);
    return within(aggregate, rules_.allowed[kind]) ? aggregate : Prefix::host(address);
  }

  const ServiceRules& rules_;
  const ServiceNews& news_;
};

// ---------------------------------------------------------------- all of them

const ServicePlan& ServiceRoutes::update(const World& world, ServiceRules rules, ServiceNews& news) {
  const auto touched = news.take();
  const bool all = touched.all || rules_ != rules;
  if (all) *this = ServiceRoutes();
  rules_ = std::move(rules);
  const Judge judge(*rules_, news);
  if (all)
    for (const auto& [key, service] : world.services) replace(key, judge.share_of(service));
  for (const auto& key : touched.services) {
    if (all) break;
    const auto found = world.services.find(key);
    replace(key, found == world.services.end() ? Share{} : judge.share_of(found->second));
  }
  tell_refused(world, news);
  return plan_;
}

void ServiceRoutes::replace(const model::ObjectKey& key, Share share) {
  if (const auto found = shares_.find(key); found != shares_.end()) {
    for (const auto& claim : found->second.claims) remove(claim);
    plan_.withheld -= found->second.withheld;
    plan_.refused_count -= found->second.refused;
    shares_.erase(found);
    refusing_.erase(key);
  }
  if (share.claims.empty() && share.withheld == 0) return;
  for (const auto& claim : share.claims) add(claim);
  plan_.withheld += share.withheld;
  plan_.refused_count += share.refused;
  if (share.refused > 0) refusing_.insert(key);
  shares_.emplace(key, std::move(share));
}

void ServiceRoutes::add(const Claim& claim) {
  auto& behind = behind_[claim.prefix];
  if (behind.claims[claim.advertisement]++ == 0) plan_.routes[claim.prefix].insert(claim.advertisement);
  if (claim.only_here && behind.only_here++ == 0) plan_.only_here.insert(claim.prefix);
}

void ServiceRoutes::remove(const Claim& claim) {
  const auto found = behind_.find(claim.prefix);
  auto& behind = found->second;
  if (claim.only_here && --behind.only_here == 0) plan_.only_here.erase(claim.prefix);
  if (--behind.claims[claim.advertisement] > 0) return;
  behind.claims.erase(claim.advertisement);
  const auto route = plan_.routes.find(claim.prefix);
  route->second.erase(claim.advertisement);
  if (!behind.claims.empty()) return;
  behind_.erase(found);
  plan_.routes.erase(route);
}

void ServiceRoutes::tell_refused(const World& world, const ServiceNews& news) {
  plan_.refused.clear();
  const Judge judge(*rules_, news);
  for (const auto& key : refusing_) {
    if (plan_.refused.size() >= kMaxRefused) break;
    (void)judge.share_of(world.services.at(key), &plan_.refused);
  }
  if (plan_.refused.size() > kMaxRefused) plan_.refused.resize(kMaxRefused);
}

}  // namespace slash32::agent::plan
