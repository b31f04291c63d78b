// `slash32ctl ipam release`: gives a dead pod's addresses back, all of its key's, into the cool-down. Never what lives.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/ipam_audit.h"
#include "ctl/ipam_store.h"
#include "ctl/node_view.h"
#include "ctl/text.h"
#include "ipam/store.h"

namespace slash32::ctl {
namespace {

constexpr int kRefused = 1;

std::string list_of(const std::vector<ipam::Record>& records) {
  std::string text;
  for (const auto& record : records) text += (text.empty() ? "" : ", ") + record.address.to_string();
  return text;
}

/// Every record of the one key that the query means.
Result<std::vector<ipam::Record>> records_meant(const IpamReleaseQuery& query, const ipam::Survey& survey) {
  auto key = query.key;
  if (!query.address.empty()) {
    const auto address = TRY(IpAddress::parse(query.address));
    const auto it = std::ranges::find(survey.records, address, &ipam::Record::address);
    if (it == survey.records.end()) return fail(kRefused, "nobody holds " + address.to_string());
    key = it->key;
  }
  std::vector<ipam::Record> out;
  std::ranges::copy_if(survey.records, std::back_inserter(out),
                       [&](const auto& record) { return record.key == ipam::stored_form(key); });
  if (out.empty()) return fail(kRefused, name_of(key) + " holds no address", "see `slash32ctl ipam show`");
  return out;
}

/// What of the kernel names the address, whosesoever it is.
std::optional<std::string> use_of(const ipam::Record& record, const NodeView& node) {
  for (const auto& end : node.ends)
    if (std::ranges::find(end.alias.addresses, record.address) != end.alias.addresses.end())
      return "link " + end.link.name + " of " + name_of(end.alias.key) + " has it";
  for (const auto& route : node.host_routes)
    if (route.destination.address() == record.address) return "a route leads to it: " + describe(route, node);
  return std::nullopt;
}

/// Why a record's pod may be alive; nothing when it is dead.
std::optional<std::string> sign_of_life(const ipam::Record& record, const NodeView& node) {
  if (auto use = use_of(record, node)) return use;
  if (!record.watched) return std::nullopt;
  const auto name = pod::host_ifname(record.key);
  if (node.link_named(name) != nullptr) return "its link " + name + " exists";
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(ipam::boot_time() - record.since);
  if (age <= ipam::kGrace) return "it was taken " + duration_text(age) + " ago: its ADD may be under way";
  return std::nullopt;
}

/// Of another plugin's pod its owner's key says that it is dead, as long as the kernel does not say otherwise.
Status check_dead(const std::vector<ipam::Record>& records, const IpamReleaseQuery& query, const Scene& scene) {
  for (const auto& record : records) {
    if (!record.watched && !query.address.empty())
      return fail(kRefused, "another plugin's pod holds " + record.address.to_string() + ": " + name_of(record.key),
                  "the kernel cannot tell whether it lives; give its key, or --force");
    if (record.watched) TRY(check_place(scene, "--force releases it"));
    if (const auto sign = sign_of_life(record, scene.node))
      return fail(kRefused, record.address.to_string() + " of " + name_of(record.key) + " is in use: " + *sign,
                  "--force releases it all the same");
  }
  return ok();
}

Status release(const std::vector<ipam::Record>& records, const IpamReleaseQuery& query) {
  const auto& key = records.front().key;
  if (query.force || !records.front().watched) return open_store(query.data_dir).release(key);
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, kPatience));
  if (TRY(open_store(query.data_dir, host).release_dead({key})).empty())  // looks again, under the store's lock
    return fail(kRefused, name_of(key) + " has come to life or gone meanwhile; nothing was released");
  return ok();
}

}  // namespace

Status run_ipam_release(const Options& options, const IpamReleaseQuery& query, std::ostream& out) {
  if (!TRY(is_readable(query.data_dir)))
    return fail(kRefused, "there is no store in " + query.data_dir.string(), "see --data-dir");
  auto survey = TRY(open_store(query.data_dir).survey());
  if (survey.state == ipam::Survey::State::Damaged)
    return fail(kRefused, "the store is damaged: " + survey.damage.front(), "run `slash32ctl ipam check --fix` first");
  const auto records = TRY(records_meant(query, survey));
  if (!query.force) {
    auto node = TRY(look_at_node());
    TRY(check_dead(records, query, {.survey = std::move(survey), .node = std::move(node), .now = ipam::boot_time()}));
  }
  TRY(release(records, query));
  const auto& key = records.front().key;
  if (!options.json) {
    print_line(out, "released " + list_of(records) + " of " + printable(name_of(key)) + "; cooling down now");
    return ok();
  }
  auto addresses = nlohmann::json::array();
  for (const auto& record : records) addresses.push_back(record.address.to_string());
  const nlohmann::json document{
      {"released", addresses}, {"network", key.network}, {"containerId", key.container_id}, {"ifname", key.ifname}};
  print_line(out, document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return ok();
}

}  // namespace slash32::ctl
