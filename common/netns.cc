#include "common/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstdlib>

// <linux/nsfs.h>: the type of the namespace a descriptor means, as a CLONE_ flag.
#ifndef NS_GET_NSTYPE
#define NS_GET_NSTYPE _IO(0xb7, 0x3)
#endif

namespace slash32 {
namespace {

constexpr int kInvalidNetns = 8;  // common/cni/error.h, which this folder may not see
constexpr int kReturnTries = 100;

}  // namespace

Result<UniqueFd> open_netns(const std::filesystem::path& path) {
  // O_NONBLOCK: a FIFO in the place of a namespace must not hold us up.
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) {
    auto error = sys_fail("open network namespace " + path.string()).error();
    error.code = kInvalidNetns;
    return fail(std::move(error));
  }
  if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    return fail(kInvalidNetns, path.string() + " is not a network namespace");
  return fd;
}

Result<UniqueFd> open_own_netns() {
  UniqueFd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
  if (!fd) return sys_fail("open /proc/thread-self/ns/net");
  return fd;
}

Result<bool> is_same_netns(int a, int b) {
  struct stat left{};
  struct stat right{};
  if (::fstat(a, &left) != 0 || ::fstat(b, &right) != 0) return sys_fail("look at a network namespace");
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

Result<NetnsGuard> NetnsGuard::enter(int target, int home) {
  if (::setns(target, CLONE_NEWNET) != 0) return sys_fail("enter a network namespace");
  return NetnsGuard{home};
}

NetnsGuard::~NetnsGuard() {
  if (home_ < 0) return;
  // Want of memory may pass. Going on inside a pod's namespace would configure the wrong machine: stop instead, though
  // nobody is left then to undo what was made.
  for (int i = 0; i < kReturnTries; ++i)
    if (::setns(home_, CLONE_NEWNET) == 0) return;
  std::abort();
}

}  // namespace slash32
