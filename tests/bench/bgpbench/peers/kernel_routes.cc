#include "tests/bench/bgpbench/peers/kernel_routes.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <vector>

#include "common/fd.h"
#include "tests/bench/bgpbench/peers/netlink.h"
#include "tests/bench/bgpbench/peers/table.h"
#include "tests/bench/bgpbench/peers/workload.h"

namespace bench {
namespace {

constexpr std::uint8_t kProtocol = 134;  // as slash32-bgpd's own
constexpr std::uint32_t kMetric = 512;
constexpr std::size_t kBatch = 256;

/// What a routing daemon has beside it: a subscriber to routes, deaf to those it writes itself.
slash32::UniqueFd listener(bool ipv6) {
  slash32::UniqueFd fd = route_socket();
  constexpr auto kType = static_cast<std::uint32_t>(offsetof(nlmsghdr, nlmsg_type));
  constexpr auto kOwner = static_cast<std::uint32_t>(NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol));
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kType),  // loads big-endian
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 3),
                        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kOwner),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kProtocol, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, 0),
                        BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
  const sock_fprog program{.len = static_cast<unsigned short>(std::size(code)), .filter = code};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) die("filter", errno);
  subscribe(fd.get(), ipv6);
  return fd;
}

struct Hop {
  Address gateway;
  std::uint32_t index = 0;
};

Hop hop_of(const Options& options) {
  const unsigned index = ::if_nametoindex(options.text("dev").c_str());
  if (index == 0) die("no link " + options.text("dev"), errno);
  return {parse_address(options.text("gateway")), index};
}

void put_route(Bytes& out, Key key, bool ipv6, const Hop& hop, bool last) {
  const std::size_t begin = out.size();
  const auto flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | (last ? NLM_F_ACK : 0);
  nlmsghdr head{.nlmsg_len = 0,
                .nlmsg_type = RTM_NEWROUTE,
                .nlmsg_flags = static_cast<std::uint16_t>(flags),
                .nlmsg_seq = 1,
                .nlmsg_pid = 0};
  append(out, &head, sizeof head);
  rtmsg route{};
  route.rtm_family = ipv6 ? AF_INET6 : AF_INET;
  route.rtm_dst_len = static_cast<std::uint8_t>(length_of(key));
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = kProtocol;
  route.rtm_type = RTN_UNICAST;
  append(out, &route, sizeof route);
  const Address destination = address_of(key, ipv6);
  attribute(out, RTA_DST, destination.data(), destination.size());
  attribute(out, RTA_PRIORITY, &kMetric, sizeof kMetric);
  attribute(out, RTA_GATEWAY, hop.gateway.data(), hop.gateway.size());
  attribute(out, RTA_OIF, &hop.index, sizeof hop.index);
  head.nlmsg_len = static_cast<std::uint32_t>(out.size() - begin);
  std::memcpy(out.data() + begin, &head, sizeof head);
}

std::vector<Bytes> build(const Workload& workload, const Hop& hop) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < workload.prefixes.size(); ++i) {
    if (i % kBatch == 0) out.emplace_back();
    const bool last = i % kBatch == kBatch - 1 || i + 1 == workload.prefixes.size();
    put_route(out.back(), workload.prefixes[i], workload.ipv6, hop, last);
  }
  return out;
}

void send_batch(int fd, const Bytes& batch) {
  if (::send(fd, batch.data(), batch.size(), 0) != static_cast<ssize_t>(batch.size())) die("send routes", errno);
  take_acknowledgement(fd);
}

// ---------------------------------------------------------------- the dump

struct Found {
  std::size_t right = 0;
  std::size_t wrong = 0;    // another gateway, link or type, or a second time
  std::size_t foreign = 0;  // of this protocol, but none of the workload's
};

/// One route of a dump; of the attributes those that are compared.
struct Route {
  rtmsg head{};
  Key key = 0;
  Address gateway;
  std::uint32_t index = 0;
  bool multipath = false;
};

Route read_route(const nlmsghdr* message, bool ipv6) {
  Route out;
  auto* body = static_cast<const rtmsg*>(NLMSG_DATA(message));
  out.head = *body;
  auto left = static_cast<int>(RTM_PAYLOAD(message));
  std::uint64_t bits = 0;
  for (const rtattr* a = RTM_RTA(body); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    const auto* data = static_cast<const std::uint8_t*>(RTA_DATA(a));
    if (a->rta_type == RTA_DST)
      for (unsigned i = 0; i < (ipv6 ? kBits6 : kBits4) / 8; ++i) bits = bits << 8 | data[i];
    if (a->rta_type == RTA_GATEWAY) out.gateway.assign(data, data + RTA_PAYLOAD(a));
    if (a->rta_type == RTA_OIF) std::memcpy(&out.index, data, sizeof out.index);
    if (a->rta_type == RTA_MULTIPATH) out.multipath = true;
  }
  out.key = key_of(bits, body->rtm_dst_len);
  return out;
}

void judge(const Route& route, const Hop& hop, const Index& index, std::vector<bool>& seen, Found& found) {
  const std::uint32_t number = index.find(route.key);
  if (number == kForeign) {
    ++found.foreign;
    return;
  }
  const bool right = !seen[number] && route.head.rtm_type == RTN_UNICAST && !route.multipath &&
                     route.gateway == hop.gateway && route.index == hop.index;
  seen[number] = true;
  ++(right ? found.right : found.wrong);
}

void ask_for_all(int fd, bool ipv6) {
  Bytes request;
  nlmsghdr head{.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg)),
                .nlmsg_type = RTM_GETROUTE,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                .nlmsg_seq = 1,
                .nlmsg_pid = 0};
  append(request, &head, sizeof head);
  rtmsg route{};
  route.rtm_family = ipv6 ? AF_INET6 : AF_INET;
  append(request, &route, sizeof route);
  if (::send(fd, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size()))
    die("ask for routes", errno);
}

/// Calls `each` with every route; the dump must not have been interrupted by a change.
template <class Each>
void dump(bool ipv6, Each each) {
  const slash32::UniqueFd fd = route_socket();
  ask_for_all(fd.get(), ipv6);
  Bytes answer(std::size_t{1} << 20);
  for (;;) {
    auto left = static_cast<std::size_t>(std::max<ssize_t>(::recv(fd.get(), answer.data(), answer.size(), 0), 0));
    if (left == 0) die("the dump ended early", errno);
    for (auto* m = reinterpret_cast<const nlmsghdr*>(answer.data()); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if ((m->nlmsg_flags & NLM_F_DUMP_INTR) != 0) die("the routes changed while they were dumped");
      if (m->nlmsg_type == NLMSG_DONE) return;
      if (m->nlmsg_type == NLMSG_ERROR) die("the kernel refused the dump");
      each(read_route(m, ipv6));
    }
  }
}

}  // namespace

void fill_kernel(const Options& options) {
  const Workload workload = make_workload(options);
  const slash32::UniqueFd beside = listener(workload.ipv6);
  const auto batches = build(workload, hop_of(options));
  const slash32::UniqueFd fd = route_socket();
  const double cpu = cpu_seconds();
  const double start = now();
  for (const Bytes& batch : batches) send_batch(fd.get(), batch);
  std::printf("{\"start\": %.6f, \"cpu\": %.6f}\n", start, cpu_seconds() - cpu);
}

void check_kernel(const Options& options) {
  const Workload workload = make_workload(options);
  const Index index{workload.prefixes};
  const Hop hop = hop_of(options);
  const auto protocol = options.number("protocol");
  std::vector<bool> seen(workload.prefixes.size());
  Found found;
  dump(workload.ipv6, [&](const Route& route) {
    if (route.head.rtm_table == RT_TABLE_MAIN && route.head.rtm_protocol == protocol)
      judge(route, hop, index, seen, found);
  });
  std::printf("{\"right\": %zu, \"wrong\": %zu, \"foreign\": %zu}\n", found.right, found.wrong, found.foreign);
}

}  // namespace bench
