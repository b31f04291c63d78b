// The guard before import policy: what no neighbour may say, whatever its policy accepts. Design, "bgpd":
//  - a live pod's own /32 or /128, the node's own range and what covers it: refused from everyone, always. (A default
//    route covers everything and is not meant by that.)
//  - a more specific inside the own range: accepted from iBGP (a pod that moved to another node keeps its address),
//    refused from eBGP unless the neighbour has allow "ownRanges";
//  - the default route: refused from everyone, iBGP too, unless allow "default": a node that announces one by mistake
//    would draw the whole cluster's traffic;
//  - martians: refused unless allow "martians";
//  - what equals a subnet of the node's interfaces or lies inside one: refused from eBGP unless allow "connected".
//  Whoever
//    could say it would draw traffic for this link's neighbours, the gateway's included;
//  - what equals a range of guard.ranges or lies inside: refused from eBGP.
#pragma once

#include <unordered_set>
#include <utility>

#include "bgpd/rib/path.h"
#include "bgpd/rib/range_set.h"
#include "common/ip.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// Inside 0/8 (the default route apart), 127/8, 169.254/16, 224/3, ::/128, ::1/128, ::ffff:0:0/96, fe80::/10, ff00::/8.
bool is_martian(const Prefix& prefix);

class Guard {
 public:
  void set_own_ranges(RangeSet ranges) { own_ranges_ = std::move(ranges); }
  const RangeSet& own_ranges() const { return own_ranges_; }
  /// Refused from eBGP.
  void set_connected(RangeSet subnets) { connected_ = std::move(subnets); }
  const RangeSet& connected() const { return connected_; }
  void set_guarded(RangeSet ranges) { guarded_ = std::move(ranges); }
  const RangeSet& guarded() const { return guarded_; }
  /// True when that changed anything.
  bool set_live_pod(const Prefix& pod, bool live) {
    return live ? live_pods_.insert(pod).second : live_pods_.erase(pod) != 0;
  }
  /// Refusal::None: policy may see it.
  Refusal check(const Prefix& prefix, bool external, const config::Allow& allow) const;

 private:
  RangeSet own_ranges_, connected_, guarded_;
  std::unordered_set<Prefix> live_pods_;
};

}  // namespace slash32::bgp
