#include "plugin/link_removal.h"

#include <net/if.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>

#include "common/cni/error.h"
#include "common/fd.h"
#include "plugin/pod_link.h"

namespace slash32::plugin {
namespace {

using Clock = std::chrono::steady_clock;

// The names go after 0.3 to 5 ms; what is waited too long is a fraction of that.
constexpr std::chrono::microseconds kShortestLook{100};
constexpr std::chrono::microseconds kLongestLook{400};
constexpr std::chrono::milliseconds kChildPatience{60'000};

/// Whether the kernel still lists the link: SIOCGIFNAME, which does not wait for the lock that a removal holds.
bool is_listed(IfIndex link) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(static_cast<unsigned>(link.value), name.data()) != nullptr || errno != ENXIO;
}

/// The child. Its result is seen in the kernel, so it has none of its own.
[[noreturn]] void remove_and_exit(IfIndex link) {
  (void)::syscall(SYS_close_range, 0U, std::numeric_limits<unsigned>::max(), 0U);
  (void)::chdir("/");
  if (auto socket = netlink::Socket::open(netlink::Family::Route, kChildPatience)) (void)remove_link(*socket, link);
  ::_exit(0);
}

/// A descriptor that becomes readable when the child ends. None: no child, or a kernel before 5.3.
UniqueFd start_child(IfIndex link) {
  const pid_t child = ::fork();
  if (child == 0) remove_and_exit(link);
  if (child < 0) return UniqueFd{};
  return UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0U))};
}

bool ended_within(const UniqueFd& child, std::chrono::microseconds wait) {
  pollfd watched{.fd = child.get(), .events = POLLIN, .revents = 0};
  const std::timespec timeout{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(wait).count()};
  return ::ppoll(&watched, 1, &timeout, nullptr) > 0;
}

}  // namespace

Status remove_link_early(netlink::Socket& host, IfIndex link, std::chrono::milliseconds patience) {
  const auto begin = Clock::now();
  (void)::prctl(PR_SET_TIMERSLACK, 1UL);  // else the kernel makes every wait longer by up to 50 us
  const auto child = start_child(link);
  bool listed = is_listed(link);
  while (child && listed) {
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    const bool ended = ended_within(child, std::clamp(waited / 4, kShortestLook, kLongestLook));
    listed = is_listed(link);
    if (ended) break;
    if (listed && waited >= patience)
      return fail(cni::kTryAgainLater, "the link of index " + std::to_string(link.value) + " is still there after " +
                                           std::to_string(patience.count()) + " ms; its removal goes on");
  }
  // Gone, and this costs nothing more than asking; or no child could do it, and the reason is for the caller.
  return listed ? remove_link(host, link) : ok();
}

}  // namespace slash32::plugin
