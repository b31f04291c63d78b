#include "agent/watches.h"

#include <memory>
#include <random>
#include <utility>

#include "agent/reports.h"
#include "common/log.h"

namespace slash32::agent {
namespace {

using model::Kind;

/// Jitter only.
double chance() {
  static std::mt19937 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

std::string label(Kind kind, const std::string& name) {
  const auto of = std::string(to_string(kind));
  return name.empty() ? of : of + " " + name;
}

}  // namespace

Watches::Watches(boost::asio::io_context& context, const kube::Access& access, kube::Client& client, WorldStore& store,
                 Settings settings, std::function<void(model::Kind)> changed)
    : context_(context),
      access_(access),
      client_(client),
      store_(store),
      settings_(std::move(settings)),
      changed_(std::move(changed)) {}

bool Watches::follow(const plan::Needs& needs, Nodes nodes) {
  const bool changed = drop_unwanted(needs);
  for (const auto kind : needs.kinds) {
    if (kind == Kind::Secret) continue;
    if (kind == Kind::EndpointSlice && !slice_version_) continue;
    if (kind == Kind::Node)
      follow_nodes(nodes);
    else
      begin({kind, ""}, "");
  }
  for (const auto& secret : needs.secrets) begin({Kind::Secret, secret}, "metadata.name=" + secret);
  wants_slices_ = needs.kinds.contains(Kind::EndpointSlice);
  if (wants_slices_ && !slice_version_) discover();
  return changed;
}

/// This node's own is known through every change of what else is asked for. Who needs all of them must not take those
/// that were not told yet for gone.
void Watches::follow_nodes(Nodes nodes) {
  const auto selector = nodes == Nodes::Own ? "metadata.name=" + settings_.node : std::string();
  auto& watch = watches_[{Kind::Node, ""}];
  if (watch.watcher && watch.selector != selector) {
    watch.own_only = nodes != Nodes::Own;
    watch.again = store_.world().listed.contains(Kind::Node) && nodes != Nodes::All;
  }
  begin({Kind::Node, ""}, selector);
  if (nodes == Nodes::All && watch.own_only) store_.world().listed.erase(Kind::Node);
}

bool Watches::has_all_nodes() const {
  const auto found = watches_.find({Kind::Node, ""});
  return found != watches_.end() && found->second.selector.empty() && found->second.synced;
}

bool Watches::drop_unwanted(const plan::Needs& needs) {
  std::vector<Name> unwanted;
  for (const auto& [name, watch] : watches_) {
    const bool wanted =
        name.first == Kind::Secret ? needs.secrets.contains(name.second) : needs.kinds.contains(name.first);
    if (!wanted) unwanted.push_back(name);
  }
  bool changed = false;
  for (const auto& name : unwanted) changed = end(name) || changed;
  return changed;
}

bool Watches::end(const Name& name) {
  watches_.erase(name);
  if (name.first == Kind::Secret) return store_.remove(Kind::Secret, settings_.name_space + "/" + name.second);
  return store_.forget(name.first);
}

/// A watch that stands and asks for the same is left alone. One that asks for something else takes over: what the
/// earlier one told stays until the new one has said what there is.
void Watches::begin(const Name& name, const std::string& selector) {
  auto resource = resource_of(name.first);
  if (name.first == Kind::EndpointSlice) resource.version = *slice_version_;
  auto& watch = watches_[name];
  if (watch.watcher && watch.selector == selector && watch.version == resource.version) return;
  watch.selector = selector;
  watch.version = resource.version;
  watch.synced = false;
  for (const auto& key : keys_of(name.first))
    if (name.first != Kind::Secret || key == settings_.name_space + "/" + name.second) watch.earlier.insert(key);
  const bool secret = name.first == Kind::Secret;
  // Until this one has been heard of as well: a plan must not take what is not told yet for what is not there.
  if (!std::exchange(watch.again, false)) store_.world().listed.erase(name.first);
  watch.fresh = renewed_.contains(name.first);
  watch.watcher = std::make_unique<kube::Watcher>(
      context_, access_,
      kube::ReflectorSettings{.resource = std::move(resource),
                              .name_space = secret ? settings_.name_space : "",
                              .field_selector = selector,
                              .label_selector = {},
                              // What decides alone about this node's addresses must not be old.
                              .first_list_from_cache = selector.empty() && !watch.fresh,
                              .listed_before = settings_.listed_before,
                              .chance = chance},
      kube::WatchHandler{.put =
                             [this, name](const std::string& key, const nlohmann::json& object) {
                               watches_[name].earlier.erase(key);
                               if (store_.put(name.first, key, object)) changed_(name.first);
                             },
                         .remove =
                             [this, name](const std::string& key) {
                               if (store_.remove(name.first, key)) changed_(name.first);
                             },
                         .synced = [this, name] { synced(name); }});
}

void Watches::synced(const Name& name) {
  auto& watch = watches_[name];
  bool changed = false;
  for (const auto& key : std::exchange(watch.earlier, {})) changed = store_.remove(name.first, key) || changed;
  watch.synced = true;
  const bool whole = std::exchange(watch.own_only, false);  // also where the node is the only one
  bool all = true;
  for (const auto& [other, one] : watches_) all = all && (other.first != name.first || one.synced);
  if (all) changed = store_.listed(name.first) || changed;
  if (changed || whole || watch.fresh) changed_(name.first);
}

void Watches::renew(Kind kind) {
  renewed_.insert(kind);
  const auto found = watches_.find({kind, ""});
  if (found == watches_.end()) return;
  found->second.watcher.reset();
  found->second.again = store_.world().listed.contains(kind);
  begin(found->first, std::string(found->second.selector));
}

bool Watches::is_fresh(Kind kind) const {
  const auto found = watches_.find({kind, ""});
  return found != watches_.end() && found->second.fresh && found->second.synced;
}

std::vector<std::string> Watches::keys_of(Kind kind) const {
  std::vector<std::string> out;
  const auto& world = store_.world();
  if (kind == Kind::Node)
    for (const auto& [name, node] : world.nodes) out.push_back(name);
  if (kind == Kind::EndpointSlice)
    for (const auto& [key, slice] : world.endpoint_slices) out.push_back(key.to_string());
  if (kind == Kind::Service) {
    for (const auto& [key, service] : world.services) out.push_back(key.to_string());
    for (const auto& [key, addresses] : world.unread_services) out.push_back(key.to_string());
  }
  return out;  // of no other kind does a watch change
}

/// Which version of EndpointSlices this server has. An upgraded server may have another one: then the watch finds
/// nothing, and we look again.
void Watches::discover() {
  if (discovering_) return;
  discovering_ = client_
                     .ask({.method = "GET", .target = "/apis/discovery.k8s.io", .body = {}, .content_type = {}},
                          [this](const auto& result) {
                            discovering_ = false;
                            auto version =
                                !result ? std::unexpected(result.error()) : endpoint_slice_version(result->body);
                            const auto trouble = version ? std::string() : version.error().message;
                            if (!trouble.empty() && trouble != discovery_trouble_)
                              log::warn("EndpointSlice's version is not known", {{"why", trouble}});
                            discovery_trouble_ = trouble;
                            if (!version || slice_version_ == *version) return;
                            slice_version_ = *std::move(version);
                            log::info("EndpointSlices", {{"version", *slice_version_}});
                            if (wants_slices_) begin({Kind::EndpointSlice, ""}, "");
                          })
                     .has_value();
}

void Watches::look_again() {
  if (!wants_slices_) return;
  const auto found = watches_.find({Kind::EndpointSlice, ""});
  if (found == watches_.end() || found->second.watcher->view().state == "absent") discover();
}

std::vector<std::pair<std::string, kube::ReflectorView>> Watches::views() const {
  std::vector<std::pair<std::string, kube::ReflectorView>> out;
  for (const auto& [name, watch] : watches_) out.emplace_back(label(name.first, name.second), watch.watcher->view());
  if (wants_slices_ && !slice_version_) {
    kube::ReflectorView waiting;
    waiting.state = "waiting";
    waiting.trouble = discovery_trouble_.empty() ? "its version is being asked for" : discovery_trouble_;
    out.emplace_back(label(Kind::EndpointSlice, ""), std::move(waiting));
  }
  return out;
}

}  // namespace slash32::agent
