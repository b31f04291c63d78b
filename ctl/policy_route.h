// A route as it is given to `slash32ctl policy test`: as JSON (an element of /v1/routes will do), or as a line of text
// `PREFIX [KEY=VALUE]…`. The form: bgpd/README.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bgpd/policy/policy.h"
#include "common/result.h"
#include "config/bgpd_conf.h"
#include "config/policy_types.h"

namespace slash32::ctl {

struct TestRoute {
  Prefix prefix;
  std::string neighbor;
  config::RouteSource source = config::RouteSource::Ebgp;
  config::PeerType peer_type = config::PeerType::Ebgp;
  bool exported = false;
  Asn local_as;  // that the session shows
  bgp::PathAttributes attributes;

  bgp::PolicyRoute seen() const { return {prefix, source, neighbor, peer_type, exported}; }
};

/// Reads a route. What it does not say follows from its neighbour in `conf`, else from eBGP. Error: what is wrong, and
/// where.
Result<TestRoute> read_test_route(const std::string& text, const config::BgpdConf& conf);

/// The attributes as /v1/routes shows them, and what policy wants of next hop and kernel.
nlohmann::ordered_json attributes_view(const bgp::PathAttributes& attributes);

}  // namespace slash32::ctl
