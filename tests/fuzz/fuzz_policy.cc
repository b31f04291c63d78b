// A policy and a route: the policy's JSON as in bgpd.json, a zero octet, one octet that says from whom and to whom, and
// the body of the UPDATE that brought the route. Whatever they are, the answer is the same twice, the argument stays as
// it was, who decided is a term that matches, and what is accepted can be sent.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "bgpd/policy/policy.h"
#include "bgpd/wire/update.h"
#include "config/bgpd_conf.h"

namespace {

using namespace slash32;
using namespace slash32::bgp;

void check(bool fact) {
  if (!fact) std::abort();
}

const std::vector<std::string> kNames{"p"};
const std::string kConf = R"({"localAs": 64512, "neighbors": [{"name": "tor1", "address": "10.9.1.1",
 "remoteAs": 65001}], "policies": {"p": )";

void check_who_decided(const Policies& policies, const PolicyResult& result, const std::vector<TermTrace>& trace,
                       const PolicyRoute& route) {
  const auto& terms = policies.at("p");
  check(trace.size() <= terms.size());
  for (const TermTrace& tried : trace) {
    const auto& match = terms.at(tried.term).match;
    check(tried.before != nullptr && tried.matched == failed_conditions(match, route, *tried.before).empty());
  }
  if (result.policy.empty()) return check(!result.accepted && trace.size() == terms.size());
  check(!trace.empty() && trace.back().term == result.term && trace.back().matched);
  const auto then = result.accepted ? config::PolicyOutcome::Accept : config::PolicyOutcome::Reject;
  check(terms.at(result.term).then == then);
}

void try_route(const Policies& policies, const PolicyRoute& route, const AttributesPtr& attributes, bool prepends) {
  const PathAttributes before = *attributes;
  const auto prepend_as = prepends ? std::optional{Asn{64512}} : std::nullopt;
  std::vector<TermTrace> trace;
  const PolicyResult result = evaluate(policies, kNames, route, attributes, prepend_as, &trace);
  check(*attributes == before);
  check_who_decided(policies, result, trace, route);
  const PolicyResult again = evaluate(policies, kNames, route, attributes, prepend_as);
  check(again.accepted == result.accepted && again.term == result.term && again.describe() == result.describe());
  check(result.attributes != nullptr && *again.attributes == *result.attributes);
  if (!result.accepted) return;
  PathAttributes sent = *result.attributes;
  sent.next_hop = before.next_hop;  // policy may set one of another family: which is sent is the export's business
  check(encode_attribute_block(sent, route.prefix.family(), {}).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const end = data + size;
  const auto* const zero = std::find(data, end, std::uint8_t{0});
  if (end - zero < 2) return 0;
  const std::string conf = kConf + std::string(data, zero) + "}}";
  const auto checked = config::check_bgpd_conf(conf);
  if (!checked.errors.empty() || !checked.conf.policies.contains("p")) return 0;
  const unsigned how = zero[1];
  DecodeContext context;
  context.external = (how & 1U) != 0;
  context.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  const auto update = decode_update({zero + 2, end}, context);
  if (!update) return 0;
  for (const Update::Reach& reach : update->announced) {
    for (const Prefix& prefix : reach.prefixes) {
      const PolicyRoute route{.prefix = prefix,
                              .source = static_cast<config::RouteSource>((how >> 1U) % 3),
                              .neighbor = (how & 16U) != 0 ? "tor1" : "",
                              .peer_type = peer_type(context.external, (how & 32U) != 0),
                              .exported = (how & 64U) != 0};
      try_route(checked.conf.policies, route, reach.attributes, (how & 128U) != 0);
    }
  }
  return 0;
}
