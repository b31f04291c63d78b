// A world built from the API's own JSON, in a line each, and a look at what the plan made of it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/plan/plan.h"
#include "bgpd/policy/policy.h"
#include "bgpd/wire/attributes.h"
#include "config/bgpd_conf.h"
#include "config/conf_readers.h"

namespace slash32::agent::plan {

inline IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
inline Prefix net(const std::string& text) { return *Prefix::parse(text); }

/// A text as JSON; single quotes stand for double ones.
inline nlohmann::json quoted(std::string text) {
  for (auto& c : text)
    if (c == '\'') c = '"';
  return nlohmann::json::parse(text);
}

struct Builder {
  World world;

  Builder() {
    for (int kind = 0; kind <= static_cast<int>(model::Kind::IpPool); ++kind)
      world.listed.insert(static_cast<model::Kind>(kind));
  }

  template <class T>
  static T good(Result<T> result) {
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result ? *std::move(result) : T{};
  }
  static nlohmann::json object(const std::string& name, const std::string& space, const std::string& rest) {
    auto out = quoted(rest);
    out["metadata"]["name"] = name;
    if (!space.empty()) out["metadata"]["namespace"] = space;
    return out;
  }

  /// n1: 10.0.0.1, 10.244.1.0/24 and fd00:244:1::/64.
  Builder& node(int number, const std::string& rest = "{}") {
    const auto digits = std::to_string(number);
    auto out = object("n" + digits, "", rest);
    if (!out.contains("spec")) out["spec"]["podCIDRs"] = {"10.244." + digits + ".0/24", "fd00:244:" + digits + "::/64"};
    if (!out.contains("status"))
      out["status"]["addresses"] = {{{"type", "InternalIP"}, {"address", "10.0.0." + digits}}};
    world.nodes["n" + digits] = good(model::read_node(out));
    return *this;
  }
  Builder& configuration(const std::string& spec) {
    world.configurations["default"] =
        good(model::read_bgp_configuration(object("default", "", "{'spec': " + spec + "}")));
    return *this;
  }
  Builder& peer(const std::string& name, const std::string& spec, const std::string& metadata = "{}") {
    world.peers[name] =
        good(model::read_bgp_peer(object(name, "", "{'metadata': " + metadata + ", 'spec': " + spec + "}")));
    return *this;
  }
  Builder& filter(const std::string& name, const std::string& terms) {
    world.filters[name] = good(model::read_bgp_filter(object(name, "", "{'spec': {'terms': " + terms + "}}")));
    return *this;
  }
  Builder& advertisement(const std::string& name, const std::string& spec) {
    world.advertisements[name] = good(model::read_bgp_advertisement(object(name, "", "{'spec': " + spec + "}")));
    return *this;
  }
  Builder& pool(const std::string& name, const std::string& spec) {
    world.pools[name] = good(model::read_ip_pool(object(name, "", "{'spec': " + spec + "}")));
    return *this;
  }
  Builder& service(const std::string& name, const std::string& rest) {
    auto read = good(model::read_service(object(name, "default", rest)));
    world.services[read.meta.key] = std::move(read);
    return *this;
  }
  /// Ready endpoints of a Service: so many in all, so many of them here.
  Builder& endpoints(const std::string& service, std::uint32_t ready, std::uint32_t here,
                     AddressFamily family = AddressFamily::IPv4) {
    return endpoints(service, {.ready = ready, .ready_here = here}, family);
  }
  Builder& endpoints(const std::string& service, model::Endpoints count, AddressFamily family = AddressFamily::IPv4) {
    const model::ObjectKey key{"default", service + (family == AddressFamily::IPv4 ? "-4" : "-6")};
    world.endpoint_slices[key] = {{"default", service}, family, false, count};
    return *this;
  }
  Builder& secret(const std::string& name, const std::string& password) {
    world.secrets[name] = {{"slash32-system", name}, {{"password", password}}};
    return *this;
  }
};

/// The plan for n1, with bgpd.json as its reader has it.
struct Planned {
  Desired desired;
  nlohmann::json document;
  config::BgpdConf conf;

  explicit Planned(const World& world, const std::string& node = "n1")
      : desired(make_plan(world, {.node_name = node})) {
    if (!desired.bgpd_json) return;
    document = nlohmann::json::parse(*desired.bgpd_json);
    const auto check = config::check_bgpd_conf(*desired.bgpd_json);
    for (const auto& error : check.errors) ADD_FAILURE() << error.message;
    conf = check.conf;
  }

  std::string all_waiting() const {
    std::string out;
    for (const auto& sentence : desired.waiting) out += sentence + "\n";
    return out;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& neighbor : conf.neighbors) out.push_back(neighbor.name);
    return out;
  }
  const config::NeighborConf& neighbor(const std::string& name) const {
    for (const auto& one : conf.neighbors)
      if (one.name == name) return one;
    ADD_FAILURE() << "no neighbour " << name;
    static const config::NeighborConf kNone;
    return kNone;
  }
  const PlannedNeighbor& said_of(const std::string& name) const {
    for (const auto& one : desired.neighbors)
      if (one.name == name) return one;
    ADD_FAILURE() << "nothing said of " << name;
    static const PlannedNeighbor kNone;
    return kNone;
  }
  const Condition& condition(const std::string& type) const {
    for (const auto& one : desired.conditions)
      if (one.type == type) return one;
    ADD_FAILURE() << "no condition " << type;
    static const Condition kNone;
    return kNone;
  }
  const config::OriginatedPrefix* originated(const std::string& prefix) const {
    for (const auto& one : conf.originate.prefixes)
      if (one.prefix == net(prefix)) return &one;
    return nullptr;
  }

  /// What a neighbour is told of a route of ours, or nothing.
  bgp::AttributesPtr told(const std::string& name, const std::string& prefix,
                          config::RouteSource source = config::RouteSource::Local) const {
    auto attributes = std::make_shared<bgp::PathAttributes>();
    if (const auto* one = originated(prefix)) {
      attributes->communities = one->communities;
      attributes->local_pref = one->local_pref;
    }
    const auto& names = neighbor(name).export_policies;
    EXPECT_TRUE(names.has_value());
    const bgp::PolicyRoute route{
        .prefix = net(prefix), .source = source, .neighbor = {}, .peer_type = config::PeerType::Ebgp, .exported = true};
    const auto result = bgp::evaluate(conf.policies, *names, route, attributes, {});
    return result.accepted ? result.attributes : nullptr;
  }
  /// Whether a route that a neighbour says is taken.
  bool takes(const std::string& name, const std::string& prefix) const {
    const auto& names = neighbor(name).import_policies;
    if (!names) return false;  // eBGP without policy (RFC 8212)
    const bgp::PolicyRoute route{.prefix = net(prefix),
                                 .source = config::RouteSource::Ebgp,
                                 .neighbor = name,
                                 .peer_type = config::PeerType::Ebgp,
                                 .exported = false};
    return bgp::evaluate(conf.policies, *names, route, std::make_shared<bgp::PathAttributes>(), {}).accepted;
  }
};

inline Community community(const std::string& text) {
  const nlohmann::json value = text;
  return *config::community(JsonField(value));
}

}  // namespace slash32::agent::plan
