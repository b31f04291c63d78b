#include "bgpd/discovery.h"

#include <net/if.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "bgpd/ndp/packet.h"
#include "bgpd/ndp/schedule.h"
#include "bgpd/ndp/socket.h"
#include "common/fd.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kRetry{1};       // a link that is not there, or has no IPv6 yet
constexpr int kPacketsATurn = 16;  // a flood of them must not starve the sessions
constexpr int kNoLink = 0;

double chance() {
  static std::mt19937_64 engine{std::random_device{}()};  // timer jitter only (RFC 4861 section 6.2.4)
  return std::uniform_real_distribution<double>{0, 1}(engine);
}

IfIndex index_of_link(const std::string& interface) {
  return IfIndex{static_cast<int>(::if_nametoindex(interface.c_str()))};
}

}  // namespace

struct Discovery::Link {
  Link(Loop& loop, std::string interface) : name(std::move(interface)), timer(loop) {}

  std::string name;
  IfIndex index{kNoLink};
  UniqueFd fd;  // none: in trouble
  std::optional<FdWatch> watch;
  LoopTimer timer;
  ndp::Schedule schedule;
  std::optional<std::string> told;  // the trouble, as told last
};

Discovery::Discovery(Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
Discovery::~Discovery() = default;

void Discovery::watch(const std::set<std::string>& interfaces) {
  std::erase_if(links_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
  for (const auto& name : interfaces) {
    auto& link = links_[name];
    if (link) continue;
    link = std::make_unique<Link>(loop_, name);
    open(*link);
  }
}

void Discovery::links_changed(const std::vector<IfIndex>& links) {
  for (auto& [name, link] : links_) {
    const IfIndex now = index_of_link(name);
    if (!link->fd || now != link->index) {
      if (link->fd || now != IfIndex{kNoLink}) open(*link);
    } else if (std::ranges::find(links, now) != links.end()) {
      link->schedule.begin(loop_.now(), chance());
      plan(*link);
    }
  }
}

void Discovery::tell(Link& link, const std::string& why) {
  if (link.told == why) return;
  link.told = why;
  events_.trouble(link.name, why);
}

/// Also again, where the link is another one by that name.
void Discovery::open(Link& link) {
  link.watch.reset();
  link.fd = UniqueFd{};
  link.index = index_of_link(link.name);
  auto fd = link.index == IfIndex{kNoLink} ? Result<UniqueFd>{fail(5, "interface " + link.name + ": there is none")}
                                           : ndp::open_socket(link.name, link.index);
  if (!fd) {
    link.timer.after(kRetry, [this, &link] { open(link); });
    return tell(link, fd.error().message);
  }
  link.fd = *std::move(fd);
  link.watch.emplace(loop_, link.fd.get(), [this, &link] { read(link); });
  link.schedule = {};
  link.schedule.begin(loop_.now(), chance());
  plan(link);
  tell(link, "");
}

void Discovery::plan(Link& link) {
  if (const auto& next = link.schedule.next()) link.timer.at(*next, [this, &link] { advertise(link); });
}

void Discovery::advertise(Link& link) {
  if (index_of_link(link.name) != link.index) return open(link);
  auto sent = ndp::send_advertisement(link.fd.get(), link.index, ndp::encode_advertisement());
  if (sent && link.schedule.take_solicitation())
    sent = ndp::send_solicitation(link.fd.get(), link.index, ndp::encode_solicitation());
  link.schedule.sent(loop_.now(), chance());
  if (!sent) {  // down, or no link-local address yet: soon again, for somebody waits
    tell(link, "interface " + link.name + ": " + sent.error().message);
    return link.timer.after(kRetry, [this, &link] { advertise(link); });
  }
  plan(link);
  tell(link, "");
}

void Discovery::read(Link& link) {
  for (int i = 0; i < kPacketsATurn; ++i) {
    const auto datagram = ndp::receive(link.fd.get());
    if (!datagram) {  // the link is gone: open() says so
      open(link);
      return;
    }
    if (!*datagram) return;
    const auto& [message, source, hop_limit] = **datagram;
    const auto kind = ndp::decode({.message = message, .source = source, .hop_limit = hop_limit});
    if (!kind) {
      log::debug("not a router's", {{"interface", link.name}, {"why", kind.error().message}});
    } else if (*kind == ndp::Kind::Solicitation) {
      link.schedule.solicited(loop_.now(), chance());
      plan(link);
    } else {
      link.schedule.heard();
      events_.heard(link.name, source);
    }
  }
}

}  // namespace slash32::bgp
