#include "bgpd/rib/decision.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

namespace slash32::bgp {
namespace {

using Candidates = std::span<Candidate>;

struct StepText {
  DecisionStep step;
  std::string_view key;
  std::string_view lost;
  std::string_view won;
};
constexpr std::array kSteps{
    StepText{DecisionStep::Won, "onlyPath", "best", "the only usable path"},
    StepText{DecisionStep::NotEligible, "notEligible", "not eligible", ""},
    StepText{DecisionStep::Local, "local", "a local route wins", "a route of our own"},
    StepText{DecisionStep::NextHop, "nextHop", "its next hop answers no ARP or ND",
             "the others' next hops answer no ARP or ND"},
    StepText{DecisionStep::LastResort, "lastResort", "long-lived stale: the last resort (RFC 9494)",
             "the others are long-lived stale (RFC 9494)"},
    StepText{DecisionStep::LocalPref, "localPref", "lower LOCAL_PREF", "higher LOCAL_PREF"},
    StepText{DecisionStep::AsPathLength, "asPathLength", "longer AS_PATH", "shorter AS_PATH"},
    StepText{DecisionStep::Origin, "origin", "higher ORIGIN", "lower ORIGIN"},
    StepText{DecisionStep::Med, "med", "higher MED than another path of the same neighbouring AS", "lower MED"},
    StepText{DecisionStep::External, "external", "iBGP, and eBGP is preferred", "eBGP is preferred to iBGP"},
    StepText{DecisionStep::IgpCost, "igpCost", "higher interior cost to the next hop",
             "lower interior cost to the next hop"},
    StepText{DecisionStep::RouterId, "routerId", "higher BGP identifier or ORIGINATOR_ID",
             "lower BGP identifier or ORIGINATOR_ID"},
    StepText{DecisionStep::ClusterListLength, "clusterListLength", "longer CLUSTER_LIST", "shorter CLUSTER_LIST"},
    StepText{DecisionStep::PeerAddress, "peerAddress", "higher neighbour address", "lower neighbour address"},
    StepText{DecisionStep::PathIdentifier, "pathIdentifier", "higher path identifier", "lower path identifier"}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kSteps.size(); ++i)
    if (static_cast<std::size_t>(kSteps[i].step) != i) return false;
  return kSteps.size() == static_cast<std::size_t>(DecisionStep::PathIdentifier) + 1;
}
static_assert(in_order(), "a row for every step, at its place");

// Who is still in the running carries Won; a step gives its name to those it removes.
bool in(const Candidate& c) { return c.lost == DecisionStep::Won; }

template <class Better, class Key>
void keep(Candidates candidates, DecisionStep step, Better better, Key key) {
  const Candidate* best = nullptr;
  for (const Candidate& c : candidates)
    if (in(c) && (best == nullptr || better(key(c), key(*best)))) best = &c;
  if (best == nullptr) return;
  const auto limit = key(*best);
  for (Candidate& c : candidates)
    if (in(c) && better(limit, key(c))) c.lost = step;
}

constexpr std::less<> kLowest;
constexpr std::greater<> kHighest;

/// Routes without MED count as 0: the lowest (RFC 4271 section 9.1.2.2 c).
std::uint32_t med(const Candidate& c) { return c.attributes->med.value_or(0); }

// The neighbouring AS; an empty path (a route of our own AS) is a neighbour of its own.
std::optional<Asn> neighbor_as(const Candidate& c) { return c.attributes->as_path.first(); }

void keep_lowest_med_per_neighbor_as(Candidates candidates) {
  const auto first = std::ranges::find_if(candidates, in);
  if (std::ranges::all_of(candidates, [&](const Candidate& c) { return !in(c) || med(c) == med(*first); })) return;
  std::map<std::optional<Asn>, std::uint32_t> lowest;
  for (const Candidate& c : candidates) {
    if (!in(c)) continue;
    const auto [at, is_new] = lowest.try_emplace(neighbor_as(c), med(c));
    at->second = std::min(at->second, med(c));
  }
  for (Candidate& c : candidates)
    if (in(c) && med(c) > lowest.at(neighbor_as(c))) c.lost = DecisionStep::Med;
}

RouterId bgp_id(const Candidate& c) {
  // RFC 4456 section 9; ORIGINATOR_ID means nothing from outside the AS (section 8).
  return c.external ? c.router_id : c.attributes->originator_id.value_or(c.router_id);
}

std::size_t cluster_list_length(const Candidate& c) { return c.external ? 0 : c.attributes->cluster_list.size(); }

void mark_multipath(Candidates candidates) {
  for (Candidate& c : candidates) c.multipath = in(c) && !c.local;
}

void narrow_multipath(Candidates candidates, const Candidate& best, MultipathAsPath as_path) {
  for (Candidate& c : candidates) {
    if (!c.multipath) continue;  // who was refused has no attributes to be asked for
    const bool other_neighbor = !best.external && neighbor_as(c) != neighbor_as(best);
    const bool other_path = as_path == MultipathAsPath::Same && c.attributes->as_path != best.attributes->as_path;
    if (other_neighbor || other_path) c.multipath = false;
  }
}

}  // namespace

std::optional<std::size_t> decide(Candidates candidates, MultipathAsPath as_path) {
  for (Candidate& c : candidates) {
    c.lost = c.eligible ? DecisionStep::Won : DecisionStep::NotEligible;
    c.multipath = false;
  }
  keep(candidates, DecisionStep::Local, kHighest, [](const Candidate& c) { return c.local; });
  if (std::ranges::any_of(candidates, &Candidate::silent))
    keep(candidates, DecisionStep::NextHop, kLowest, [](const Candidate& c) { return c.silent; });
  keep(candidates, DecisionStep::LastResort, kLowest,
       [](const Candidate& c) { return c.attributes->marks.long_lived_stale; });  // RFC 9494 section 4.4
  keep(candidates, DecisionStep::LocalPref, kHighest,
       [](const Candidate& c) { return c.attributes->local_pref.value_or(kDefaultLocalPref); });  // §9.1.1
  keep(candidates, DecisionStep::AsPathLength, kLowest,
       [](const Candidate& c) { return c.attributes->as_path.length(); });  // §9.1.2.2 a)
  keep(candidates, DecisionStep::Origin, kLowest, [](const Candidate& c) { return c.attributes->origin; });  // b)
  keep_lowest_med_per_neighbor_as(candidates);                                                               // c)
  keep(candidates, DecisionStep::External, kHighest, [](const Candidate& c) { return c.external; });         // d)
  keep(candidates, DecisionStep::IgpCost, kLowest, [](const Candidate& c) { return c.igp_cost; });           // e)
  mark_multipath(candidates);
  keep(candidates, DecisionStep::RouterId, kLowest, [](const Candidate& c) { return bgp_id(c); });  // f)
  keep(candidates, DecisionStep::ClusterListLength, kLowest, cluster_list_length);                  // RFC 4456 §9
  keep(candidates, DecisionStep::PeerAddress, kLowest, [](const Candidate& c) { return c.peer_address; });  // g)
  keep(candidates, DecisionStep::PathIdentifier, kLowest, [](const Candidate& c) { return c.path_id; });
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!in(candidates[i])) continue;
    candidates[i].multipath = true;
    narrow_multipath(candidates, candidates[i], as_path);
    return i;
  }
  return std::nullopt;
}

std::string_view to_string(DecisionStep step) { return kSteps.at(static_cast<std::size_t>(step)).lost; }
std::string_view won_text(DecisionStep step) { return kSteps.at(static_cast<std::size_t>(step)).won; }
std::string_view key_of(DecisionStep step) { return kSteps.at(static_cast<std::size_t>(step)).key; }

}  // namespace slash32::bgp
