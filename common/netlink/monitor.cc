#include "common/netlink/monitor.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

#include "common/netlink/mnl_parse.h"

namespace slash32::netlink {
namespace {

constexpr std::size_t kRuleLimit = 20;          // keeps every jump within a filter's 8 bits
constexpr std::size_t kDrainLimit = 1'000'000;  // a drain that never ends is given up, and tried again

constexpr std::uint32_t kTypeAt = offsetof(nlmsghdr, nlmsg_type);
constexpr std::uint32_t kFlagsAt = offsetof(nlmsghdr, nlmsg_flags);
constexpr std::uint32_t kPortAt = offsetof(nlmsghdr, nlmsg_pid);
constexpr std::uint32_t kProtocolAt = sizeof(nlmsghdr) + offsetof(rtmsg, rtm_protocol);
constexpr std::uint32_t kFamilyAt = sizeof(nlmsghdr) + offsetof(ndmsg, ndm_family);
constexpr std::uint32_t kStateAt = sizeof(nlmsghdr) + offsetof(ndmsg, ndm_state);

/// A socket filter under construction. Loads of a filter are in network byte order, netlink's fields in the host's:
/// every constant is turned.
class Filter {
 public:
  void load8(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
  void load16(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_ABS, at); }
  void load32(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_ABS, at); }
  void verdict(bool pass) { add(BPF_RET | BPF_K, pass ? 0xffffffff : 0); }
  /// Goes to the rule's end unless (accumulator == value) == wanted.
  void unless_equal(std::uint32_t value, bool wanted) { leave(BPF_JMP | BPF_JEQ | BPF_K, value, wanted); }
  /// Goes to the rule's end unless (accumulator has a bit of `mask`) == wanted.
  void unless_bits(std::uint32_t mask, bool wanted) { leave(BPF_JMP | BPF_JSET | BPF_K, mask, wanted); }
  void end_rule() {
    for (const auto& [at, when_true] : open_) {
      const auto distance = static_cast<std::uint8_t>(code_.size() - at - 1);
      (when_true ? code_[at].jt : code_[at].jf) = distance;
    }
    open_.clear();
  }
  std::vector<sock_filter>& code() { return code_; }

 private:
  void add(unsigned code, std::uint32_t k) { code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k}); }
  void leave(unsigned code, std::uint32_t k, bool wanted) {
    add(code, k);
    open_.emplace_back(code_.size() - 1, !wanted);  // the branch that leaves is patched at the rule's end
  }
  std::vector<sock_filter> code_;
  std::vector<std::pair<std::size_t, bool>> open_;
};

void add_rule(Filter& filter, const RouteRule& rule) {
  if (rule.protocol) {
    filter.load8(kProtocolAt);
    filter.unless_equal(static_cast<std::uint8_t>(*rule.protocol), true);
  }
  if (rule.gone) {
    filter.load16(kTypeAt);
    filter.unless_equal(htons(RTM_DELROUTE), *rule.gone);
  }
  if (rule.displaces) {
    filter.load16(kFlagsAt);
    filter.unless_bits(htons(NLM_F_REPLACE | NLM_F_APPEND), *rule.displaces);
  }
  if (rule.requested_by) {
    filter.load32(kPortAt);
    filter.unless_equal(htonl(*rule.requested_by), true);
  }
  filter.verdict(rule.pass);
  filter.end_rule();
}

/// A bridge's forwarding entries come by the same messages, in the family AF_BRIDGE.
void add_neighbors(Filter& filter, std::uint16_t type, HeardNeighbors which) {
  const auto of_type = [&] {
    filter.load16(kTypeAt);
    filter.unless_equal(htons(type), true);
  };
  const auto decide = [&](bool pass) {
    filter.verdict(pass);
    filter.end_rule();
  };
  of_type();
  filter.load8(kFamilyAt);
  filter.unless_equal(AF_BRIDGE, true);
  decide(false);
  if (which == HeardNeighbors::Failed) {
    of_type();
    filter.load16(kStateAt);
    filter.unless_equal(htons(NUD_FAILED), true);
    decide(true);
  }
  of_type();
  decide(which == HeardNeighbors::All);
}

std::vector<sock_filter> compile(const MonitorOptions& options) {
  Filter filter;
  for (const std::uint16_t type : {RTM_NEWNEIGH, RTM_DELNEIGH}) add_neighbors(filter, type, options.neighbors);
  filter.load16(kTypeAt);  // what is not a route passes
  filter.unless_equal(htons(RTM_NEWROUTE), false);
  filter.unless_equal(htons(RTM_DELROUTE), false);
  filter.verdict(true);
  filter.end_rule();
  // The two jumps above leave towards the rules; everything below is about routes only.
  for (const RouteRule& rule : options.route_rules) add_rule(filter, rule);
  filter.verdict(options.other_routes);
  return std::move(filter.code());
}

Status attach(int fd, const MonitorOptions& options) {
  if (options.route_rules.size() > kRuleLimit) return fail(5, "more than 20 rules for route events");
  auto code = compile(options);
  const sock_fprog program{.len = static_cast<std::uint16_t>(code.size()), .filter = code.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return sys_fail("attach the filter of the kernel's events");
  return ok();
}

Status join(int fd, const MonitorOptions& options) {
  std::vector<int> groups;
  if (options.links) groups.push_back(RTNLGRP_LINK);
  if (options.addresses) groups.insert(groups.end(), {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
  if (options.routes) groups.insert(groups.end(), {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE});
  if (options.neighbors != HeardNeighbors::None) groups.push_back(RTNLGRP_NEIGH);
  for (const int group : groups)
    if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return sys_fail("join the kernel's event group " + std::to_string(group));
  const int objects = RTNLGRP_NEXTHOP;
  if (options.objects) (void)::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &objects, sizeof objects);
  return ok();
}

template <class Kind>
Kind& as(Event& event) {  // an event of the same kind is used again, with its storage
  if (auto* same = std::get_if<Kind>(&event)) return *same;
  return event.emplace<Kind>();
}

bool decode(const nlmsghdr& message, Event& out) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      auto& event = as<LinkEvent>(out);
      event.gone = message.nlmsg_type == RTM_DELLINK;
      return read_link(message, event.link);
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      auto& event = as<AddressEvent>(out);
      event.gone = message.nlmsg_type == RTM_DELADDR;
      return read_address(message, event.address);
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      auto& event = as<RouteEvent>(out);
      event.gone = message.nlmsg_type == RTM_DELROUTE;
      event.replaces = !event.gone && (message.nlmsg_flags & NLM_F_REPLACE) != 0;
      return read_route(message, event.route);
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      auto& event = as<NeighborEvent>(out);
      event.gone = message.nlmsg_type == RTM_DELNEIGH;
      return read_neighbor(message, event.entry);
    }
    case RTM_DELNEXTHOP: {
      NextHopObject object;
      if (!read_object(message, object)) return false;
      as<ObjectEvent>(out).id = object.id;
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

Result<Monitor> Monitor::open(const MonitorOptions& options) {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  if (!fd) return sys_fail("open a socket for the kernel's events");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return sys_fail("bind the socket of the kernel's events");
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &options.receive_buffer, sizeof options.receive_buffer) != 0 &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer) != 0)
    return sys_fail("size the socket of the kernel's events");
  // The filter first: no event may slip in between.
  if (auto attached = attach(fd.get(), options); !attached) return std::unexpected(attached.error());
  if (auto joined = join(fd.get(), options); !joined) return std::unexpected(joined.error());
  return Monitor(std::move(fd), options);
}

Status Monitor::set_route_rules(const std::vector<RouteRule>& rules, bool other_routes) {
  options_.route_rules = rules;
  options_.other_routes = other_routes;
  return attach(fd_.get(), options_);
}

/// The filter first, as in open(); membership is the kernel's to keep or to drop whatever was before.
Status Monitor::hear_neighbors(HeardNeighbors which) {
  options_.neighbors = which;
  TRY(attach(fd_.get(), options_));
  const int group = RTNLGRP_NEIGH;
  const int verb = which == HeardNeighbors::None ? NETLINK_DROP_MEMBERSHIP : NETLINK_ADD_MEMBERSHIP;
  if (::setsockopt(fd_.get(), SOL_NETLINK, verb, &group, sizeof group) != 0)
    return sys_fail("join or leave the events of neighbour entries");
  return ok();
}

Result<Monitor::Outcome> Monitor::read(std::size_t datagrams, const std::function<void(const Event&)>& each) {
  for (std::size_t i = 0; i < datagrams; ++i) {
    const auto n = ::recv(fd_.get(), in_.data(), in_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return Outcome::Empty;
    const bool cut_off = n > static_cast<ssize_t>(in_.size());
    if (cut_off || (n < 0 && errno == ENOBUFS)) {
      if (auto drained = drain(); !drained) return std::unexpected(drained.error());
      return Outcome::Overrun;
    }
    if (n < 0) return sys_fail("read the kernel's events");
    int left = static_cast<int>(n);
    for (const auto* m = reinterpret_cast<const nlmsghdr*>(in_.data()); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left))
      if (decode(*m, event_)) each(event_);
  }
  return Outcome::More;
}

/// What waits is older than what was lost: applied behind the dump that follows, it could bring back what is gone.
Status Monitor::drain() {
  std::uint8_t byte = 0;
  for (std::size_t i = 0; i < kDrainLimit; ++i) {
    if (::recv(fd_.get(), &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) >= 0) continue;
    if (errno == EAGAIN) return ok();
    if (errno != EINTR && errno != ENOBUFS) return sys_fail("drain the kernel's events");
  }
  return fail(11, "the kernel's events come faster than they can be thrown away");
}

}  // namespace slash32::netlink
