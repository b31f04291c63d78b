// STATUS and GC (CNI spec 1.1.0 section 2).
#include <cstdint>
#include <limits>
#include <optional>
#include <set>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/links.h"
#include "plugin/address_source.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"
#include "plugin/pod_routes.h"
#include "plugin/verbs.h"

namespace slash32::plugin {
namespace {

/// Every error on the way is told at the end; the work goes on (CNI section 2 "GC"). The code stays where all have the
/// same one: runtimes act on it.
class Complaints {
 public:
  void add(const Error& error) {
    if (!all_) {
      all_ = error;
      return;
    }
    if (all_->code != error.code) all_->code = cni::kInternal;
    all_->message += "; " + error.message;
    all_->details += (all_->details.empty() || error.details.empty() ? "" : "; ") + error.details;
  }
  Status status() const { return all_ ? Status(fail(*all_)) : ok(); }

 private:
  std::optional<Error> all_;
};

/// Host ends of this network whose key nobody claims. Those without an alias say no network: their own DEL removes
/// them.
Status remove_stale_links(netlink::Socket& host, const cni::Call& call, const std::vector<ipam::Key>& valid,
                          Complaints& complaints) {
  std::set<std::string> kept;
  for (const auto& key : valid) kept.insert(host_ifname(key));
  for (const auto& link : TRY(netlink::list_veths(host))) {
    const auto alias = parse_alias(link.alias);
    if (!alias || !alias_is_of_network(*alias, call.network) || !is_host_ifname(link.name) || kept.contains(link.name))
      continue;
    TRY(call.deadline.check("the removal of stale links"));
    log::info("stale link removed", {{"link", link.name}, {"alias", link.alias}});
    if (const auto done = remove_link(host, link.index); !done) complaints.add(done.error());
  }
  return ok();
}

/// What ADD would refuse in any pod of this configuration. What may be otherwise in a moment, like the node's addresses
/// and links, is not asked: a red STATUS makes the whole node NotReady.
Status check_plan(const config::NetConf& conf, const AddressSource& addresses) {
  const auto families = TRY(addresses.families());
  if (!families) return ok();
  if (conf.mtu) TRY(check_mtu(*conf.mtu, *families));
  TRY(plan_routes(conf, *families, conf.mtu.value_or(Mtu{std::numeric_limits<std::uint32_t>::max()})));
  return ok();
}

}  // namespace

Status cmd_status(const cni::Call& call, const config::GetEnv& getenv) {
  const auto unusable = [](Error error) {
    error.code = cni::kNotAvailable;
    return fail(std::move(error));
  };
  auto conf = config::read_net_conf(call.root(), getenv);
  if (!conf) return unusable(conf.error());
  if (const auto complete = complete_from_node_file(*conf); !complete) return unusable(complete.error());
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, call.deadline.remaining()));
  auto addresses = AddressSource::open(call, *conf, host);
  if (!addresses) return unusable(addresses.error());
  auto usable = addresses->status();
  if (usable) usable = check_plan(*conf, *addresses);
  if (!usable && usable.error().code == cni::kInvalidConfig) return unusable(usable.error());
  return usable;
}

Status cmd_gc(const cni::Call& call, const config::GetEnv& getenv) {
  std::vector<std::string> ignored = call.ignored;
  const auto conf = config::read_net_conf_leniently(call.root(), getenv, ignored);
  for (const auto& complaint : ignored) log::warn("configuration, ignored for GC", {{"complaint", complaint}});
  std::vector<ipam::Key> valid;
  for (const auto& attachment : call.valid)
    valid.push_back({.network = call.network, .container_id = attachment.container_id, .ifname = attachment.ifname});
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, call.deadline.remaining()));
  auto addresses = AddressSource::open_leniently(call, conf, host);
  Complaints complaints;
  if (const auto done = remove_stale_links(host, call, valid, complaints); !done) complaints.add(done.error());
  if (const auto done = addresses.collect(valid); !done) complaints.add(done.error());
  return complaints.status();
}

}  // namespace slash32::plugin
