// The reading half of bulk.h.
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>

#include "common/netlink/bulk.h"
#include "common/netlink/mnl_parse.h"

namespace slash32::netlink {
namespace {

constexpr int kDumpTries = 10;

template <class Header>
nlmsghdr* start(std::span<std::uint8_t> out, std::uint16_t type, Header*& header) {
  nlmsghdr* message = mnl_nlmsg_put_header(out.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header = static_cast<Header*>(mnl_nlmsg_put_extra_header(message, sizeof(Header)));
  return message;
}

}  // namespace

Status Bulk::dump_routes(const RouteQuery& query, const std::function<void()>& restart,
                         const std::function<void(const Route&)>& each) {
  std::array<std::uint8_t, 128> request{};
  rtmsg* header = nullptr;
  nlmsghdr* message = start(request, RTM_GETROUTE, header);
  header->rtm_family = query.family == AddressFamily::IPv4 ? AF_INET : AF_INET6;
  if (query.protocol) header->rtm_protocol = static_cast<std::uint8_t>(*query.protocol);
  if (query.table) mnl_attr_put_u32(message, RTA_TABLE, query.table->value);
  if (query.link) mnl_attr_put_u32(message, RTA_OIF, static_cast<std::uint32_t>(query.link->value));
  Route route;  // one for all: its vector keeps its storage
  return dump({request.data(), message->nlmsg_len}, "dump routes", restart, [&](const void* m) {
    const auto& one = *static_cast<const nlmsghdr*>(m);
    if (one.nlmsg_type == RTM_NEWROUTE && read_route(one, route)) each(route);
  });
}

template <class Header, class Value>
Status Bulk::dump_all(std::uint16_t get, std::uint16_t told, bool (*read)(const nlmsghdr&, Value&),
                      const std::string& what, const std::function<void()>& restart,
                      const std::function<void(const Value&)>& each) {
  std::array<std::uint8_t, 64> request{};
  Header* header = nullptr;
  const nlmsghdr* message = start(request, get, header);
  Value value;
  return dump({request.data(), message->nlmsg_len}, what, restart, [&](const void* m) {
    const auto& one = *static_cast<const nlmsghdr*>(m);
    if (one.nlmsg_type == told && read(one, value)) each(value);
  });
}

Status Bulk::dump_links(const std::function<void()>& restart, const std::function<void(const Link&)>& each) {
  return dump_all<ifinfomsg, Link>(RTM_GETLINK, RTM_NEWLINK, read_link, "dump links", restart, each);
}

Status Bulk::dump_addresses(const std::function<void()>& restart, const std::function<void(const Address&)>& each) {
  return dump_all<ifaddrmsg, Address>(RTM_GETADDR, RTM_NEWADDR, read_address, "dump addresses", restart, each);
}

Status Bulk::dump_neighbors(const std::function<void()>& restart,
                            const std::function<void(const NeighborEntry&)>& each) {
  return dump_all<ndmsg, NeighborEntry>(RTM_GETNEIGH, RTM_NEWNEIGH, read_neighbor, "dump neighbour entries", restart,
                                        each);
}

Status Bulk::dump(std::span<const std::uint8_t> request, const std::string& what, const std::function<void()>& restart,
                  const EachMessage& each) {
  for (int attempt = 0; attempt < kDumpTries; ++attempt) {
    restart();
    const auto end = dump_once(request, what, each);
    if (!end) return std::unexpected(end.error());
    if (*end == DumpEnd::Complete) return ok();
  }
  return fail(11, what + ": the kernel's tables changed during each of ten dumps");
}

Result<Bulk::DumpEnd> Bulk::dump_once(std::span<const std::uint8_t> request, const std::string& what,
                                      const EachMessage& each) {
  std::copy(request.begin(), request.end(), out_.begin());
  const std::uint32_t sequence = ++sequence_;
  reinterpret_cast<nlmsghdr*>(out_.data())->nlmsg_seq = sequence;
  if (auto sent = send_all(std::span(out_).first(request.size())); !sent)
    return std::unexpected(in(what, sent.error()));
  DumpEnd end = DumpEnd::Complete;
  for (;;) {
    const auto received = receive();
    if (!received) return std::unexpected(in(what, received.error()));
    int left = static_cast<int>(*received);
    for (const auto* m = reinterpret_cast<const nlmsghdr*>(in_.data()); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
      if (m->nlmsg_seq != sequence) continue;  // of a dump that failed half-way
      if ((m->nlmsg_flags & NLM_F_DUMP_INTR) != 0) end = DumpEnd::Interrupted;
      const bool finished = m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR;
      if (!finished) {
        each(m);
        continue;
      }
      int error = 0;  // both begin with a negative errno value
      if (mnl_nlmsg_get_payload_len(m) >= sizeof error) error = -*static_cast<const int*>(mnl_nlmsg_get_payload(m));
      // A table that does not exist yet holds no route; neither does an interface that is gone.
      if (error != 0 && error != ENOENT && error != ENODEV) return sys_fail(what, error);
      return end;
    }
  }
}

}  // namespace slash32::netlink
