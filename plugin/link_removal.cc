#include "plugin/link_removal.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <new>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/netlink/links.h"
#include "plugin/pod_link.h"

namespace slash32::plugin {
namespace {

using Clock = std::chrono::steady_clock;

// The names go after 0.2 to 5 ms; what is waited too long is a fraction of that.
constexpr std::chrono::microseconds kShortestLook{20};
constexpr std::chrono::microseconds kLongestLook{400};

/// Whether the kernel still lists the link: SIOCGIFNAME, which does not wait for the lock that a removal holds.
/// `socket`: any, in the link's namespace.
bool is_listed(const UniqueFd& socket, IfIndex link) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(link.value);
  return ::ioctl(socket.get(), SIOCGIFNAME, &request) == 0 || errno != ENODEV;
}

/// What a child lives in. It shares our memory (no copy of it has to be made, nor of what we write meanwhile) and
/// outlives us: this is its own, and stays mapped until both of us have ended.
struct ChildMemory {
  alignas(16) std::array<std::uint8_t, 16384> stack;
  std::array<std::uint8_t, 64> request;
  std::size_t request_size;
};

/// The child. Nothing but system calls: the heap is ours, and so is errno, which each of these leaves alone as long as
/// the link can be removed at all. Its result is seen in the kernel, so it has none of its own.
int remove_and_exit(void* argument) {
  const auto& memory = *static_cast<const ChildMemory*>(argument);
  (void)::syscall(SYS_close_range, 0U, std::numeric_limits<unsigned>::max(), 0U);
  (void)::syscall(SYS_chdir, "/");
  const auto socket = ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  (void)::syscall(SYS_sendto, socket, memory.request.data(), memory.request_size, 0, nullptr, 0);
  ::syscall(SYS_exit, 0);
  __builtin_unreachable();
}

/// A descriptor that becomes readable when the child ends. None: no child, or a kernel before 5.2.
UniqueFd start_child(IfIndex link) {
  auto request = netlink::delete_link(link);
  const auto bytes = request.finish(1);
  void* const map = ::mmap(nullptr, sizeof(ChildMemory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || bytes.size() > sizeof ChildMemory::request) return UniqueFd{};
  auto* const memory = ::new (map) ChildMemory;
  std::ranges::copy(bytes, memory->request.begin());
  memory->request_size = bytes.size();
  int handle = -1;
  const int flags = CLONE_VM | CLONE_PIDFD | SIGCHLD;
  if (::clone(remove_and_exit, memory->stack.data() + memory->stack.size(), flags, memory, &handle) < 0)
    return UniqueFd{};
  return UniqueFd{handle};
}

bool ended_within(const UniqueFd& child, std::chrono::microseconds wait) {
  pollfd watched{.fd = child.get(), .events = POLLIN, .revents = 0};
  const std::timespec timeout{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(wait).count()};
  return ::ppoll(&watched, 1, &timeout, nullptr) > 0;
}

}  // namespace

LinkRemoval::LinkRemoval(netlink::Socket& host, IfIndex link)
    : host_(&host), link_(link), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), child_(start_child(link)) {}

Status LinkRemoval::finish(std::chrono::milliseconds patience) {
  const auto begin = Clock::now();
  (void)::prctl(PR_SET_TIMERSLACK, 1UL);  // else the kernel makes every wait longer by up to 50 us
  bool listed = is_listed(socket_, link_);
  while (child_ && listed) {
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    const bool ended = ended_within(child_, std::clamp(waited / 8, kShortestLook, kLongestLook));
    listed = is_listed(socket_, link_);
    if (ended) break;
    if (listed && waited >= patience)
      return fail(cni::kTryAgainLater, "the link of index " + std::to_string(link_.value) + " is still there after " +
                                           std::to_string(patience.count()) + " ms; its removal goes on");
  }
  // Gone, and this costs nothing more than asking; or no child could do it, and the reason is for the caller.
  return listed ? remove_link(*host_, link_) : ok();
}

}  // namespace slash32::plugin
