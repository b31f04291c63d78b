#include "bgpd/policy/policy.h"

#include <algorithm>
#include <array>
#include <limits>

#include "bgpd/policy/as_path_match.h"

namespace slash32::bgp {
namespace {

using config::PolicyMatch;

// Within a kind one element is enough; a kind that is not given holds.
template <class List, class Test>
bool any_or_empty(const List& wanted, Test test) {
  return wanted.empty() || std::ranges::any_of(wanted, test);
}

/// Some value of the route fits some pattern.
template <class Patterns, class Values>
bool any_fits(const Patterns& patterns, const Values& values) {
  return any_or_empty(patterns, [&](const auto& pattern) {
    return std::ranges::any_of(values, [&](const auto& value) { return pattern.matches(value); });
  });
}

bool in_range(const config::PrefixMatch& match, const Prefix& prefix) {
  return match.prefix.contains(prefix) && prefix.length() >= match.min_length && prefix.length() <= match.max_length;
}

bool is_named(std::string_view neighbor, std::string_view wanted) {
  if (!wanted.ends_with('*')) return neighbor == wanted;
  wanted.remove_suffix(1);
  return !neighbor.empty() && neighbor.starts_with(wanted);
}

using Holds = bool (*)(const PolicyMatch&, const PolicyRoute&, const PathAttributes&);
struct Condition {
  std::string_view key;  // of `match`
  Holds holds;
};

// Cheap ones first.
constexpr std::array kConditions{
    Condition{"family",
              [](const PolicyMatch& m, const PolicyRoute& r, const PathAttributes&) {
                return any_or_empty(m.families, [&](AddressFamily f) { return f == r.prefix.family(); });
              }},
    Condition{"source",
              [](const PolicyMatch& m, const PolicyRoute& r, const PathAttributes&) {
                return any_or_empty(m.sources, [&](config::RouteSource s) { return s == r.source; });
              }},
    Condition{"peerType",
              [](const PolicyMatch& m, const PolicyRoute& r, const PathAttributes&) {
                return any_or_empty(m.peer_types, [&](config::PeerType t) {
                  return t == r.peer_type ||
                         (t == config::PeerType::Ibgp && r.peer_type == config::PeerType::Client);  // it is one as well
                });
              }},
    Condition{"neighbor",
              [](const PolicyMatch& m, const PolicyRoute& r, const PathAttributes&) {
                return any_or_empty(m.neighbors, [&](const std::string& n) { return is_named(r.neighbor, n); });
              }},
    Condition{"prefix",
              [](const PolicyMatch& m, const PolicyRoute& r, const PathAttributes&) {
                return any_or_empty(m.prefixes, [&](const auto& p) { return in_range(p, r.prefix); });
              }},
    Condition{"origin",
              [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_or_empty(m.origins, [&](config::RouteOrigin o) {
                  return static_cast<std::uint8_t>(o) == static_cast<std::uint8_t>(a.origin);
                });
              }},
    Condition{"nextHop",
              [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_or_empty(m.next_hops, [&](const Prefix& p) { return p.contains(a.next_hop); });
              }},
    Condition{"community", [](const PolicyMatch& m, const PolicyRoute&,
                              const PathAttributes& a) { return any_fits(m.communities, a.communities); }},
    Condition{"largeCommunity",
              [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_fits(m.large_communities, a.large_communities);
              }},
    Condition{"extendedCommunity",
              [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_fits(m.extended_communities, a.extended_communities);
              }},
    Condition{"asPathContains",
              [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_or_empty(m.as_path_contains, [&](Asn asn) { return a.as_path.count(asn) > 0; });
              }},
    Condition{"asPath", [](const PolicyMatch& m, const PolicyRoute&, const PathAttributes& a) {
                return any_or_empty(m.as_paths, [&](const auto& p) { return matches(p, a.as_path); });
              }}};

bool matches_all(const PolicyMatch& match, const PolicyRoute& route, const PathAttributes& attributes) {
  return std::ranges::all_of(kConditions, [&](const Condition& c) { return c.holds(match, route, attributes); });
}

/// `partial`: the attribute's bit in PathAttributes::partial.
template <class Set, class Value>
void apply_communities(const Set& set, std::vector<Value> PathAttributes::* list, std::uint8_t partial,
                       const PolicyRoute& route, PathAttributes& attributes) {
  auto& values = attributes.*list;
  const bool was_there = !values.empty();
  if (set.replace) values = *set.replace;
  std::erase_if(values, [&](const Value& value) {
    return std::ranges::any_of(set.remove, [&](const auto& pattern) { return pattern.matches(value); });
  });
  for (const Value& value : set.add)
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  note_partial(attributes, partial, values, was_there, route.source == config::RouteSource::Local);
}

void apply_med(const config::PolicySet& set, PathAttributes& attributes) {
  if (set.remove_med) attributes.med.reset();
  if (set.med) attributes.med = set.med;
  if (set.add_med == 0) return;
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const std::int64_t sum = std::int64_t{attributes.med.value_or(0)} + set.add_med;
  attributes.med = static_cast<std::uint32_t>(std::clamp<std::int64_t>(sum, 0, kMost));
}

/// A next hop of the other family than the route's changes nothing. On import the path is resolved through the new
/// one; on export it is sent as it is, where otherwise ours might be.
void apply_next_hop(const config::NextHopSet& set, const PolicyRoute& route, PathAttributes& attributes) {
  if (set.self && route.exported) attributes.marks.next_hop = PolicyMarks::NextHop::Self;
  const auto& address = route.prefix.family() == AddressFamily::IPv4 ? set.v4 : set.v6;
  if (!address) return;
  attributes.next_hop = *address;
  attributes.link_local.reset();  // RFC 2545 section 3: it was the old next hop's
  attributes.marks.link = {};
  if (route.exported) attributes.marks.next_hop = PolicyMarks::NextHop::Given;
}

void apply(const config::PolicySet& set, const PolicyRoute& route, std::optional<Asn> prepend_as,
           PathAttributes& attributes) {
  if (set.local_pref) attributes.local_pref = set.local_pref;
  apply_med(set, attributes);
  apply_communities(set.communities, &PathAttributes::communities, partial::kCommunities, route, attributes);
  apply_communities(set.large_communities, &PathAttributes::large_communities, partial::kLargeCommunities, route,
                    attributes);
  apply_communities(set.extended_communities, &PathAttributes::extended_communities, partial::kExtendedCommunities,
                    route, attributes);
  if (set.prepend > 0 && prepend_as) attributes.as_path.prepend(*prepend_as, set.prepend);
  apply_next_hop(set.next_hop, route, attributes);
  if (route.exported) return;  // the kernel's route is import's business
  if (set.kernel_metric) attributes.marks.kernel_metric = *set.kernel_metric;
  attributes.marks.blackhole |= set.blackhole;
}

}  // namespace

std::string PolicyResult::describe() const {
  if (policy.empty()) return "no term matched";
  std::string text{"policy '"};
  text.append(policy).append("', term ").append(std::to_string(term + 1));
  if (!term_name.empty()) text.append(" '").append(term_name).append("'");
  return text;
}

PolicyResult evaluate(const Policies& policies, const std::vector<std::string>& names, const PolicyRoute& route,
                      const AttributesPtr& attributes, std::optional<Asn> prepend_as, std::vector<TermTrace>* trace) {
  PolicyResult result{.accepted = false, .policy = {}, .term = 0, .term_name = {}, .attributes = attributes};
  for (const std::string& name : names) {
    const auto policy = policies.find(name);
    if (policy == policies.end()) {
      result.policy = name;
      result.term_name = "there is no such policy";
      return result;
    }
    for (std::size_t i = 0; i < policy->second.size(); ++i) {
      const config::PolicyTerm& term = policy->second[i];
      const bool matched = matches_all(term.match, route, *result.attributes);
      if (trace != nullptr) trace->push_back({policy->first, i, matched, result.attributes});
      if (!matched) continue;
      if (term.set != config::PolicySet{} && term.then != config::PolicyOutcome::Reject) {
        auto changed = std::make_shared<PathAttributes>(*result.attributes);
        apply(term.set, route, prepend_as, *changed);
        result.attributes = std::move(changed);
      }
      if (term.then == config::PolicyOutcome::Next) continue;
      result.accepted = term.then == config::PolicyOutcome::Accept;
      result.policy = policy->first;
      result.term = i;
      result.term_name = term.name;
      return result;
    }
  }
  return result;
}

std::vector<std::string_view> failed_conditions(const config::PolicyMatch& match, const PolicyRoute& route,
                                                const PathAttributes& attributes) {
  std::vector<std::string_view> out;
  for (const Condition& condition : kConditions)
    if (!condition.holds(match, route, attributes)) out.push_back(condition.key);
  return out;
}

}  // namespace slash32::bgp
