// DEL (CNI spec 1.1.0 section 2): ADD backwards, from the key alone. What is already gone is success at each step; the
// link and with it the routes go first, then the address, so that no address is free while something answers for it.
#include <algorithm>
#include <optional>
#include <utility>

#include "common/log.h"
#include "common/netlink/links.h"
#include "plugin/address_source.h"
#include "plugin/link_removal.h"
#include "plugin/names.h"
#include "plugin/verbs.h"

namespace slash32::plugin {
namespace {

/// Begins to remove the key's host end; nothing: there is none. A link of that name whose alias says another key is not
/// ours to remove: the name is a hash. (No alias, or one that we did not write: an ADD died between two messages, or an
/// admin renamed it.)
Result<std::optional<LinkRemoval>> start_removal(netlink::Socket& host, const ipam::Key& key) {
  const auto link = TRY(netlink::find_link(host, host_ifname(key)));
  if (!link) return std::nullopt;
  const auto alias = parse_alias(link->alias);
  if (alias && !alias_is_of(*alias, key)) {
    log::warn("link left alone: it belongs to another key", {{"link", link->name}, {"alias", link->alias}});
    return std::nullopt;
  }
  return std::optional<LinkRemoval>(std::in_place, host, link->index);
}

config::NetConf read_conf(const cni::Call& call, const config::GetEnv& getenv) {
  std::vector<std::string> complaints = call.ignored;
  auto conf = config::read_net_conf_leniently(call.root(), getenv, complaints);
  for (const auto& complaint : complaints) log::warn("configuration, ignored for DEL", {{"complaint", complaint}});
  return conf;
}

}  // namespace

Status cmd_del(const cni::Call& call, const config::GetEnv& getenv) {
  // One bound for both steps; the second has kUndoTime in any case: a record that is not given back is for ever.
  const auto left = [&] { return std::max(call.deadline.remaining(), kUndoTime); };
  const auto key = key_of(call);
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, left()));
  auto removal = TRY(start_removal(host, key));
  // Read while the kernel is at work: the link needs nothing of it.
  const auto conf = read_conf(call, getenv);
  auto addresses = AddressSource::open_leniently(call, conf, host);
  if (removal) TRY(removal->finish(left()));
  return addresses.release(key, left());
}

}  // namespace slash32::plugin
