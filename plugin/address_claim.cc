#include "plugin/address_claim.h"

#include <cerrno>
#include <string>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/links.h"
#include "common/pod/names.h"

namespace slash32::plugin {
namespace {

/// One name, after the kernel has refused some of them.
Status claim_one(netlink::Socket& host, IfIndex link, const IpAddress& address) {
  const auto name = pod::address_name(address);
  if (const auto primary = TRY(host.find_primary_name(name))) {
    const auto holder = TRY(netlink::find_link(host, *primary));
    if (holder && holder->index == link) return ok();
    if (holder && holder->up && holder->carrier)
      return fail(cni::kTryAgainLater, "link " + holder->name + " has the pod's address " + address.to_string(),
                  "alias of " + holder->name + ": " + holder->alias);
    if (holder) {
      log::warn("address taken over from a dead link",
                {{"address", address.to_string()}, {"link", holder->name}, {"alias", holder->alias}});
      TRY(host.run(netlink::remove_names(holder->index, {name})));
    }
  }
  return host.run(netlink::add_names(link, {name}));
}

}  // namespace

netlink::Request claim_addresses(IfIndex link, const std::vector<IpAddress>& addresses) {
  std::vector<std::string> names;
  for (const auto& address : addresses) names.push_back(pod::address_name(address));
  return netlink::add_names(link, names);
}

Status settle_claim(netlink::Socket& host, IfIndex link, const std::vector<IpAddress>& addresses,
                    const netlink::Request& claim, const netlink::Answer& answer) {
  if (answer.error == 0 || answer.error == EOPNOTSUPP) return ok();
  if (answer.error != EEXIST) return fail(netlink::refusal(claim.what(), answer));
  for (const auto& address : addresses) TRY(claim_one(host, link, address));
  return ok();
}

}  // namespace slash32::plugin
