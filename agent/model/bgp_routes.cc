// BGPFilter and BGPAdvertisement.
#include "agent/model/bgp.h"
#include "agent/model/fields.h"
#include "config/policy_conf.h"

namespace slash32::agent::model {
namespace {

enum class Word : std::uint8_t { PodCidr, PodRoute, ClusterIp, ExternalIp, LoadBalancerIp };

Result<AdvertisedKinds> read_kinds(const JsonField& field) {
  const auto words = TRY(field.each(config::one_of<Word>({{"PodCIDR", Word::PodCidr},
                                                          {"PodRoute", Word::PodRoute},
                                                          {"ClusterIP", Word::ClusterIp},
                                                          {"ExternalIP", Word::ExternalIp},
                                                          {"LoadBalancerIP", Word::LoadBalancerIp}})));
  if (words.empty()) return field.bad("must name at least one");
  AdvertisedKinds out;
  for (const auto word : words) {
    out.pod_cidrs |= word == Word::PodCidr;
    out.pod_routes |= word == Word::PodRoute;
    out.cluster_ips |= word == Word::ClusterIp;
    out.external_ips |= word == Word::ExternalIp;
    out.load_balancer_ips |= word == Word::LoadBalancerIp;
  }
  return out;
}

/// A schema has one shape in one place: ["self"] is what bgpd.json writes as "self".
nlohmann::json with_lone_next_hops(nlohmann::json terms) {
  if (!terms.is_array()) return terms;
  const nlohmann::json::json_pointer place("/set/nextHop");
  for (auto& term : terms) {
    if (!term.is_object() || !term.contains("set") || !term.at("set").is_object() || !term.contains(place)) continue;
    auto& next_hop = term[place];
    if (next_hop.is_array() && next_hop.size() == 1) next_hop = nlohmann::json(next_hop.at(0));
  }
  return terms;
}

}  // namespace

Result<BgpFilter> read_bgp_filter(const nlohmann::json& object) {
  const JsonField root(object);
  BgpFilter out;
  out.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  const auto terms = TRY(spec.required("terms", [](const JsonField& f) -> Result<JsonField> { return f; }));
  out.terms = with_lone_next_hops(terms.value());
  TRY(config::read_policy(JsonField(out.terms, terms.pointer())));
  out.status.value = object.value("status", nlohmann::json());
  out.version.value = version_of(object);
  return out;
}

Result<BgpAdvertisement> read_bgp_advertisement(const nlohmann::json& object) {
  const JsonField root(object);
  BgpAdvertisement out;
  out.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  out.kinds = TRY(spec.required("advertise", read_kinds));
  out.nodes = TRY(read_or(spec, "nodeSelector", read_selector, out.nodes));
  out.services = TRY(read_or(spec, "serviceSelector", read_selector, out.services));
  out.namespaces = TRY(read_or(spec, "namespaces", names, out.namespaces));
  out.peers = TRY(read_or(spec, "peers", names, out.peers));
  out.peer_labels = TRY(read_maybe(spec, "peerSelector", read_selector));
  out.mesh = TRY(read_or(spec, "toMesh", json::boolean, out.mesh));
  out.aggregation4 = TRY(read_maybe(spec, "aggregationLength", json::integer<std::uint8_t>(1, 32)));
  out.aggregation6 = TRY(read_maybe(spec, "aggregationLengthV6", json::integer<std::uint8_t>(1, 128)));
  out.communities = TRY(read_or(spec, "communities", names, out.communities));
  out.local_pref = TRY(read_maybe(spec, "localPref", json::integer<std::uint32_t>()));
  out.status.value = object.value("status", nlohmann::json());
  out.version.value = version_of(object);
  return out;
}

}  // namespace slash32::agent::model
