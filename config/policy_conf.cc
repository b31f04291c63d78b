#include "config/policy_conf.h"

#include "config/bgpd_keys.h"
#include "config/conf_readers.h"
#include "config/policy_text.h"
#include "config/special_address.h"

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

/// The next hop itself, or what it lies in.
Result<Prefix> read_next_hop_match(const JsonField& field) {
  const auto text = TRY(json::text(field));
  if (text.find('/') != std::string::npos) return json::prefix(field);
  return Prefix::host(TRY(json::ip_address(field)));
}

Status read_kinds(const JsonField& field, PolicyMatch& match) {
  const auto origin = one_of<RouteOrigin>(
      {{"igp", RouteOrigin::Igp}, {"egp", RouteOrigin::Egp}, {"incomplete", RouteOrigin::Incomplete}});
  match.origins = TRY(field.optional("origin", one_or_many(origin), match.origins));
  const auto peer_type =
      one_of<PeerType>({{"ebgp", PeerType::Ebgp}, {"ibgp", PeerType::Ibgp}, {"client", PeerType::Client}});
  match.peer_types = TRY(field.optional("peerType", one_or_many(peer_type), match.peer_types));
  const auto source =
      one_of<RouteSource>({{"local", RouteSource::Local}, {"ebgp", RouteSource::Ebgp}, {"ibgp", RouteSource::Ibgp}});
  match.sources = TRY(field.optional("source", one_or_many(source), match.sources));
  match.families = TRY(field.optional("family", one_or_many(address_family), match.families));
  return ok();
}

Result<PolicyMatch> read_match(const JsonField& field) {
  TRY(field.only(keys::kMatch));
  PolicyMatch match;
  match.prefixes = TRY(field.optional("prefix", one_or_many(read_prefix_match), match.prefixes));
  match.communities = TRY(field.optional("community", one_or_many(community_pattern), match.communities));
  match.large_communities =
      TRY(field.optional("largeCommunity", one_or_many(large_community_pattern), match.large_communities));
  match.extended_communities =
      TRY(field.optional("extendedCommunity", one_or_many(extended_community_pattern), match.extended_communities));
  match.as_paths = TRY(field.optional("asPath", one_or_many(as_path_pattern), match.as_paths));
  match.as_path_contains = TRY(field.optional("asPathContains", one_or_many(as_number), match.as_path_contains));
  match.next_hops = TRY(field.optional("nextHop", one_or_many(read_next_hop_match), match.next_hops));
  match.neighbors = TRY(field.optional("neighbor", one_or_many(json::non_empty_text), match.neighbors));
  TRY(read_kinds(field, match));
  for (const auto& [key, value] : field.value().items())
    if (value.is_array() && value.empty())
      return field.child(key).bad("is empty and could never match; leave it out to match everything");
  return match;
}

/// "communities", "addCommunities", "removeCommunities", and so for the other kinds.
template <class Set, class ReadValue, class ReadPattern>
Result<Set> read_community_set(const JsonField& field, const std::string& kind, ReadValue value, ReadPattern pattern) {
  Set out;
  std::string replace = kind;
  replace[0] = static_cast<char>(replace[0] - 'A' + 'a');
  out.replace = TRY(field.maybe(replace, one_or_many(value)));
  out.add = TRY(field.optional("add" + kind, one_or_many(value), out.add));
  out.remove = TRY(field.optional("remove" + kind, one_or_many(pattern), out.remove));
  return out;
}

Status read_med(const JsonField& field, PolicySet& set) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  set.med = TRY(field.maybe("med", json::integer<std::uint32_t>()));
  set.add_med = TRY(field.optional("addMed", json::integer<std::int64_t>(-kMost, kMost), set.add_med));
  set.remove_med = TRY(field.optional("removeMed", json::boolean, set.remove_med));
  if (set.remove_med && (set.med || set.add_med != 0))
    return field.child("removeMed").bad("excludes med and addMed: what would be left?");
  if (set.med && set.add_med != 0) return field.child("addMed").bad("excludes med, which replaces what is there");
  return ok();
}

/// "self", an address, or one of each family.
Result<NextHopSet> read_next_hop(const JsonField& field) {
  NextHopSet out;
  if (field.value().is_string() && field.value().get<std::string>() == "self") {
    out.self = true;
    return out;
  }
  const auto address = [](const JsonField& f) { return host_address(f); };
  for (const IpAddress& one : TRY(one_or_many(address)(field))) {
    auto& place = one.is_v4() ? out.v4 : out.v6;
    if (place) return field.bad("has two " + std::string(to_string(one.family())) + " addresses");
    place = one;
  }
  if (!out.v4 && !out.v6) return field.bad("is empty; give \"self\", an address, or one of each family");
  return out;
}

Result<PolicySet> read_set(const JsonField& field) {
  TRY(field.only(keys::kSet));
  PolicySet set;
  set.local_pref = TRY(field.maybe("localPref", json::integer<std::uint32_t>()));
  TRY(read_med(field, set));
  set.communities =
      TRY(read_community_set<decltype(set.communities)>(field, "Communities", community, community_pattern));
  set.large_communities = TRY(read_community_set<decltype(set.large_communities)>(
      field, "LargeCommunities", large_community, large_community_pattern));
  set.extended_communities = TRY(read_community_set<decltype(set.extended_communities)>(
      field, "ExtendedCommunities", extended_community, extended_community_pattern));
  set.prepend = TRY(field.optional("prepend", json::integer<std::uint8_t>(0, kMaxPrepend), set.prepend));
  set.next_hop = TRY(field.optional("nextHop", read_next_hop, set.next_hop));
  set.kernel_metric = TRY(field.maybe("kernelMetric", json::integer<std::uint32_t>(kLeastMetric)));
  set.blackhole = TRY(field.optional("blackhole", json::boolean, set.blackhole));
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

std::string print_peer_type(PeerType type) {
  if (type == PeerType::Client) return "client";
  return type == PeerType::Ebgp ? "ebgp" : "ibgp";
}

std::string print_origin(RouteOrigin origin) {
  if (origin == RouteOrigin::Igp) return "igp";
  return origin == RouteOrigin::Egp ? "egp" : "incomplete";
}

ordered_json print_match(const PolicyMatch& match) {
  ordered_json out = ordered_json::object();
  put_list(out, "prefix", match.prefixes, print_prefix_match);
  put_list(out, "community", match.communities, print_community_pattern);
  put_list(out, "largeCommunity", match.large_communities, print_large_community_pattern);
  put_list(out, "extendedCommunity", match.extended_communities, print_extended_community_pattern);
  put_list(out, "asPath", match.as_paths, print_as_path_pattern);
  put_list(out, "asPathContains", match.as_path_contains, [](Asn asn) { return asn.value; });
  put_list(out, "origin", match.origins, print_origin);
  put_list(out, "nextHop", match.next_hops, [](const Prefix& prefix) { return prefix.to_string(); });
  put_list(out, "neighbor", match.neighbors, [](const std::string& name) { return name; });
  put_list(out, "peerType", match.peer_types, print_peer_type);
  put_list(out, "source", match.sources, print_source);
  put_list(out, "family", match.families, print_family);
  return out;
}

template <class Set, class PrintValue, class PrintPattern>
void put_community_set(ordered_json& out, const std::string& kind, const Set& set, PrintValue value,
                       PrintPattern pattern) {
  if (set.replace) {
    std::string replace = kind;
    replace[0] = static_cast<char>(replace[0] - 'A' + 'a');
    out[replace] = ordered_json::array();
    put_list(out, replace.c_str(), *set.replace, value);
  }
  put_list(out, ("add" + kind).c_str(), set.add, value);
  put_list(out, ("remove" + kind).c_str(), set.remove, pattern);
}

ordered_json print_set(const PolicySet& set) {
  ordered_json out = ordered_json::object();
  if (set.local_pref) out["localPref"] = *set.local_pref;
  if (set.med) out["med"] = *set.med;
  if (set.add_med != 0) out["addMed"] = set.add_med;
  if (set.remove_med) out["removeMed"] = true;
  put_community_set(out, "Communities", set.communities, print_community, print_community_pattern);
  put_community_set(out, "LargeCommunities", set.large_communities, print_large_community,
                    print_large_community_pattern);
  put_community_set(out, "ExtendedCommunities", set.extended_communities, print_extended_community,
                    print_extended_community_pattern);
  if (set.prepend > 0) out["prepend"] = set.prepend;
  if (set.next_hop.self) out["nextHop"] = "self";
  for (const auto& address : {set.next_hop.v4, set.next_hop.v6})
    if (address) out["nextHop"].push_back(address->to_string());
  if (set.kernel_metric) out["kernelMetric"] = *set.kernel_metric;
  if (set.blackhole) out["blackhole"] = true;
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
