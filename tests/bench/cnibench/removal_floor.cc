// The floor of one DEL: removes a link and prints how many microseconds passed until neither end had a name.
//   removal_floor IFNAME NETNS PEER     as root; without arguments an empty program, whose exec is the rest of the
//   floor
// A child asks for the removal, since the kernel answers long after the names are gone.
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// SIOCGIFINDEX in the namespace `socket` was opened in; it does not wait for the lock that a removal holds.
int index_of(int socket, const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return ::ioctl(socket, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

int open_socket(int family, int protocol) {
  const int fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
  if (fd < 0) die("socket");
  return fd;
}

void remove_link(int index) {
  const int fd = open_socket(AF_NETLINK, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    ifinfomsg info;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_DELLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.info.ifi_index = index;
  if (::send(fd, &request, sizeof request, 0) < 0) die("RTM_DELLINK");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return 0;
  if (argc != 4) {
    std::fputs("usage: removal_floor IFNAME NETNS PEER\n", stderr);
    return 2;
  }
  using Clock = std::chrono::steady_clock;
  const int host = open_socket(AF_UNIX, 0);
  const int own = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const int netns = ::open(argv[2], O_RDONLY | O_CLOEXEC);
  if (own < 0 || netns < 0 || ::setns(netns, CLONE_NEWNET) != 0) die(argv[2]);
  const int pod = open_socket(AF_UNIX, 0);
  if (::setns(own, CLONE_NEWNET) != 0) die("setns");
  const int index = index_of(host, argv[1]);
  if (index == 0 || index_of(pod, argv[3]) == 0) die("no such link");
  const auto begin = Clock::now();
  const pid_t child = ::fork();
  if (child < 0) die("fork");
  if (child == 0) {
    remove_link(index);
    ::_exit(0);
  }
  while (index_of(host, argv[1]) != 0 || index_of(pod, argv[3]) != 0) ::usleep(20);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  std::printf("%ld\n", static_cast<long>(took.count()));
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
