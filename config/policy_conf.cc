#include "config/policy_conf.h"

#include "config/bgpd_keys.h"
#include "config/conf_readers.h"

namespace slash32::config {
namespace {

using nlohmann::ordered_json;

constexpr std::uint8_t kMaxPrepend = 32;  // more is a mistake: AS_PATHs beyond some 50 are filtered along the way

Result<PrefixMatch> read_prefix_match(const JsonField& field) {
  if (field.value().is_string()) {
    const auto exact = TRY(json::prefix(field));
    return PrefixMatch{exact, exact.length(), exact.length()};
  }
  if (!field.value().is_object()) return field.bad("must be a prefix, or {\"prefix\": ..., \"ge\": ..., \"le\": ...}");
  TRY(field.only(keys::kPrefixMatch));
  PrefixMatch match{.prefix = TRY(field.required("prefix", json::prefix))};
  const auto bits = match.prefix.address().bits();
  const auto own = match.prefix.length();
  const auto least = TRY(field.maybe("ge", json::integer<std::uint8_t>(own, bits)));
  match.min_length = least.value_or(own);
  const auto most = TRY(field.maybe("le", json::integer<std::uint8_t>(match.min_length, bits)));
  match.max_length = most ? *most : least ? bits : own;
  return match;
}

Result<PolicyMatch> read_match(const JsonField& field) {
  TRY(field.only(keys::kMatch));
  PolicyMatch match;
  match.prefixes = TRY(field.optional("prefix", one_or_many(read_prefix_match), match.prefixes));
  match.communities = TRY(field.optional("community", one_or_many(community), match.communities));
  match.large_communities =
      TRY(field.optional("largeCommunity", one_or_many(large_community), match.large_communities));
  match.as_path_contains = TRY(field.optional("asPathContains", one_or_many(as_number), match.as_path_contains));
  match.neighbors = TRY(field.optional("neighbor", one_or_many(json::non_empty_text), match.neighbors));
  const auto source =
      one_of<RouteSource>({{"local", RouteSource::Local}, {"ebgp", RouteSource::Ebgp}, {"ibgp", RouteSource::Ibgp}});
  match.sources = TRY(field.optional("source", one_or_many(source), match.sources));
  match.families = TRY(field.optional("family", one_or_many(address_family), match.families));
  for (const auto& [key, value] : field.value().items())
    if (value.is_array() && value.empty())
      return field.child(key).bad("is empty and could never match; leave it out to match everything");
  return match;
}

Result<PolicySet> read_set(const JsonField& field) {
  TRY(field.only(keys::kSet));
  PolicySet set;
  set.local_pref = TRY(field.maybe("localPref", json::integer<std::uint32_t>()));
  set.med = TRY(field.maybe("med", json::integer<std::uint32_t>()));
  set.communities = TRY(field.maybe("communities", json::array_of(community)));
  set.add_communities = TRY(field.optional("addCommunities", one_or_many(community), set.add_communities));
  set.remove_communities = TRY(field.optional("removeCommunities", one_or_many(community), set.remove_communities));
  set.add_large_communities =
      TRY(field.optional("addLargeCommunities", one_or_many(large_community), set.add_large_communities));
  set.prepend = TRY(field.optional("prepend", json::integer<std::uint8_t>(0, kMaxPrepend), set.prepend));
  return set;
}

Result<PolicyTerm> read_term(const JsonField& field) {
  TRY(field.only(keys::kTerm));
  PolicyTerm term;
  term.name = TRY(field.optional("name", json::line, std::string{}));
  term.match = TRY(field.optional("match", read_match, PolicyMatch{}));
  term.set = TRY(field.optional("set", read_set, PolicySet{}));
  const auto outcome = one_of<PolicyOutcome>(
      {{"accept", PolicyOutcome::Accept}, {"reject", PolicyOutcome::Reject}, {"next", PolicyOutcome::Next}});
  term.then = TRY(field.optional("then", outcome, PolicyOutcome::Next));
  if (term.then == PolicyOutcome::Next && term.set == PolicySet{})
    return field.bad("does nothing: give \"then\" (accept, reject or next) or \"set\"");
  return term;
}

template <class T, class Print>
void put_list(ordered_json& out, const char* key, const std::vector<T>& values, Print print) {
  if (values.empty()) return;
  for (const auto& value : values) out[key].push_back(print(value));
}

ordered_json print_prefix_match(const PrefixMatch& match) {
  return {{"prefix", match.prefix.to_string()}, {"ge", match.min_length}, {"le", match.max_length}};
}

std::string print_source(RouteSource source) {
  if (source == RouteSource::Local) return "local";
  return source == RouteSource::Ebgp ? "ebgp" : "ibgp";
}

ordered_json print_match(const PolicyMatch& match) {
  ordered_json out = ordered_json::object();
  put_list(out, "prefix", match.prefixes, print_prefix_match);
  put_list(out, "community", match.communities, print_community);
  put_list(out, "largeCommunity", match.large_communities, print_large_community);
  put_list(out, "asPathContains", match.as_path_contains, [](Asn asn) { return asn.value; });
  put_list(out, "neighbor", match.neighbors, [](const std::string& name) { return name; });
  put_list(out, "source", match.sources, print_source);
  put_list(out, "family", match.families, print_family);
  return out;
}

ordered_json print_set(const PolicySet& set) {
  ordered_json out = ordered_json::object();
  if (set.local_pref) out["localPref"] = *set.local_pref;
  if (set.med) out["med"] = *set.med;
  if (set.communities) {
    out["communities"] = ordered_json::array();
    put_list(out, "communities", *set.communities, print_community);
  }
  put_list(out, "addCommunities", set.add_communities, print_community);
  put_list(out, "removeCommunities", set.remove_communities, print_community);
  put_list(out, "addLargeCommunities", set.add_large_communities, print_large_community);
  if (set.prepend > 0) out["prepend"] = set.prepend;
  return out;
}

}  // namespace

Result<Policy> read_policy(const JsonField& field) { return field.each(read_term); }

std::map<std::string, Policy> read_policies(const JsonField& field, std::vector<Error>& errors) {
  std::map<std::string, Policy> out;
  if (const auto shape = field.is_object(); !shape) {
    errors.push_back(shape.error());
    return out;
  }
  for (const auto& [name, value] : field.value().items()) {
    if (name.empty()) errors.push_back(field.bad_error("a policy's name must not be empty"));
    auto policy = read_policy(field.child(name));
    if (!policy) errors.push_back(policy.error());
    out.emplace(name, policy ? *std::move(policy) : Policy{});  // known by name: no second complaint where it is used
  }
  return out;
}

ordered_json print_policy(const Policy& policy) {
  ordered_json out = ordered_json::array();
  for (const auto& term : policy) {
    ordered_json one = ordered_json::object();
    if (!term.name.empty()) one["name"] = term.name;
    if (term.match != PolicyMatch{}) one["match"] = print_match(term.match);
    if (term.set != PolicySet{}) one["set"] = print_set(term.set);
    one["then"] = term.then == PolicyOutcome::Accept   ? "accept"
                  : term.then == PolicyOutcome::Reject ? "reject"
                                                       : "next";
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace slash32::config
