#include "ctl/ipam_audit.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

namespace slash32::ctl {
namespace {

/// One look, taken apart.
class Audit {
 public:
  Audit(const Scene& scene, const std::filesystem::path& data_dir, const std::vector<Network>& networks)
      : scene_(scene), data_dir_(data_dir), networks_(networks) {
    for (const auto& end : scene.node.ends)
      for (const auto& address : end.alias.addresses) ends_.emplace(address, &end);
    for (const auto& record : scene.survey.records) records_.emplace(record.address, &record);
  }

  std::vector<Finding> run() {
    for (const auto& what : scene_.survey.damage) out_.push_back({.kind = FindingKind::Damaged, .text = what});
    if (is_of_another_plugin(scene_.survey, data_dir_)) return std::move(out_);
    for (const auto& record : scene_.survey.records)
      if (record.watched) judge(record);
    for (const auto& [address, end] : ends_) judge(address, *end);
    for (const auto& route : scene_.node.host_routes) judge(route);
    std::ranges::stable_sort(out_, {}, [](const Finding& f) { return std::tuple(f.kind, f.address); });
    return std::move(out_);
  }

 private:
  void find(FindingKind kind, const IpAddress& address, const pod::Key& key, const std::string& link,
            std::string text) {
    Finding finding{.kind = kind, .address = address, .key = key, .link = link, .text = std::move(text)};
    if (const auto it = records_.find(address); it != records_.end()) finding.age = age_of(*it->second);
    out_.push_back(std::move(finding));
  }
  std::chrono::seconds age_of(const ipam::Record& record) const {
    return std::chrono::duration_cast<std::chrono::seconds>(scene_.now - record.since);
  }
  /// What is wrong with a record, unless it is so young that an ADD may be at work on it.
  FindingKind unless_young(const ipam::Record& record, FindingKind kind) const {
    return scene_.now - record.since > ipam::kGrace ? kind : FindingKind::Pending;
  }

  void judge(const ipam::Record& record) {
    const auto [first, last] = ends_.equal_range(record.address);
    for (auto it = first; it != last; ++it)
      if (!pod::alias_is_of(it->second->alias, record.key))
        find(FindingKind::DoubleOwner, record.address, record.key, it->second->link.name,
             "the store says " + name_of(record.key) + ", the link's alias " + name_of(it->second->alias.key));
    if (first != last) return;
    const auto name = pod::host_ifname(record.key);
    if (const auto* link = scene_.node.link_named(name)) {
      find(unless_young(record, FindingKind::NoAlias), record.address, record.key, name,
           link->alias.empty() ? "its link has no alias" : "its link's alias is \"" + link->alias + "\"");
      return;
    }
    std::string text = "no host link";
    for (const auto& route : scene_.node.host_routes)
      if (route.destination.address() == record.address)
        text += ", but a route leads to it (" + describe(route, scene_.node) + ")";
    find(unless_young(record, FindingKind::Leak), record.address, record.key, {}, text);
  }

  void judge(const IpAddress& address, const HostEnd& end) {
    const auto record = records_.find(address);
    const bool recorded = record != records_.end();
    const auto twins = ends_.equal_range(address);
    if (std::distance(twins.first, twins.second) > 1)
      find(FindingKind::DoubleOwner, address, end.alias.key, end.link.name, "another link's alias names it as well");
    if (!recorded && is_kept_here(end.alias))
      find(FindingKind::Unrecorded, address, end.alias.key, end.link.name,
           "the link lives, the store does not know its address");
    if (scene_.node.has_pod_route(end.link.index, address)) return;
    const auto kind = recorded ? unless_young(*record->second, FindingKind::NoRoute) : FindingKind::NoRoute;
    find(kind, address, end.alias.key, end.link.name,
         end.link.up ? "no route through its link; `slash32ctl repair` puts it back" : "its link is down");
  }

  void judge(const netlink::Route& route) {
    const auto& address = route.destination.address();
    if (route.protocol != netlink::RouteProtocol::Slash32Pod || records_.contains(address) || ends_.contains(address))
      return;
    const auto* link = route.next_hops.empty() ? nullptr : scene_.node.link_of(route.next_hops.front().link);
    find(FindingKind::StrayRoute, address, {}, link != nullptr ? link->name : "",
         "a pod's route without a pod (" + describe(route, scene_.node) + ")");
  }

  /// Whether this store should know the alias's addresses. One that is not there, or is of another boot, will be made
  /// from the aliases by the next ADD; a damaged one by --fix.
  bool is_kept_here(const pod::Alias& alias) const {
    if (scene_.survey.state != ipam::Survey::State::Sound) return false;
    const auto* network = network_of(networks_, alias);
    return network == nullptr || (network->own_ipam && network->data_dir == data_dir_);
  }

  const Scene& scene_;
  const std::filesystem::path& data_dir_;
  const std::vector<Network>& networks_;
  std::multimap<IpAddress, const HostEnd*> ends_;
  std::map<IpAddress, const ipam::Record*> records_;
  std::vector<Finding> out_;
};

}  // namespace

std::string_view to_string(FindingKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"damaged", "leak",    "pending",    "doubleOwner",
                                                      "noAlias", "noRoute", "unrecorded", "strayRoute"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::vector<Finding> audit(const Scene& scene, const std::filesystem::path& data_dir,
                           const std::vector<Network>& networks) {
  return Audit(scene, data_dir, networks).run();
}

bool is_of_another_plugin(const ipam::Survey& survey, const std::filesystem::path& data_dir) {
  if (data_dir == config::kDelegatedDataDir) return true;
  return !survey.records.empty() && std::ranges::none_of(survey.records, &ipam::Record::watched);
}

Status check_place(const Scene& scene, const std::string& otherwise) {
  const auto is_end = [](const netlink::Link& link) { return pod::is_host_ifname(link.name); };
  if (!scene.node.ends.empty() || std::ranges::any_of(scene.node.links, is_end)) return ok();
  const auto count = std::ranges::count_if(scene.survey.records, [&](const ipam::Record& record) {
    return record.watched && scene.now - record.since > ipam::kGrace;
  });
  if (count == 0) return ok();
  return fail(kWrongPlace,
              "none of the " + std::to_string(count) +
                  " recorded pods' links is in this network namespace: nothing was released",
              "run it where the pods' host ends are; where they are all gone for good, " + otherwise);
}

std::vector<Finding> confirmed(const std::vector<Finding>& first, const std::vector<Finding>& second) {
  std::vector<Finding> out;
  for (const auto& finding : second)
    if (std::ranges::any_of(first, [&](const Finding& before) { return finding.is_same(before); }))
      out.push_back(finding);
  return out;
}

}  // namespace slash32::ctl
