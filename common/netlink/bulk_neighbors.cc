// The part of bulk.h that is about neighbour entries (ARP, ND).
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <array>

#include "common/netlink/bulk.h"

namespace slash32::netlink {

/// NTF_USE: what is known of the neighbour stays, and where nothing is, the kernel begins to ask. An entry that was
/// collected meanwhile is made again.
Result<int> Bulk::provoke_neighbor(IfIndex link, const IpAddress& address) {
  std::array<std::uint8_t, 128> request{};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = RTM_NEWNEIGH;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
  auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
  header->ndm_family = address.is_v4() ? AF_INET : AF_INET6;
  header->ndm_ifindex = link.value;
  header->ndm_flags = NTF_USE;
  mnl_attr_put(message, NDA_DST, address.bytes().size(), address.bytes().data());
  return ask(std::span(request).first(message->nlmsg_len), "ask for a neighbour's address");
}

}  // namespace slash32::netlink
