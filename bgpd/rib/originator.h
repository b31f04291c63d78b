// Which routes are our own: configured aggregates and pods, as values. Pure: the desired set in, LocalRoutes out; what
// is pod and what is ready, others know (the kernel).
#pragma once

#include <set>
#include <vector>

#include "bgpd/rib/rib.h"
#include "common/ip.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// The routes to announce, ordered by prefix, one a prefix.
///  - An aggregate is announced when its discard route is `ready` in the kernel, or at once with blackhole: false:
///    announced earlier, it would draw traffic that follows the default route back out and loops.
///  - A pod is announced as its /32 or /128 as `podRoutes` says: "outside-aggregates" those that no configured
///  aggregate
///    covers (ready or not: a start must not announce every pod and withdraw it a moment later), "all" every one,
///    "none" none.
/// A prefix that is both takes the aggregate's attributes. While `draining`, aggregates that say so are left out.
std::vector<LocalRoute> originate(const config::OriginateConf& conf, const std::set<Prefix>& live_pods,
                                  const std::set<Prefix>& ready, bool draining = false);

}  // namespace slash32::bgp
