#include "common/netlink/bulk.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace slash32::netlink {
namespace {

constexpr std::size_t kBatchMessages = 256;           // above 64 nothing is gained; a round trip costs less this way
constexpr std::size_t kOutSize = 64UL * 1024;         // fits a socket's send buffer
constexpr std::size_t kInSize = 256UL * 1024;         // dumps come in pieces as large as the reader's buffer allows
constexpr std::size_t kLargestRequest = 16UL * 1024;  // 256 next hops with gateways
constexpr int kSocketBuffer = 4 * 1024 * 1024;        // 256 refusals at about 2 KiB each leave room
constexpr int kPatience = 30'000;                     // milliseconds until an answer is given up

void set_int(int fd, int level, int option, int value) {
  (void)::setsockopt(fd, level, option, &value, sizeof value);  // a smaller buffer or no words is no failure
}

void put_address(nlmsghdr* message, std::uint16_t type, const IpAddress& address) {
  mnl_attr_put(message, type, address.bytes().size(), address.bytes().data());
}

/// RTA_GATEWAY, or RTA_VIA where the gateway is of the other family (IPv4 through an IPv6 next hop).
void put_gateway(nlmsghdr* message, AddressFamily family, const IpAddress& gateway) {
  if (gateway.family() == family) return put_address(message, RTA_GATEWAY, gateway);
  std::array<std::uint8_t, sizeof(rtvia) + 16> via{};
  const std::uint16_t af = gateway.is_v4() ? AF_INET : AF_INET6;
  std::memcpy(via.data(), &af, sizeof af);
  std::ranges::copy(gateway.bytes(), via.begin() + sizeof(rtvia));
  mnl_attr_put(message, RTA_VIA, sizeof(rtvia) + gateway.bytes().size(), via.data());
}

void put_multipath(nlmsghdr* message, AddressFamily family, std::span<const NextHop> hops) {
  nlattr* nest = mnl_attr_nest_start(message, RTA_MULTIPATH);
  for (const NextHop& hop : hops) {
    auto* head = static_cast<rtnexthop*>(mnl_nlmsg_put_extra_header(message, sizeof(rtnexthop)));
    head->rtnh_ifindex = hop.link.value;
    head->rtnh_hops = static_cast<std::uint8_t>(std::clamp<int>(hop.weight, 1, 256) - 1);
    head->rtnh_flags = hop.on_link ? RTNH_F_ONLINK : 0;
    if (hop.gateway) put_gateway(message, family, *hop.gateway);
    head->rtnh_len = static_cast<std::uint16_t>(static_cast<char*>(mnl_nlmsg_get_payload_tail(message)) -
                                                reinterpret_cast<char*>(head));
  }
  mnl_attr_nest_end(message, nest);
}

void put_next_hops(nlmsghdr* message, rtmsg& header, const RouteWrite& write) {
  if (write.next_hop_object != NextHopId{}) return mnl_attr_put_u32(message, RTA_NH_ID, write.next_hop_object.value);
  if (write.next_hops.empty()) return;
  if (write.next_hops.size() > 1) return put_multipath(message, write.destination.family(), write.next_hops);
  const NextHop& hop = write.next_hops.front();
  if (hop.gateway) put_gateway(message, write.destination.family(), *hop.gateway);
  if (hop.link != IfIndex{}) mnl_attr_put_u32(message, RTA_OIF, static_cast<std::uint32_t>(hop.link.value));
  if (hop.on_link) header.rtm_flags |= RTNH_F_ONLINK;
}

std::uint16_t flags_of(RouteVerb verb) {
  if (verb == RouteVerb::Create) return NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
  if (verb == RouteVerb::Replace) return NLM_F_REQUEST | NLM_F_REPLACE;
  return NLM_F_REQUEST;
}

std::string complaint_of(const nlmsghdr* message) {
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t skip = sizeof *error;
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
  if (mnl_nlmsg_get_payload_len(message) <= skip) return {};
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, skip));
  int left = static_cast<int>(mnl_nlmsg_get_payload_len(message) - skip);
  for (; mnl_attr_ok(attribute, left); attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG) {
      const char* text = mnl_attr_get_str(attribute);
      return {text, ::strnlen(text, mnl_attr_get_payload_len(attribute))};
    }
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
  }
  return {};
}

}  // namespace

Bulk::Bulk(UniqueFd fd, std::uint32_t port) : fd_(std::move(fd)), port_(port), out_(kOutSize), in_(kInSize) {}

Result<Bulk> Bulk::open() {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!fd) return sys_fail("open a route netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return sys_fail("bind a route netlink socket");
  socklen_t length = sizeof address;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return sys_fail("read a netlink socket's port");
  set_int(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer);
  set_int(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer);
  set_int(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set_int(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, 1);
  const int strict = 1;  // without it the kernel ignores a dump's filters and sends whole tables
  if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict) != 0)
    return sys_fail("ask the kernel to filter dumps (Linux 4.20 or later)");
  return Bulk(std::move(fd), address.nl_pid);
}

std::size_t Bulk::encode(const RouteWrite& write, std::uint32_t sequence, bool acknowledge,
                         std::span<std::uint8_t> out) {
  nlmsghdr* message = mnl_nlmsg_put_header(out.data());
  message->nlmsg_type = write.verb == RouteVerb::Delete ? RTM_DELROUTE : RTM_NEWROUTE;
  message->nlmsg_flags = static_cast<std::uint16_t>(flags_of(write.verb) | (acknowledge ? NLM_F_ACK : 0));
  message->nlmsg_seq = sequence;
  auto& header = *static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  header.rtm_family = write.destination.family() == AddressFamily::IPv4 ? AF_INET : AF_INET6;
  header.rtm_dst_len = write.destination.length();
  header.rtm_tos = write.tos;
  header.rtm_protocol = static_cast<std::uint8_t>(write.protocol);
  header.rtm_type = static_cast<std::uint8_t>(write.type);
  header.rtm_scope = static_cast<std::uint8_t>(Scope::Universe);
  const bool small_table = write.table.value < 256;
  header.rtm_table = small_table ? static_cast<std::uint8_t>(write.table.value) : std::uint8_t{RT_TABLE_UNSPEC};
  if (!small_table) mnl_attr_put_u32(message, RTA_TABLE, write.table.value);
  put_address(message, RTA_DST, write.destination.address());
  mnl_attr_put_u32(message, RTA_PRIORITY, write.metric);
  const bool remove = write.verb == RouteVerb::Delete;
  if (write.preferred_source && !remove) put_address(message, RTA_PREFSRC, *write.preferred_source);
  // An IPv6 route may have a stranger's next hop merged into it: naming our own leaves that one alone. IPv4's protocol,
  // type and metric name the route well enough, also after the kernel dropped a next hop of it.
  if (!remove || write.destination.family() == AddressFamily::IPv6) put_next_hops(message, header, write);
  return message->nlmsg_len;
}

std::size_t Bulk::fill(std::span<const RouteWrite> writes, std::size_t& bytes) {
  std::size_t count = 0;
  std::size_t last = 0;
  bytes = 0;
  while (count < writes.size() && count < kBatchMessages && bytes + kLargestRequest <= out_.size()) {
    last = bytes;
    bytes += encode(writes[count], ++sequence_, false, std::span(out_).subspan(bytes));
    ++count;
  }
  // The kernel answers every refusal, asked or not; one acknowledgement behind the last says that all were looked at.
  if (count > 0) reinterpret_cast<nlmsghdr*>(out_.data() + last)->nlmsg_flags |= NLM_F_ACK;
  return count;
}

Result<std::vector<RouteRefusal>> Bulk::write(std::span<const RouteWrite> writes) {
  std::vector<RouteRefusal> refusals;
  for (std::size_t base = 0; base < writes.size();) {
    std::size_t bytes = 0;
    const auto count = fill(writes.subspan(base), bytes);
    TRY(write_batch(writes.subspan(base, count), bytes, base, refusals));
    base += count;
  }
  return refusals;
}

Status Bulk::write_batch(std::span<const RouteWrite> writes, std::size_t bytes, std::size_t base,
                         std::vector<RouteRefusal>& refusals) {
  if (auto sent = send_all(std::span(out_).first(bytes)); !sent) return sent;
  const auto first = sequence_ - static_cast<std::uint32_t>(writes.size()) + 1;
  for (bool finished = false; !finished;) {
    const auto received = receive();
    if (!received) return std::unexpected(received.error());
    int left = static_cast<int>(*received);
    for (const auto* m = reinterpret_cast<const nlmsghdr*>(in_.data()); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
      const std::uint32_t index = m->nlmsg_seq - first;
      if (m->nlmsg_type != NLMSG_ERROR || index >= writes.size()) continue;
      if (mnl_nlmsg_get_payload_len(m) < sizeof(nlmsgerr)) continue;
      const int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error;
      if (error != 0) refusals.push_back({base + index, error, complaint_of(m)});
      finished = finished || index + 1 == writes.size();
    }
  }
  return ok();
}

Status Bulk::send_all(std::span<const std::uint8_t> bytes) {
  for (;;) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const auto n =
        ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (n == static_cast<ssize_t>(bytes.size())) return ok();
    if (n >= 0) return fail(5, "send routes: the kernel took a part of a batch only");
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != ENOBUFS) return sys_fail("send routes to the kernel");
    pollfd wait{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&wait, 1, kPatience);
    if (ready == 0) return fail(5, "send routes: the kernel took nothing for 30 s");
  }
}

Result<std::size_t> Bulk::receive() {
  for (;;) {
    const auto n = ::recv(fd_.get(), in_.data(), in_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n > static_cast<ssize_t>(in_.size())) return fail(5, "the kernel's answer does not fit: it is cut off");
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) return fail(5, "the netlink socket was closed");
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return sys_fail("read the kernel's answers");  // ENOBUFS among them: answers are lost
    pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, kPatience);
    if (ready == 0) return fail(11, "no answer from the kernel for 30 s");
    if (ready < 0 && errno != EINTR) return sys_fail("wait for the kernel's answers");
  }
}

}  // namespace slash32::netlink
