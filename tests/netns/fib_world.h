// A network namespace for one test, with two "uplinks" (veth pairs whose far ends stay beside them, up), changed and
// read through iproute2 as an operator would.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bgpd/fib/fib_sync.h"
#include "bgpd/fib/kernel_watch.h"

namespace slash32::bgp {

/// Runs a command; its output. A failure fails the test.
inline std::string sh(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return {};
  }
  std::string out;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.append(buffer.data(), n);
  EXPECT_EQ(::pclose(pipe), 0) << command << ": " << out;
  return out;
}

inline Prefix prefix(const std::string& text) { return *Prefix::parse(text); }
inline IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
inline std::string routes(const std::string& what) { return sh("ip -N route show table all " + what); }
inline std::string routes6(const std::string& what) { return sh("ip -N -6 route show table all " + what); }

/// How often the process's other threads were woken so far.
inline long wakes_of_others() {
  return std::stol(sh("cat /proc/" + std::to_string(::getpid()) +
                      "/task/*/status | awk '/^Pid:/ { pid = $2 } /^voluntary/ && pid != " +
                      std::to_string(::syscall(SYS_gettid)) + " { sum += $2 } END { print sum }'"));
}

/// Asks until `holds`, or ten seconds are over. Waits on nothing else than the answer, a little between two.
template <class Holds>
[[nodiscard]] bool eventually(Holds holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    (void)::poll(nullptr, 0, 2);
  }
  return holds();
}

/// The calling thread may change nothing in the network, for as long as this lives.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, before_.data()), 0);
    auto now = before_;
    now[0].effective &= ~(1U << CAP_NET_ADMIN);
    EXPECT_EQ(::syscall(SYS_capset, &header_, now.data()), 0);
  }
  ~WithoutNetAdmin() { EXPECT_EQ(::syscall(SYS_capset, &header_, before_.data()), 0); }
  WithoutNetAdmin(const WithoutNetAdmin&) = delete;
  WithoutNetAdmin& operator=(const WithoutNetAdmin&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> before_{};
};

class FibWorld : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
    sh("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0; ip link set lo up");
    add_uplink(1);
    add_uplink(2);
  }

  /// up<N>: 192.0.<N>.10/24 and 2001:db8:<N>::10/64.
  void add_uplink(int n) {
    const std::string i = std::to_string(n);
    sh("ip link add up" + i + " type veth peer name far" + i + " && ip link set far" + i + " up && ip link set up" + i +
       " up");
    add_addresses(n);
  }
  void add_addresses(int n) {
    const std::string i = std::to_string(n);
    sh("ip addr replace 192.0." + i + ".10/24 dev up" + i + " && ip addr replace 2001:db8:" + i + "::10/64 dev up" + i +
       " nodad");
  }
  /// A next hop on uplink `n`: 192.0.<n>.<host> or 2001:db8:<n>::<host>.
  static FibNextHop hop4(int n, int host = 1) {
    return {ip("192.0." + std::to_string(n) + "." + std::to_string(host)), link_of(n)};
  }
  static FibNextHop hop6(int n, int host = 1) {
    return {ip("2001:db8:" + std::to_string(n) + "::" + std::to_string(host)), link_of(n)};
  }
  static IfIndex link_of(int n) {
    return IfIndex{std::stoi(sh("ip -o link show up" + std::to_string(n) + " | cut -d: -f1"))};
  }
  static FibSync open(FibSettings settings = {}) {
    auto fib = FibSync::open(std::move(settings));
    if (!fib) ADD_FAILURE() << fib.error().message;
    return std::move(*fib);
  }
  static bool settled(const FibSync& fib, std::uint64_t desired) {
    return eventually([&] {
      const auto s = fib.status();
      return !s.busy && s.desired == desired && s.installed == desired;
    });
  }
  /// What was reported until `holds` of it.
  template <class Holds>
  static FibReport reported(FibSync& fib, Holds holds) {
    FibReport all;
    const bool done = eventually([&] {
      auto more = fib.take_report();
      all.aggregates_ready.insert(all.aggregates_ready.end(), more.aggregates_ready.begin(),
                                  more.aggregates_ready.end());
      all.aggregates_failed.insert(all.aggregates_failed.end(), more.aggregates_failed.begin(),
                                   more.aggregates_failed.end());
      all.problems.insert(all.problems.end(), more.problems.begin(), more.problems.end());
      return holds(all);
    });
    EXPECT_TRUE(done) << "not reported";
    return all;
  }
};

}  // namespace slash32::bgp
