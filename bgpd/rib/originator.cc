#include "bgpd/rib/originator.h"

#include <algorithm>
#include <map>

namespace slash32::bgp {
namespace {

bool announces_pod(const config::OriginateConf& conf, const Prefix& pod) {
  switch (conf.pod_routes) {
    case config::PodRoutes::All:
      return true;
    case config::PodRoutes::None:
      return false;
    case config::PodRoutes::OutsideAggregates:
      break;
  }
  return std::ranges::none_of(conf.prefixes, [&](const config::OriginatedPrefix& aggregate) {
    return aggregate.prefix.family() == pod.family() && aggregate.prefix.contains(pod);
  });
}

}  // namespace

std::vector<LocalRoute> originate(const config::OriginateConf& conf, const std::set<Prefix>& live_pods,
                                  const std::set<Prefix>& ready, bool draining) {
  std::map<Prefix, LocalRoute> routes;
  for (const config::OriginatedPrefix& aggregate : conf.prefixes) {
    if (aggregate.blackhole && !ready.contains(aggregate.prefix)) continue;
    if (draining && aggregate.withdrawn_by_drain) continue;
    routes[aggregate.prefix] = {.prefix = aggregate.prefix,
                                .communities = aggregate.communities,
                                .local_pref = aggregate.local_pref,
                                .med = aggregate.med};
  }
  for (const Prefix& pod : live_pods)
    if (announces_pod(conf, pod))
      routes.try_emplace(pod, LocalRoute{.prefix = pod, .communities = {}, .local_pref = {}, .med = {}});
  std::vector<LocalRoute> list;
  list.reserve(routes.size());
  for (auto& [prefix, route] : routes) list.push_back(std::move(route));
  return list;
}

}  // namespace slash32::bgp
