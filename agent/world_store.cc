#include "agent/world_store.h"

#include <optional>
#include <utility>

namespace slash32::agent {
namespace {

using model::Kind;

model::ObjectKey split(const std::string& key) {
  const auto slash = key.find('/');
  if (slash == std::string::npos) return {.space = {}, .name = key};
  return {.space = key.substr(0, slash), .name = key.substr(slash + 1)};
}

const model::ObjectKey& as_key(const std::map<model::ObjectKey, model::Service>&, const model::ObjectKey& key) {
  return key;
}
const model::ObjectKey& as_key(const std::map<model::ObjectKey, model::EndpointSlice>&, const model::ObjectKey& key) {
  return key;
}
/// Those of no namespace, or of the agent's own, are kept by name.
template <class T>
const std::string& as_key(const std::map<std::string, T>&, const model::ObjectKey& key) {
  return key.name;
}

/// Calls `work` with the kind's map in the world.
template <class Work>
auto with_map(plan::World& world, Kind kind, Work work) {
  switch (kind) {
    case Kind::Node:
      return work(world.nodes);
    case Kind::Service:
      return work(world.services);
    case Kind::EndpointSlice:
      return work(world.endpoint_slices);
    case Kind::Secret:
      return work(world.secrets);
    case Kind::BgpConfiguration:
      return work(world.configurations);
    case Kind::BgpPeer:
      return work(world.peers);
    case Kind::BgpFilter:
      return work(world.filters);
    case Kind::BgpAdvertisement:
      return work(world.advertisements);
    case Kind::IpPool:
      break;
  }
  return work(world.pools);
}

/// One that cannot be read stays as it was when it could be.
template <class Map, class T>
bool store(Map& map, const std::string& key, Result<T> value) {
  if (!value) return false;
  const auto at = as_key(map, split(key));
  const auto found = map.find(at);
  if (found == map.end()) {
    map.emplace(at, *std::move(value));
    return true;
  }
  const bool same = found->second == *value;
  found->second = *std::move(value);  // also where only what stands aside differs
  return !same;
}

/// A reader's value into its map; its complaint, if any, into `error`.
template <class Map, class T>
bool keep(Map& map, const std::string& key, Result<T> value, std::optional<Error>& error) {
  if (!value) error = value.error();
  return store(map, key, std::move(value));
}

}  // namespace

bool WorldStore::put(Kind kind, const std::string& key, const nlohmann::json& object) {
  std::optional<Error> error;
  bool changed = false;
  switch (kind) {
    case Kind::Node:
      changed = keep(world_.nodes, key, model::read_node(object), error);
      break;
    case Kind::Service:
      changed = keep(world_.services, key, model::read_service(object), error);
      if (changed) news_.service(split(key));
      changed = note_addresses(key, object, !error) || changed;
      break;
    case Kind::EndpointSlice:
      changed = put_slice(key, model::read_endpoint_slice(object, node_), error);
      break;
    case Kind::Secret:
      changed = keep(world_.secrets, key, model::read_secret(object), error);
      break;
    case Kind::BgpConfiguration:
      changed = keep(world_.configurations, key, model::read_bgp_configuration(object), error);
      break;
    case Kind::BgpPeer:
      changed = keep(world_.peers, key, model::read_bgp_peer(object), error);
      break;
    case Kind::BgpFilter:
      changed = keep(world_.filters, key, model::read_bgp_filter(object), error);
      break;
    case Kind::BgpAdvertisement:
      changed = keep(world_.advertisements, key, model::read_bgp_advertisement(object), error);
      break;
    case Kind::IpPool:
      changed = keep(world_.pools, key, model::read_ip_pool(object), error);
      break;
  }
  const bool said = error ? complain(kind, key, model::problem_of(kind, object, *error)) : clear_complaint(kind, key);
  return changed || said;
}

/// What it counted before is taken back.
bool WorldStore::put_slice(const std::string& key, Result<model::EndpointSlice> slice, std::optional<Error>& error) {
  auto& slices = world_.endpoint_slices;
  const auto at = split(key);
  const auto found = slices.find(at);
  const auto before = found == slices.end() ? std::nullopt : std::optional(found->second);
  if (!keep(slices, key, std::move(slice), error)) return false;
  news_.slice(before ? &*before : nullptr, &slices.at(at));
  return true;
}

/// An address that a Service has is taken, whatever else is wrong with it.
bool WorldStore::note_addresses(const std::string& key, const nlohmann::json& object, bool readable) {
  auto& unread = world_.unread_services;
  if (readable) return unread.erase(split(key)) > 0;
  auto addresses = model::addresses_in(object);
  const auto [found, added] = unread.try_emplace(split(key));
  return std::exchange(found->second, addresses) != addresses || added;
}

bool WorldStore::put_answer(const std::string& key, const std::string& version, const nlohmann::json& object) {
  const auto found = world_.services.find(split(key));
  if (found == world_.services.end() || found->second.version.value != version) return false;
  put(Kind::Service, key, object);
  return true;
}

/// To be called while it is still there.
void WorldStore::tell_removal(Kind kind, const model::ObjectKey& key) {
  if (kind == Kind::Service) news_.service(key);
  if (kind != Kind::EndpointSlice) return;
  const auto found = world_.endpoint_slices.find(key);
  if (found != world_.endpoint_slices.end()) news_.slice(&found->second, nullptr);
}

bool WorldStore::remove(Kind kind, const std::string& key) {
  tell_removal(kind, split(key));
  bool said = clear_complaint(kind, key);
  if (kind == Kind::Service) said = world_.unread_services.erase(split(key)) > 0 || said;
  return with_map(world_, kind, [&](auto& map) { return map.erase(as_key(map, split(key))) > 0; }) || said;
}

bool WorldStore::forget(Kind kind) {
  const bool listed = world_.listed.erase(kind) > 0;
  if (kind == Kind::Service) {
    world_.unread_services.clear();
    news_.forget_services();
  }
  if (kind == Kind::EndpointSlice) news_.forget_slices();
  const bool said = std::erase_if(complaints_, [&](const auto& entry) { return entry.first.first == kind; }) > 0;
  if (said) tell_complaints();
  return with_map(world_, kind,
                  [](auto& map) {
                    const bool any = !map.empty();
                    map.clear();
                    return any;
                  }) ||
         listed || said;
}

bool WorldStore::complain(Kind kind, const std::string& key, const model::Problem& problem) {
  auto& place = complaints_[{kind, key}];
  if (place == problem) return false;
  place = problem;
  tell_complaints();
  return true;
}

bool WorldStore::clear_complaint(Kind kind, const std::string& key) {
  if (complaints_.erase({kind, key}) == 0) return false;
  tell_complaints();
  return true;
}

void WorldStore::tell_complaints() {
  world_.left_out.clear();
  for (const auto& [key, problem] : complaints_) world_.left_out.push_back(problem);
}

}  // namespace slash32::agent
