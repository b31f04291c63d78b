// The bare kernel work of one ADD, and nothing else: every change slash32 makes for a pod, by raw netlink, without
// configuration, IPAM, checks or log. Executed as a process of its own it is the floor below which no plugin can go.
//   kernel_floor NETNS HOST_IFNAME ALIAS V4 [V6]
// Leaves the same kernel state as slash32 (names, addresses, routes, neighbours, settings); tests/bench/cni-bench
// compares. Prints nothing; exit status 1 with the failing step on stderr.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

namespace {

constexpr std::array<unsigned char, 6> kHostMac = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
constexpr std::uint32_t kMtu = 1500;
constexpr unsigned kMetric = 64;
constexpr unsigned char kProtocol = 132;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// Messages one after another in a fixed buffer.
struct Batch {
  alignas(4) std::array<char, 8192> bytes{};
  std::size_t length = 0;
  std::size_t start = 0;
  int count = 0;

  void* room(std::size_t size) {
    void* at = bytes.data() + length;
    length += NLMSG_ALIGN(size);
    std::memset(at, 0, NLMSG_ALIGN(size));  // headers and padding; a batch before may have left its bytes
    return at;
  }
  template <class Header>
  Header& begin(int type, int flags) {
    start = length;
    auto* header = static_cast<nlmsghdr*>(room(sizeof(nlmsghdr)));
    header->nlmsg_type = static_cast<unsigned short>(type);
    header->nlmsg_flags = static_cast<unsigned short>(NLM_F_REQUEST | NLM_F_ACK | flags);
    ++count;
    return *static_cast<Header*>(room(sizeof(Header)));
  }
  void end() { reinterpret_cast<nlmsghdr*>(bytes.data() + start)->nlmsg_len = static_cast<unsigned>(length - start); }
  std::size_t put(int type, const void* data, std::size_t size) {
    const std::size_t at = length;
    auto* attribute = static_cast<rtattr*>(room(RTA_LENGTH(size)));
    attribute->rta_type = static_cast<unsigned short>(type);
    attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    if (size != 0) std::memcpy(RTA_DATA(attribute), data, size);
    return at;
  }
  void put_u32(int type, unsigned value) { put(type, &value, sizeof value); }
  std::size_t open(int type) { return put(type | NLA_F_NESTED, nullptr, 0); }
  void close(std::size_t at) {
    reinterpret_cast<rtattr*>(bytes.data() + at)->rta_len = static_cast<unsigned short>(length - at);
  }
};

/// Sends and takes an acknowledgement for each; the indices of an echoed link go to `link` and `peer`.
void talk(int fd, Batch& batch, const char* what, int* link = nullptr, int* peer = nullptr) {
  if (::send(fd, batch.bytes.data(), batch.length, 0) < 0) die(what);
  alignas(4) std::array<char, 16384> in;
  while (batch.count > 0) {
    ssize_t got = ::recv(fd, in.data(), in.size(), 0);
    if (got < 0) die(what);
    for (auto* h = reinterpret_cast<nlmsghdr*>(in.data()); NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
      if (h->nlmsg_type == NLMSG_ERROR) {
        errno = -static_cast<nlmsgerr*>(NLMSG_DATA(h))->error;
        if (errno != 0) die(what);
        --batch.count;
      } else if (h->nlmsg_type == RTM_NEWLINK && link != nullptr) {
        auto* info = static_cast<ifinfomsg*>(NLMSG_DATA(h));
        *link = info->ifi_index;
        int left = static_cast<int>(IFLA_PAYLOAD(h));
        for (auto* a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
          if (a->rta_type == IFLA_LINK) std::memcpy(peer, RTA_DATA(a), sizeof *peer);
      }
    }
  }
  batch.length = 0;
}

int open_socket() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) die("socket");
  return fd;
}

void write_setting(const std::string& path, const char* value) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  char now = 0;
  if (fd < 0 || ::pread(fd, &now, 1, 0) < 0) die(path.c_str());
  if (now != value[0] && ::write(fd, value, std::strlen(value)) < 0) die(path.c_str());
  ::close(fd);
}

struct Ip {
  unsigned char family = AF_INET;
  unsigned char size = 4;
  std::array<unsigned char, 16> bytes{};
};
Ip parse(const char* text) {
  Ip ip;
  if (std::strchr(text, ':') != nullptr) {
    ip.family = AF_INET6;
    ip.size = 16;
  }
  if (::inet_pton(ip.family, text, ip.bytes.data()) != 1) die(text);
  return ip;
}

void link_up(Batch& b, int link) {
  auto& info = b.begin<ifinfomsg>(RTM_SETLINK, 0);
  info.ifi_index = link;
  info.ifi_flags = info.ifi_change = IFF_UP;
  b.end();
}
void address(Batch& b, int link, const Ip& ip, unsigned char length, unsigned char scope) {
  auto& info = b.begin<ifaddrmsg>(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  info.ifa_family = ip.family;
  info.ifa_prefixlen = length;
  info.ifa_scope = scope;
  info.ifa_index = static_cast<unsigned>(link);
  if (ip.family == AF_INET6) info.ifa_flags = IFA_F_NODAD;
  b.put(IFA_LOCAL, ip.bytes.data(), ip.size);
  b.put(IFA_ADDRESS, ip.bytes.data(), ip.size);
  b.end();
}
void neighbour(Batch& b, int link, const Ip& ip, const std::array<unsigned char, 6>& mac) {
  auto& info = b.begin<ndmsg>(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  info.ndm_family = ip.family;
  info.ndm_ifindex = link;
  info.ndm_state = NUD_PERMANENT;
  b.put(NDA_DST, ip.bytes.data(), ip.size);
  b.put(NDA_LLADDR, mac.data(), mac.size());
  b.end();
}
struct RouteTo {
  const Ip* destination;  // none: default
  const Ip* gateway;
  unsigned metric;
  unsigned char protocol;
};
void route(Batch& b, int link, unsigned char family, const RouteTo& to) {
  auto& info = b.begin<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  info.rtm_family = family;
  info.rtm_dst_len = to.destination != nullptr ? static_cast<unsigned char>(to.destination->size * 8) : 0;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = to.protocol;
  info.rtm_scope = to.gateway == nullptr && family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  info.rtm_type = RTN_UNICAST;
  if (to.destination != nullptr) b.put(RTA_DST, to.destination->bytes.data(), to.destination->size);
  if (to.gateway != nullptr) b.put(RTA_GATEWAY, to.gateway->bytes.data(), to.gateway->size);
  if (to.metric != 0) b.put_u32(RTA_PRIORITY, to.metric);
  b.put_u32(RTA_OIF, static_cast<unsigned>(link));
  b.end();
}

void create_pair(Batch& b, const char* host, const std::array<unsigned char, 6>& pod_mac, int netns) {
  b.begin<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  b.put(IFLA_IFNAME, host, std::strlen(host) + 1);
  b.put(IFLA_ADDRESS, kHostMac.data(), kHostMac.size());
  b.put_u32(IFLA_MTU, kMtu);
  const auto info = b.open(IFLA_LINKINFO);
  b.put(IFLA_INFO_KIND, "veth", 5);
  const auto data = b.open(IFLA_INFO_DATA);
  const auto peer = b.open(VETH_INFO_PEER);
  b.room(sizeof(ifinfomsg));
  b.put(IFLA_IFNAME, "eth0", 5);
  b.put(IFLA_ADDRESS, pod_mac.data(), pod_mac.size());
  b.put_u32(IFLA_MTU, kMtu);
  b.put_u32(IFLA_NET_NS_FD, static_cast<unsigned>(netns));
  b.close(peer);
  b.close(data);
  b.close(info);
  b.end();
}

/// A name for each address. The plugin's for IPv6 has a hash in it; what it says is the same to the kernel.
void address_names(Batch& b, int link, std::span<const Ip> ips) {
  b.begin<ifinfomsg>(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND).ifi_index = link;
  const auto names = b.open(IFLA_PROP_LIST);
  for (const auto& ip : ips) {
    const unsigned char* last = ip.bytes.data() + ip.size - 4;
    std::array<char, IFNAMSIZ> name{};
    const int size =
        std::snprintf(name.data(), name.size(), ip.size == 4 ? "s32-%02x%02x%02x%02x" : "s32-%02x%02x%02x%02xfff",
                      last[0], last[1], last[2], last[3]);
    b.put(IFLA_ALT_IFNAME, name.data(), static_cast<std::size_t>(size) + 1);
  }
  b.close(names);
  b.end();
}

void host_settings(Batch& b, int link, const char* alias, bool v6) {
  b.begin<ifinfomsg>(RTM_SETLINK, 0).ifi_index = link;
  b.put(IFLA_IFALIAS, alias, std::strlen(alias) + 1);
  const auto families = b.open(IFLA_AF_SPEC);
  const auto inet = b.open(AF_INET);
  const auto conf = b.open(IFLA_INET_CONF);
  for (const int setting : {IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_PROXY_ARP, IPV4_DEVCONF_RP_FILTER})
    b.put_u32(setting, 1);
  b.close(conf);
  b.close(inet);
  if (v6) {
    const auto inet6 = b.open(AF_INET6);
    const unsigned char none = IN6_ADDR_GEN_MODE_NONE;
    b.put(IFLA_INET6_ADDR_GEN_MODE, &none, 1);
    b.close(inet6);
  }
  b.close(families);
  b.end();
  b.begin<ndtmsg>(RTM_SETNEIGHTBL, 0).ndtm_family = AF_INET;
  b.put(NDTA_NAME, "arp_cache", 10);
  const auto parameters = b.open(NDTA_PARMS);
  b.put_u32(NDTPA_IFINDEX, static_cast<unsigned>(link));
  const unsigned long long zero = 0;
  b.put(NDTPA_PROXY_DELAY, &zero, sizeof zero);
  b.close(parameters);
  b.end();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::fputs("usage: kernel_floor NETNS HOST_IFNAME ALIAS V4 [V6]\n", stderr);
    return 2;
  }
  const bool v6 = argc == 6;
  const std::string conf6 = "/proc/sys/net/ipv6/conf/";
  const Ip pod4 = parse(argv[4]);
  const Ip pod6 = v6 ? parse(argv[5]) : Ip{};
  const Ip gateway4 = parse("169.254.1.1");
  const Ip gateway6 = parse("fe80::1");
  const std::array<unsigned char, 6> pod_mac = {0x02, 0x32, pod4.bytes[0], pod4.bytes[1], pod4.bytes[2], pod4.bytes[3]};
  const int host = open_socket();
  const int own = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const int netns = ::open(argv[1], O_RDONLY | O_CLOEXEC);
  if (own < 0 || netns < 0 || ::setns(netns, CLONE_NEWNET) != 0) die(argv[1]);
  const int pod = open_socket();
  if (::setns(own, CLONE_NEWNET) != 0) die("setns");
  Batch b;
  int host_link = 0;
  int pod_link = 0;
  create_pair(b, argv[2], pod_mac, netns);
  talk(host, b, "create the pair", &host_link, &pod_link);
  write_setting(conf6 + argv[2] + "/accept_ra", "0");
  host_settings(b, host_link, argv[3], v6);
  link_up(b, host_link);
  if (v6) address(b, host_link, gateway6, 64, RT_SCOPE_LINK);
  neighbour(b, host_link, pod4, pod_mac);
  if (v6) neighbour(b, host_link, pod6, pod_mac);
  const std::array<Ip, 2> pods = {pod4, pod6};
  address_names(b, host_link, std::span(pods).first(v6 ? 2 : 1));
  talk(host, b, "configure the host end");
  if (v6) {
    if (::setns(netns, CLONE_NEWNET) != 0) die("setns");
    for (const char* setting : {"lo/disable_ipv6", "eth0/disable_ipv6", "eth0/accept_ra", "eth0/accept_dad"})
      write_setting(conf6 + setting, "0");
    if (::setns(own, CLONE_NEWNET) != 0) die("setns");
  }
  link_up(b, pod_link);
  address(b, pod_link, pod4, 32, RT_SCOPE_UNIVERSE);
  neighbour(b, pod_link, gateway4, kHostMac);
  route(b, pod_link, AF_INET, {&gateway4, nullptr, 0, RTPROT_BOOT});
  route(b, pod_link, AF_INET, {nullptr, &gateway4, 0, RTPROT_BOOT});
  if (v6) {
    address(b, pod_link, pod6, 128, RT_SCOPE_UNIVERSE);
    neighbour(b, pod_link, gateway6, kHostMac);
    route(b, pod_link, AF_INET6, {nullptr, &gateway6, 0, RTPROT_BOOT});
  }
  talk(pod, b, "configure the pod end");
  route(b, host_link, AF_INET, {&pod4, nullptr, kMetric, kProtocol});
  if (v6) route(b, host_link, AF_INET6, {&pod6, nullptr, kMetric, kProtocol});
  talk(host, b, "route to the pod");
  return 0;
}
