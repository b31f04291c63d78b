// What the control interface shows, as JSON. Pure: values in, documents out.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bgpd/error_views.h"
#include "bgpd/neighbors.h"
#include "bgpd/rib/rib.h"
#include "bgpd/view_text.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// "64512:100", or the name of a well-known community (RFC 1997).
std::string community_text(Community community);

nlohmann::ordered_json neighbor_view(const config::BgpdConf& conf, const Neighbor& neighbor, const Rib& rib,
                                     const ViewTime& time, ErrorDetail detail);

/// What a route's view needs beside the route.
struct RouteContext {
  std::string source;    // "local", "ebgp" or "ibgp"
  std::string neighbor;  // empty for a local one
  bool installed = false;
};
nlohmann::ordered_json route_view(const PathView& path, const RouteContext& context);
/// {"reason", "why"}: the same for programs and for people.
nlohmann::ordered_json not_told_view(const NotTold& why);
/// A route as it was sent: prefix and attributes.
nlohmann::ordered_json advertised_view(const Prefix& prefix, const PathAttributes& attributes);

}  // namespace slash32::bgp
