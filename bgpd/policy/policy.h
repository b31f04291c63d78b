// Policies on a route: which term decides, and what the route is afterwards. Pure; serves import, export and the
// offline test of a policy.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/wire/attributes.h"
#include "common/ip.h"
#include "common/strong.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

using Policies = std::map<std::string, config::Policy>;

constexpr config::PeerType peer_type(bool external, bool client) {
  if (external) return config::PeerType::Ebgp;
  return client ? config::PeerType::Client : config::PeerType::Ibgp;
}

/// A route as a policy's match sees it.
struct PolicyRoute {
  Prefix prefix;
  config::RouteSource source = config::RouteSource::Local;
  std::string_view neighbor;                            // it was learned from, on import and on export; empty: our own
  config::PeerType peer_type = config::PeerType::Ebgp;  // of the neighbour that the policy is asked for
  bool exported = false;                                // export policy is asked, not import policy
};

/// What came of it. An empty policy name: nothing decided, which rejects.
struct PolicyResult {
  bool accepted = false;
  std::string_view policy;     // the one that decided
  std::size_t term = 0;        // of that policy, from 0
  std::string_view term_name;  // may be empty
  AttributesPtr attributes;    // after every term that matched; the argument itself when none changed anything
  /// "policy 'all', term 1 'customers'", or "no term matched".
  std::string describe() const;
};

/// One term that was tried, for people.
struct TermTrace {
  std::string_view policy;
  std::size_t term = 0;  // of that policy, from 0
  bool matched = false;
  AttributesPtr before;  // as the term saw the route
};

/// Tries `names` in order, term by term: a matching term applies its `set`, then accepts, rejects or goes on. A route
/// that nothing accepts or rejects is rejected; so is one whose policy does not exist (the configuration's reader
/// refuses that). `prepend_as`: whose AS `prepend` puts in front; nothing: `prepend` does nothing (towards iBGP, where
/// RFC 4271 section 5.1.2 forbids it). `trace` is
/// given every term that was tried. Views in the results live as long as `policies` and `names`.
PolicyResult evaluate(const Policies& policies, const std::vector<std::string>& names, const PolicyRoute& route,
                      const AttributesPtr& attributes, std::optional<Asn> prepend_as,
                      std::vector<TermTrace>* trace = nullptr);

/// The kinds of `match` (its keys) that do not hold for this route.
std::vector<std::string_view> failed_conditions(const config::PolicyMatch& match, const PolicyRoute& route,
                                                const PathAttributes& attributes);

}  // namespace slash32::bgp
