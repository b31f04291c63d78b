#include "common/pod/address_claim.h"

#include <cerrno>
#include <string>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/links.h"
#include "common/pod/names.h"

namespace slash32::pod {
namespace {

/// Takes `name` from a dead link. One that is gone meanwhile, or has lost the name, is as good.
Status take_from(netlink::Socket& host, const netlink::Link& holder, const std::string& name) {
  std::vector<netlink::Request> requests;
  requests.push_back(netlink::remove_names(holder.index, {name}));
  const auto answers = TRY(host.exchange(requests));
  const int error = answers.front().error;
  if (error == 0 || error == ENODEV || error == ENOENT) return ok();
  return fail(netlink::refusal(requests.front().what(), answers.front()));
}

/// One name, after the kernel has refused some of them. Whoever has it had a carrier when it claimed it; without one,
/// or down, it is dead, as for a route (may_replace).
Status claim_one(netlink::Socket& host, IfIndex link, const IpAddress& address) {
  const auto name = address_name(address);
  if (const auto primary = TRY(host.find_primary_name(name))) {
    const auto holder = TRY(netlink::find_link(host, *primary));
    if (holder && holder->index == link) return ok();
    if (holder && holder->up && holder->carrier)
      return fail(cni::kTryAgainLater, "link " + holder->name + " has the pod's address " + address.to_string(),
                  "alias of " + holder->name + ": " + holder->alias);
    if (holder) {
      log::warn("address taken over from a dead link",
                {{"address", address.to_string()}, {"link", holder->name}, {"alias", holder->alias}});
      TRY(take_from(host, *holder, name));
    }
  }
  return host.run(netlink::add_names(link, {name}));
}

}  // namespace

Status claim_addresses(netlink::Socket& host, IfIndex link, const std::vector<IpAddress>& addresses) {
  std::vector<std::string> names;
  for (const auto& address : addresses) names.push_back(address_name(address));
  std::vector<netlink::Request> requests;
  requests.push_back(netlink::add_names(link, names));
  const auto answers = TRY(host.exchange(requests));
  const int error = answers.front().error;
  if (error == 0 || error == EOPNOTSUPP) return ok();
  if (error != EEXIST) return fail(netlink::refusal(requests.front().what(), answers.front()));
  for (const auto& address : addresses) TRY(claim_one(host, link, address));
  return ok();
}

}  // namespace slash32::pod
