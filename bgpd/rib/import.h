// What is asked of a received route before guard and import policy: loops and forged beginnings (RFC 4271 sections
// 6.3 and 9.1.2, RFC 4456 section 8) and leaks (RFC 9234 section 5). Such routes are kept in Adj-RIB-In and shown,
// never used, and no error.
#pragma once

#include <string_view>

#include "bgpd/policy/policy.h"
#include "bgpd/rib/path.h"
#include "bgpd/rib/rib.h"

namespace slash32::bgp {

Refusal check_attributes(const RibPeer& peer, const RibSettings& rib, const PathAttributes& attributes);

/// A route of this neighbour as import policy sees it.
PolicyRoute import_route(const RibPeer& peer, const Prefix& prefix);
/// RFC 9234 section 5, first half of the import side: what a provider, a peer or a route server sends without OTC is
/// marked with its AS. The argument itself where nothing is to be added.
AttributesPtr with_otc(const RibPeer& peer, const AttributesPtr& attributes);

/// Where the next hop of an accepted route is looked for. RFC 2545 section 3: a link-local one on the link that we
/// share with the peer; it is used where it is all there is, and on a session between link-local addresses, whose ends
/// need not share another subnet. Any other one as the peer's settings say. The argument itself where it says so
/// already.
AttributesPtr located(const RibPeer& peer, AttributesPtr attributes);

/// RFC 8326 section 4: what an external peer is about to take down is used last. The argument itself where the
/// community is not there (import policy may have taken it off), or not to be heeded.
AttributesPtr with_graceful_shutdown(const RibPeer& peer, AttributesPtr attributes);

/// RFC 8326 section 4.2, the inbound half: of a session that we are about to take down, or all of them. Import policy
/// has no say in it.
AttributesPtr used_last(AttributesPtr attributes);

/// RFC 9494 section 4.3: the neighbour says LLGR_STALE, and was told that we know what it means.
bool says_long_lived_stale(const RibPeer& peer, const PathAttributes& received);
/// The same route as the last resort, with LLGR_STALE whatever import policy did to that.
AttributesPtr last_resort(const AttributesPtr& attributes);
/// RFC 9494 section 3.3: NO_LLGR.
bool forbids_long_life(const PathAttributes& attributes);

/// For people: why a route is kept out.
std::string_view to_string(Refusal refusal);

/// Some term of these policies looks at the prefix, so that the outcome may differ within one UPDATE.
bool depends_on_prefix(const Policies& policies, const std::optional<std::vector<std::string>>& names);

}  // namespace slash32::bgp
