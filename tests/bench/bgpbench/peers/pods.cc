#include "tests/bench/bgpbench/peers/pods.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/bench/bgpbench/peers/netlink.h"
#include "tests/bench/bgpbench/peers/session.h"

namespace bench {
namespace {

constexpr std::uint8_t kPod = 132;  // a pod's route, as slash32's plugin writes it
constexpr std::uint32_t kPodMetric = 64;
constexpr std::uint8_t kLearned = 134;
constexpr std::uint32_t kLearnedMetric = 512;
constexpr std::uint32_t kPods = 250;
constexpr std::uint16_t kPort = 179;
constexpr double kPatience = 5;  // seconds, until the relay's other half is there

std::uint32_t link_of(const Options& options) {
  const unsigned index = ::if_nametoindex(options.text("dev").c_str());
  if (index == 0) die("no link " + options.text("dev"), errno);
  return index;
}

void give_up_after(int fd, double seconds) {
  const timeval time{.tv_sec = static_cast<time_t>(seconds),
                     .tv_usec = static_cast<suseconds_t>(std::fmod(seconds, 1) * 1e6)};
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0) die("SO_RCVTIMEO", errno);
}

void enter(const std::string& network) {
  const slash32::UniqueFd fd{::open(network.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd || ::setns(fd.get(), CLONE_NEWNET) != 0) die(network, errno);
}

/// The two nodes' kernels.
class Pods {
 public:
  explicit Pods(const Options& options)
      : first_(parse_address(options.text("pods"))), link_(link_of(options)), from_(route_socket()) {
    enter(options.text("other"));
    to_ = route_socket();
    subscribe(to_.get(), first_.size() == 16);
  }

  void serve() {
    std::printf("{\"ready\": true}\n");
    for (std::string line; std::fflush(stdout), std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::string verb;
      std::size_t samples = 0;
      double timeout = 0;
      if (!(words >> verb >> samples >> timeout) || verb != "latency")
        die("latency SAMPLES TIMEOUT, not '" + line + "'");
      latency(samples, timeout);
    }
  }

 private:
  void latency(std::size_t samples, double timeout) {
    give_up_after(to_.get(), timeout);
    Random random{samples};
    std::string lists[2];
    for (std::size_t i = 0; i < samples; ++i) {
      const Address pod = plus(first_, static_cast<std::uint32_t>(random.below(kPods)));
      for (const bool there : {true, false}) {
        (void)::poll(nullptr, 0, static_cast<int>(1 + random.below(3)));
        std::string& list = lists[there ? 0 : 1];
        const double seconds = one_change(pod, there, timeout);
        list += (list.empty() ? "" : ", ") + std::to_string(seconds < 0 ? -1 : seconds * 1e6);
      }
    }
    std::printf("{\"done\": true, \"announce_us\": [%s], \"withdraw_us\": [%s]}\n", lists[0].c_str(), lists[1].c_str());
  }

  double one_change(const Address& pod, bool there, double timeout) {
    const double start = now();
    order(from_.get(),
          {.there = there, .address = pod, .protocol = kPod, .metric = kPodMetric, .link = link_, .gateway = {}});
    double arrived = -1;
    while (arrived < 0 && now() < start + timeout)
      (void)hear(to_.get(), buffer_, [&](const RouteEvent& event) {
        if (event.there == there && event.address == pod) arrived = now() - start;
      });
    take_acknowledgement(from_.get());
    return arrived;
  }

  Address first_;
  std::uint32_t link_;
  slash32::UniqueFd from_, to_;
  Bytes buffer_ = Bytes(65536);
};

}  // namespace

void pods(const Options& options) { Pods{options}.serve(); }

// What goes over the wire: whether it is there now, and the address.

void tell_pods(const Options& options) {
  const bool ipv6 = options.number("family") == 6;
  const slash32::UniqueFd kernel = route_socket();
  subscribe(kernel.get(), ipv6);
  const slash32::UniqueFd listener = tcp_socket(parse_address(options.text("address")), kPort);
  if (::listen(listener.get(), 1) != 0) die("listen", errno);
  const slash32::UniqueFd other = accept_one(listener.get());
  std::puts("ready");
  std::fflush(stdout);
  Bytes buffer(65536);
  for (;;)
    (void)hear(kernel.get(), buffer, [&](const RouteEvent& event) {
      if (event.protocol != kPod) return;
      Bytes record{static_cast<std::uint8_t>(event.there)};
      record.insert(record.end(), event.address.begin(), event.address.end());
      if (::send(other.get(), record.data(), record.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(record.size()))
        die("tell of a pod", errno);
    });
}

void install_pods(const Options& options) {
  const Address gateway = parse_address(options.text("address"));
  const std::uint32_t link = link_of(options);
  const Address any(gateway.size(), 0);
  const double start = now();
  slash32::UniqueFd other = tcp_socket(any, 0);
  while (!connect_to(other.get(), gateway, kPort)) {
    if (now() > start + kPatience) die("nobody tells of pods");
    (void)::poll(nullptr, 0, 10);  // it is only just starting
    other = tcp_socket(any, 0);
  }
  const slash32::UniqueFd kernel = route_socket();
  std::puts("ready");
  std::fflush(stdout);
  Bytes record(1 + gateway.size());
  while (::recv(other.get(), record.data(), record.size(), MSG_WAITALL) == static_cast<ssize_t>(record.size())) {
    order(kernel.get(), {.there = record[0] != 0,
                         .address = Address(record.begin() + 1, record.end()),
                         .protocol = kLearned,
                         .metric = kLearnedMetric,
                         .link = link,
                         .gateway = gateway});
    take_acknowledgement(kernel.get());
  }
}

}  // namespace bench
