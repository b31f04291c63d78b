// `slash32ctl policy test`: what policies of a configuration file would do with a route, term by term. No daemon is
// asked: the evaluator is the speaker's own.
#include <array>
#include <fstream>
#include <ostream>
#include <sstream>

#include "bgpd/policy/policy.h"
#include "config/bgpd_conf.h"
#include "config/conf_readers.h"
#include "config/policy_conf.h"
#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/policy_route.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::ordered_json;

Result<config::BgpdConf> read_conf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return fail(5, path.string() + " cannot be read");
  auto checked = config::check_bgpd_conf(text.str());
  if (checked.errors.empty()) return std::move(checked.conf);
  std::string rest;
  for (std::size_t i = 1; i < checked.errors.size(); ++i)
    rest += (rest.empty() ? "" : "\n  ") + checked.errors[i].message;
  return fail(7, path.string() + ": " + checked.errors.front().message, rest);
}

Status check_names(const config::BgpdConf& conf, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (conf.policies.contains(name)) continue;
    std::string known;
    for (const auto& [one, policy] : conf.policies) known += (known.empty() ? "" : ", ") + one;
    return fail(3, "no policy \"" + name + "\" in the configuration", "it has: " + (known.empty() ? "none" : known));
  }
  return ok();
}

/// What the route has of a kind of `match`.
ordered_json value_of(std::string_view condition, const bgp::PolicyRoute& route,
                      const bgp::PathAttributes& attributes) {
  static constexpr std::array kSources{"local", "ebgp", "ibgp"};
  static constexpr std::array kTypes{"ebgp", "ibgp", "client"};
  const ordered_json all = attributes_view(attributes);
  const auto of = [&](const char* key) { return all.contains(key) ? all[key] : ordered_json(); };
  if (condition == "prefix") return route.prefix.to_string();
  if (condition == "family") return config::print_family(route.prefix.family());
  if (condition == "source") return kSources.at(static_cast<std::size_t>(route.source));
  if (condition == "peerType") return kTypes.at(static_cast<std::size_t>(route.peer_type));
  if (condition == "neighbor") return route.neighbor;
  if (condition == "origin") return of("origin");
  if (condition == "nextHop") return attributes.next_hop.to_string();
  if (condition == "community") return of("communities");
  if (condition == "largeCommunity") return of("largeCommunities");
  if (condition == "extendedCommunity") return of("extendedCommunities");
  return of("asPath");
}

ordered_json term_view(const bgp::TermTrace& trace, const config::PolicyTerm& term, const bgp::PolicyRoute& route) {
  const ordered_json printed = config::print_policy({term})[0];
  ordered_json out = {{"policy", trace.policy}, {"term", trace.term + 1}};
  if (!term.name.empty()) out["name"] = term.name;
  out["matched"] = trace.matched;
  if (!trace.matched) {
    for (const auto condition : bgp::failed_conditions(term.match, route, *trace.before)) {
      const std::string key{condition};
      out["failed"].push_back({{"condition", key},
                               {"wanted", printed["match"][key]},
                               {"route", value_of(condition, route, *trace.before)}});
    }
    return out;
  }
  if (printed.contains("set")) out["set"] = printed["set"];
  out["then"] = printed["then"];
  return out;
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? printable(value.get<std::string>()) : value.is_null() ? "none" : printable(value.dump());
}

std::string name_of(const nlohmann::json& term) {
  std::string out = "policy '" + field_text(term, "policy") + "', term " + field_text(term, "term");
  if (term.contains("name")) out += " '" + field_text(term, "name") + "'";
  return out;
}

}  // namespace

std::string render_policy_test(const nlohmann::json& document) {
  std::string out;
  const nlohmann::json* last = nullptr;
  for (const auto& term : document.at("terms")) {
    last = &term;
    out += name_of(term) + ": " + (field_is_true(term, "matched") ? "matches" : "does not match") + "\n";
    if (term.contains("failed"))
      for (const auto& failed : term.at("failed"))
        out += "    " + field_text(failed, "condition") + ": the route has " + text_of(failed.at("route")) +
               ", wanted is " + text_of(failed.at("wanted")) + "\n";
    if (term.contains("set")) out += "    set " + text_of(term.at("set")) + "\n";
    if (term.contains("then")) out += "    then " + field_text(term, "then") + "\n";
  }
  const bool decided = last != nullptr && !document.at("policy").is_null();
  out += field_is_true(document, "accepted") ? "accepted" : "rejected";
  out += decided ? " by " + name_of(*last) : ": no term decided";
  out += "\n";
  if (!field_is_true(document, "accepted")) return out;
  out += "attributes afterwards\n";
  for (const auto& [key, value] : document.at("attributes").items()) out += "    " + key + " " + text_of(value) + "\n";
  return out;
}

Result<nlohmann::ordered_json> policy_test_document(const config::BgpdConf& conf, const std::vector<std::string>& names,
                                                    const std::string& text) {
  TRY(check_names(conf, names));
  const auto route = read_test_route(text, conf);
  if (!route) return std::unexpected(in("--route", route.error()));
  const auto seen = route->seen();
  const bool prepends = !route->exported || route->peer_type == config::PeerType::Ebgp;  // RFC 4271 section 5.1.2
  std::vector<bgp::TermTrace> trace;
  const auto result =
      bgp::evaluate(conf.policies, names, seen, std::make_shared<const bgp::PathAttributes>(route->attributes),
                    prepends ? std::optional{route->local_as} : std::nullopt, &trace);
  ordered_json out = {{"accepted", result.accepted}, {"policy", nullptr}, {"term", nullptr}};
  if (!result.policy.empty()) {
    out["policy"] = result.policy;
    out["term"] = result.term + 1;
  }
  out["direction"] = route->exported ? "export" : "import";
  out["terms"] = ordered_json::array();
  for (const auto& one : trace)
    out["terms"].push_back(term_view(one, conf.policies.at(std::string(one.policy)).at(one.term), seen));
  out["attributes"] = attributes_view(*result.attributes);
  return out;
}

Result<bool> run_policy_test(const Options& options, const PolicyTestQuery& query, std::ostream& out) {
  const auto conf = TRY(read_conf(query.config));
  const auto document = TRY(policy_test_document(conf, query.policies, query.route));
  print_line(out, options.json ? document.dump(2) : render_policy_test(nlohmann::json(document)));
  return document.at("accepted").get<bool>();
}

}  // namespace slash32::ctl
