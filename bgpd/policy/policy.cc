#include "bgpd/policy/policy.h"

#include <algorithm>

namespace slash32::bgp {
namespace {

// Within a kind one element is enough; a kind that is not given matches.
template <class List, class Test>
bool any_or_empty(const List& wanted, Test test) {
  return wanted.empty() || std::ranges::any_of(wanted, test);
}

bool matches_prefix(const config::PrefixMatch& match, const Prefix& prefix) {
  return match.prefix.contains(prefix) && prefix.length() >= match.min_length && prefix.length() <= match.max_length;
}

template <class T>
bool has(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

bool matches(const config::PolicyMatch& match, const PolicyRoute& route, const PathAttributes& attributes) {
  return any_or_empty(match.families, [&](AddressFamily f) { return f == route.prefix.family(); }) &&
         any_or_empty(match.sources, [&](config::RouteSource s) { return s == route.source; }) &&
         any_or_empty(match.neighbors, [&](const std::string& n) { return n == route.neighbor; }) &&
         any_or_empty(match.prefixes, [&](const auto& p) { return matches_prefix(p, route.prefix); }) &&
         any_or_empty(match.communities, [&](Community c) { return has(attributes.communities, c); }) &&
         any_or_empty(match.large_communities, [&](const auto& c) { return has(attributes.large_communities, c); }) &&
         any_or_empty(match.as_path_contains, [&](Asn asn) { return attributes.as_path.count(asn) > 0; });
}

bool changes_nothing(const config::PolicySet& set) { return set == config::PolicySet{}; }

template <class T>
void add_once(std::vector<T>& values, const std::vector<T>& more) {
  for (const T& value : more)
    if (!has(values, value)) values.push_back(value);
}

void apply(const config::PolicySet& set, std::optional<Asn> prepend_as, PathAttributes& attributes) {
  if (set.local_pref) attributes.local_pref = set.local_pref;
  if (set.med) attributes.med = set.med;
  if (set.communities) attributes.communities = *set.communities;
  std::erase_if(attributes.communities, [&](Community c) { return has(set.remove_communities, c); });
  add_once(attributes.communities, set.add_communities);
  add_once(attributes.large_communities, set.add_large_communities);
  if (set.prepend > 0 && prepend_as) attributes.as_path.prepend(*prepend_as, set.prepend);
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
                      const AttributesPtr& attributes, std::optional<Asn> prepend_as) {
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
      if (!matches(term.match, route, *result.attributes)) continue;
      if (!changes_nothing(term.set) && term.then != config::PolicyOutcome::Reject) {
        auto changed = std::make_shared<PathAttributes>(*result.attributes);
        apply(term.set, prepend_as, *changed);
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

}  // namespace slash32::bgp
