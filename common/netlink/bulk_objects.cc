// The part of bulk.h that is about next-hop objects.
#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/netlink/bulk.h"
#include "common/netlink/mnl_parse.h"

namespace slash32::netlink {
namespace {

constexpr std::size_t kLargest = 4096;  // a group of 256 members takes half of it

nlmsghdr* start(std::span<std::uint8_t> out, std::uint16_t type, std::uint16_t flags, nhmsg*& header) {
  nlmsghdr* message = mnl_nlmsg_put_header(out.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header = static_cast<nhmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nhmsg)));
  return message;
}

void put_group(nlmsghdr* message, const NextHopObject& object, bool create) {
  std::vector<nexthop_grp> members;
  for (const GroupMember& member : object.members) {
    nexthop_grp& put = members.emplace_back();
    put.id = member.id.value;
    put.weight = static_cast<std::uint8_t>(std::clamp<int>(member.weight, 1, 256) - 1);
  }
  mnl_attr_put(message, NHA_GROUP, members.size() * sizeof(nexthop_grp), members.data());
  const bool resilient = object.buckets > 0;
  mnl_attr_put_u16(message, NHA_GROUP_TYPE, resilient ? NEXTHOP_GRP_TYPE_RES : NEXTHOP_GRP_TYPE_MPATH);
  if (!resilient || !create) return;  // how many places it has never changes
  nlattr* nest = mnl_attr_nest_start(message, NHA_RES_GROUP);
  mnl_attr_put_u16(message, NHA_RES_GROUP_BUCKETS, object.buckets);
  mnl_attr_put_u32(message, NHA_RES_GROUP_IDLE_TIMER, 0);  // a place changes its member at once
  mnl_attr_nest_end(message, nest);
}

}  // namespace

Result<int> Bulk::write_object(ObjectVerb verb, const NextHopObject& object) {
  if (object.members.size() > 256) return E2BIG;
  std::array<std::uint8_t, kLargest> request{};
  nhmsg* header = nullptr;
  const bool create = verb == ObjectVerb::Create;
  nlmsghdr* message =
      start(request, RTM_NEWNEXTHOP, create ? NLM_F_CREATE | NLM_F_EXCL : std::uint16_t{NLM_F_REPLACE}, header);
  header->nh_protocol = static_cast<std::uint8_t>(object.protocol);
  mnl_attr_put_u32(message, NHA_ID, object.id.value);
  if (!object.members.empty()) {
    header->nh_family = AF_UNSPEC;
    put_group(message, object, create);
  } else if (object.gateway) {
    header->nh_family = object.gateway->is_v4() ? AF_INET : AF_INET6;
    mnl_attr_put_u32(message, NHA_OIF, static_cast<std::uint32_t>(object.link.value));
    mnl_attr_put(message, NHA_GATEWAY, object.gateway->bytes().size(), object.gateway->bytes().data());
  }
  return ask(std::span(request).first(message->nlmsg_len), "write a next-hop object");
}

Result<int> Bulk::remove_object(NextHopId id) {
  std::array<std::uint8_t, 64> request{};
  nhmsg* header = nullptr;
  nlmsghdr* message = start(request, RTM_DELNEXTHOP, 0, header);
  mnl_attr_put_u32(message, NHA_ID, id.value);
  return ask(std::span(request).first(message->nlmsg_len), "remove a next-hop object");
}

Status Bulk::dump_objects(RouteProtocol protocol, const std::function<void()>& restart,
                          const std::function<void(const NextHopObject&)>& each) {
  std::array<std::uint8_t, 64> request{};
  nhmsg* header = nullptr;
  const nlmsghdr* message = start(request, RTM_GETNEXTHOP, NLM_F_DUMP, header);
  NextHopObject object;
  return dump({request.data(), message->nlmsg_len}, "dump next-hop objects", restart, [&](const void* m) {
    const auto& one = *static_cast<const nlmsghdr*>(m);
    if (one.nlmsg_type == RTM_NEWNEXTHOP && read_object(one, object) && object.protocol == protocol) each(object);
  });
}

/// One request and its answer: the errno value.
Result<int> Bulk::ask(std::span<std::uint8_t> request, const std::string& what) {
  auto* message = reinterpret_cast<nlmsghdr*>(request.data());
  message->nlmsg_flags |= NLM_F_ACK;
  message->nlmsg_seq = ++sequence_;
  if (auto sent = send_all(request); !sent) return std::unexpected(in(what, sent.error()));
  for (;;) {
    const auto received = receive();
    if (!received) return std::unexpected(in(what, received.error()));
    int left = static_cast<int>(*received);
    for (const auto* m = reinterpret_cast<const nlmsghdr*>(in_.data()); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
      if (m->nlmsg_seq != message->nlmsg_seq || m->nlmsg_type != NLMSG_ERROR) continue;
      if (mnl_nlmsg_get_payload_len(m) < sizeof(nlmsgerr)) continue;
      return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error;
    }
  }
}

}  // namespace slash32::netlink
