// How long FibSync takes to put routes into the kernel, beside bare netlink with the same routes in the same shape:
// messages built beforehand, 256 a sendmsg, one acknowledgement a batch, the same filtered listener beside it.
// And how long the loss of a next hop keeps the daemon meanwhile: ROUNDS 0 for that alone.
// usage: fib_bench [ROUTES [ROUNDS]]      (as root; every run in a new network namespace)
// The two take turns; read the ratios, not the seconds.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bgpd/fib/fib_sync.h"
#include "bgpd/fib/kernel_watch.h"

namespace {

using namespace slash32;
using Clock = std::chrono::steady_clock;

struct Shape {
  const char* name;
  AddressFamily family;
  int next_hops;
  bool by_group = false;  // routes refer to a group of next-hop objects
};
constexpr Shape kShapes[] = {
    {"IPv4, one next hop", AddressFamily::IPv4, 1},         {"IPv4, two next hops", AddressFamily::IPv4, 2},
    {"IPv4, a group of two", AddressFamily::IPv4, 2, true}, {"IPv6, one next hop", AddressFamily::IPv6, 1},
    {"IPv6, two next hops", AddressFamily::IPv6, 2},        {"IPv6, a group of two", AddressFamily::IPv6, 2, true}};
constexpr std::uint32_t kMaxRoutes = 10'000'000;
constexpr std::uint32_t kGroup = 3;  // bare netlink's, of the objects 1 and 2

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void sh(const char* command) {
  if (std::system(command) != 0) die(command);
}

void new_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) die("unshare (root?)");
  sh("ip link set lo up; for i in 1 2; do ip link add up$i type veth peer name far$i; ip link set far$i up;"
     "ip link set up$i up; ip addr add 192.0.$i.10/24 dev up$i; ip addr add 2001:db8:$i::10/64 dev up$i nodad; done");
}

Prefix prefix_of(const Shape& shape, std::uint32_t i) {
  if (shape.family == AddressFamily::IPv4) return {IpAddress::v4(0x0a000000 + i * 16), 28};
  std::array<std::uint8_t, 16> bytes{0xfd,
                                     0,
                                     static_cast<std::uint8_t>(i >> 24),
                                     static_cast<std::uint8_t>(i >> 16),
                                     static_cast<std::uint8_t>(i >> 8),
                                     static_cast<std::uint8_t>(i)};
  return {IpAddress::v6(bytes), 48};
}

std::vector<bgp::FibNextHop> hops_of(const Shape& shape) {
  std::vector<bgp::FibNextHop> out;
  for (int i = 1; i <= shape.next_hops; ++i) {
    const std::string n = std::to_string(i);
    const auto gateway =
        IpAddress::parse(shape.family == AddressFamily::IPv4 ? "192.0." + n + ".1" : "2001:db8:" + n + "::1");
    out.push_back({*gateway, IfIndex{static_cast<int>(::if_nametoindex(("up" + n).c_str()))}});
  }
  return out;
}

// ---------------------------------------------------------------- bare netlink

class Message {
 public:
  explicit Message(std::vector<std::uint8_t>& out) : out_(out), begin_(out.size()) {}
  void raw(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
    out_.resize(begin_ + (out_.size() - begin_ + 3) / 4 * 4);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr head{.rta_len = static_cast<unsigned short>(RTA_LENGTH(size)), .rta_type = type};
    raw(&head, sizeof head);
    raw(data, size);
  }
  std::size_t size() const { return out_.size() - begin_; }
  template <class T>
  T* at(std::size_t offset) {
    return reinterpret_cast<T*>(out_.data() + begin_ + offset);
  }

 private:
  std::vector<std::uint8_t>& out_;
  std::size_t begin_;
};

void make_group(const Shape& shape) {
  sh(shape.family == AddressFamily::IPv4 ? "ip nexthop add id 1 via 192.0.1.1 dev up1 proto 134;"
                                           "ip nexthop add id 2 via 192.0.2.1 dev up2 proto 134"
                                         : "ip nexthop add id 1 via 2001:db8:1::1 dev up1 proto 134;"
                                           "ip nexthop add id 2 via 2001:db8:2::1 dev up2 proto 134");
  sh("ip nexthop add id 3 group 1/2 proto 134");
}

void put_next_hops(Message& m, const std::vector<bgp::FibNextHop>& hops) {
  if (hops.size() == 1) {
    m.attribute(RTA_GATEWAY, hops[0].gateway.bytes().data(), hops[0].gateway.bytes().size());
    m.attribute(RTA_OIF, &hops[0].oif.value, 4);
    return;
  }
  const std::size_t nest = m.size();
  m.attribute(RTA_MULTIPATH, nullptr, 0);
  for (const auto& hop : hops) {
    const std::size_t size = hop.gateway.bytes().size();
    const rtnexthop head{.rtnh_len = static_cast<unsigned short>(sizeof(rtnexthop) + RTA_LENGTH(size)),
                         .rtnh_flags = 0,
                         .rtnh_hops = 0,
                         .rtnh_ifindex = hop.oif.value};
    m.raw(&head, sizeof head);
    m.attribute(RTA_GATEWAY, hop.gateway.bytes().data(), size);
  }
  m.at<rtattr>(nest)->rta_len = static_cast<unsigned short>(m.size() - nest);
}

std::vector<std::vector<std::uint8_t>> build(const Shape& shape, std::uint32_t count) {
  const auto hops = hops_of(shape);
  std::vector<std::vector<std::uint8_t>> batches;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % 256 == 0) batches.emplace_back();
    Message m(batches.back());
    const bool last = i % 256 == 255 || i + 1 == count;
    const auto flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | (last ? NLM_F_ACK : 0);
    nlmsghdr head{.nlmsg_len = 0,
                  .nlmsg_type = RTM_NEWROUTE,
                  .nlmsg_flags = static_cast<std::uint16_t>(flags),
                  .nlmsg_seq = i + 1,
                  .nlmsg_pid = 0};
    m.raw(&head, sizeof head);
    rtmsg route{};
    const Prefix prefix = prefix_of(shape, i);
    route.rtm_family = shape.family == AddressFamily::IPv4 ? AF_INET : AF_INET6;
    route.rtm_dst_len = prefix.length();
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = 134;
    route.rtm_type = RTN_UNICAST;
    m.raw(&route, sizeof route);
    m.attribute(RTA_DST, prefix.address().bytes().data(), prefix.address().bytes().size());
    const std::uint32_t metric = 512;
    m.attribute(RTA_PRIORITY, &metric, sizeof metric);
    if (shape.by_group)
      m.attribute(RTA_NH_ID, &kGroup, sizeof kGroup);
    else
      put_next_hops(m, hops);
    m.at<nlmsghdr>(0)->nlmsg_len = static_cast<std::uint32_t>(m.size());
  }
  return batches;
}

/// Wall clock and this process's CPU time (the kernel's work for it included), in seconds.
struct Cost {
  double wall = 0;
  double cpu = 0;
};

class Meter {
 public:
  Cost read() const { return {std::chrono::duration<double>(Clock::now() - begin_).count(), cpu_now() - cpu_}; }

 private:
  static double cpu_now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  Clock::time_point begin_ = Clock::now();
  double cpu_ = cpu_now();
};

Cost bare(const Shape& shape, std::uint32_t count) {
  new_namespace();
  const auto watch = bgp::KernelWatch::open(TableId{254});
  if (!watch) die(watch.error().message);
  if (shape.by_group) make_group(shape);
  const auto batches = build(shape, count);
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const int large = 4 * 1024 * 1024;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
  std::vector<std::uint8_t> answer(65536);
  const Meter meter;
  for (const auto& batch : batches) {
    if (::send(fd, batch.data(), batch.size(), 0) != static_cast<ssize_t>(batch.size())) die("send");
    const auto n = ::recv(fd, answer.data(), answer.size(), 0);
    const auto* head = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) die("recv");
    const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
    errno = -error;
    if (error != 0) die("the kernel refused a route");
  }
  const Cost cost = meter.read();
  ::close(fd);
  return cost;
}

// ---------------------------------------------------------------- FibSync

Cost wait_for(const bgp::FibSync& fib, std::uint64_t installed, const Meter& meter) {
  while (fib.status().busy || fib.status().installed != installed) ::poll(nullptr, 0, 1);
  return meter.read();
}

struct Ours {
  Cost install, restart, withdraw;
};

Ours ours(const Shape& shape, std::uint32_t count) {
  new_namespace();
  const auto watch = bgp::KernelWatch::open(TableId{254});
  if (!watch) die(watch.error().message);
  const auto hops = hops_of(shape);
  const auto deltas = [&](bool there) {
    std::vector<std::vector<bgp::FibDelta>> out;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i % 1000 == 0) out.emplace_back();  // as the RIB's turns hand them over
      out.back().push_back({prefix_of(shape, i), there ? hops : std::vector<bgp::FibNextHop>{}});
    }
    return out;
  };
  Ours out{};
  for (const bool restarted : {false, true}) {
    auto all = deltas(true);
    const Meter meter;
    auto fib = bgp::FibSync::open({.max_routes = kMaxRoutes, .next_hop_objects = shape.by_group});
    if (!fib) die(fib.error().message);
    for (auto& some : all) fib->apply(std::move(some));
    (restarted ? out.restart : out.install) = wait_for(*fib, count, meter);
    if ((fib->status().groups > 0) != shape.by_group) die("routes are not in the shape that was asked for");
    if (!restarted) continue;
    auto none = deltas(false);
    const Meter then;
    for (auto& some : none) fib->apply(std::move(some));
    out.withdraw = wait_for(*fib, 0, then);
  }
  return out;
}

// ---------------------------------------------------------------- lose()

/// How long FibSync::lose() keeps the daemon's thread while the worker writes: milliseconds, a call each millisecond,
/// for one of `kLost` next hops, which have a group each.
std::vector<double> lose_while_writing(std::uint32_t count) {
  constexpr std::uint32_t kLost = 200;
  new_namespace();
  sh("ip addr add 198.18.0.10/16 dev up1");
  const auto watch = bgp::KernelWatch::open(TableId{254});
  if (!watch) die(watch.error().message);
  auto fib = bgp::FibSync::open({.max_routes = kMaxRoutes, .next_hop_objects = true});
  if (!fib) die(fib.error().message);
  const auto stays = hops_of(kShapes[0]).front();
  const auto lost = [&](std::uint32_t i) { return bgp::FibNextHop{IpAddress::v4(0xc6120100 + i % kLost), stays.oif}; };
  for (std::uint32_t i = 0; i < count; i += 1000) {
    std::vector<bgp::FibDelta> some;
    for (std::uint32_t j = i; j < std::min(i + 1000, count); ++j)
      some.push_back({prefix_of(kShapes[0], j), {stays, lost(j)}});
    fib->apply(std::move(some));
  }
  std::vector<double> out;
  while (fib->status().installed < count / 10) ::poll(nullptr, 0, 1);  // all have their group by then
  for (std::uint32_t i = 0; i < kLost && fib->status().busy; ++i) {
    ::poll(nullptr, 0, 1);
    const Meter meter;
    fib->lose(lost(i));
    out.push_back(meter.read().wall * 1e3);
  }
  if (out.size() < 20) die("too few calls while it was writing: give more routes");
  return out;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 100'000);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::printf("%u routes, %d rounds, medians (smallest to largest ratio)\n", count, rounds);
  for (const Shape& shape : kShapes) {
    if (rounds == 0) break;
    std::vector<double> floor, install, restart, withdraw, wall_ratio, cpu_ratio;
    for (int round = 0; round < rounds; ++round) {
      const Cost least = bare(shape, count);
      const Ours one = ours(shape, count);
      floor.push_back(least.wall);
      install.push_back(one.install.wall);
      restart.push_back(one.restart.wall);
      withdraw.push_back(one.withdraw.wall);
      wall_ratio.push_back(one.install.wall / least.wall);
      cpu_ratio.push_back(one.install.cpu / least.cpu);
    }
    std::printf(
        "%-20s bare %.3f s  FibSync %.3f s  ratio %.2f (%.2f to %.2f), of CPU %.2f  restart %.3f s  withdrawal %.3f "
        "s\n",
        shape.name, median(floor), median(install), median(wall_ratio), std::ranges::min(wall_ratio),
        std::ranges::max(wall_ratio), median(cpu_ratio), median(restart), median(withdraw));
    std::fflush(stdout);
  }
  const auto waits = lose_while_writing(count);
  std::printf("the daemon waits for a loss while %u routes are written: median %.3f ms, longest %.3f ms of %zu calls\n",
              count, median(waits), std::ranges::max(waits), waits.size());
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("peak memory %ld MB\n", usage.ru_maxrss / 1024);
}
