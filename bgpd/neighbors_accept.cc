// Connections that come in: of configured neighbours, and of ranges, whose neighbours are made by calling.
#include <net/if.h>

#include <algorithm>
#include <utility>

#include "bgpd/conf_changes.h"
#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kDynamicPatience{30};

bool is_of_link(const IpAddress& address) { return address.is_v6() && address.is_link_local(); }

/// The name of the link that a link-local address came from; empty: it is gone, or it is no such address.
std::string link_of(const Endpoint& remote) {
  char name[IF_NAMESIZE] = {};
  if (!is_of_link(remote.address) || ::if_indextoname(static_cast<unsigned>(remote.link.value), name) == nullptr)
    return {};
  return name;
}

/// Why a connection is not where the neighbour's own settings say it is: ours are bound there as well. Empty: it is.
std::string misplaced(int fd, const config::NeighborConf& conf, const Endpoint& local) {
  if (conf.local_address && conf.local_address != local.address)
    return "called " + local.address.to_string() + ", not localAddress " + conf.local_address->to_string();
  if (!conf.bind_interface || is_of_link(local.address)) return {};  // a link-local one's link is part of the address
  const auto link = ingress_link(fd, local.address.family());
  if (!link) return link.error().message;
  char name[IF_NAMESIZE] = {};
  if (::if_indextoname(static_cast<unsigned>(link->value), name) == nullptr) return "came by a link that is gone";
  return name == *conf.bind_interface ? "" : "came by " + std::string(name) + ", not " + *conf.bind_interface;
}

}  // namespace

void Neighbors::accepted(UniqueFd fd, const Endpoint& remote, const Endpoint& local) {
  if (ending_) return;
  for (auto& [id, neighbor] : neighbors_) {
    if (neighbor->conf.address != remote.address) continue;
    if (is_of_link(remote.address) && neighbor->conf.bind_interface != link_of(remote)) continue;
    if (auto why = misplaced(fd.get(), neighbor->conf, local); !why.empty()) {
      ++neighbor->misplaced_calls;
      refuse("misplaced", neighbor->conf.name, why);
      neighbor->last_misplaced_call = std::move(why);
    } else if (neighbor->session && neighbor->held.empty()) {
      neighbor->session->accept(std::move(fd));
    } else {
      ++refused_calls_["held"];  // closed without a word: the status has why
    }
    return;
  }
  accept_dynamic(std::move(fd), remote, local);
}

void Neighbors::accept_dynamic(UniqueFd fd, const Endpoint& remote, const Endpoint& local) {
  const config::DynamicNeighborConf* best = nullptr;
  for (const auto& dynamic : conf_.dynamic_neighbors)
    if (dynamic.range.contains(remote.address) && (!best || dynamic.range.length() > best->range.length()))
      best = &dynamic;
  if (!best || !best->settings.enabled) {  // nobody we know: closed, no memory spent on it
    ++refused_calls_["unknown"];
    return;
  }
  if (held_ranges_.contains(best->range)) {  // without a key anybody could be there
    ++refused_calls_["held"];
    return;
  }
  const std::string whose = best->range.to_string();
  const std::string from = remote.address.to_string();
  const auto link = link_of(remote);
  if (is_of_link(remote.address) && (link.empty() || best->settings.bind_interface.value_or(link) != link)) {
    refuse("misplaced", whose,
           from + " came by " + (link.empty() ? "a link that is gone" : link + ", not bindInterface"));
    return;
  }
  if (const auto why = misplaced(fd.get(), best->settings, local); !why.empty()) {
    refuse("misplaced", whose, from + " " + why);
    return;
  }
  if (places_taken(best->range) >= best->limit) {
    refuse("rangeFull", whose, from + ": the range is full, with " + std::to_string(best->limit));
    return;
  }
  auto conf = neighbor_of(*best, remote.address, link);
  if (const auto good = check_connected(conf); !good) {
    refuse("notConnected", whose, good.error().message);
    return;
  }
  auto& neighbor = add(std::move(conf));
  neighbor.range = best->range;
  start(neighbor);
  if (neighbor.session) neighbor.session->accept(std::move(fd));
  const auto patience = kDynamicPatience + neighbor.conf.delay_open;
  neighbor.retry.after(patience, [this, id = neighbor.id] {  // whoever says nothing must not hold a place
    if (const auto found = neighbors_.find(id); found != neighbors_.end() && !found->second->was_up)
      remove(id, cease_with_text(cease::kConnectionRejected, ""));
  });
}

void Neighbors::refuse(std::string_view reason, const std::string& whose, const std::string& why) {
  ++refused_calls_[reason];
  if (!why.empty()) say(refusals_, whose, why, 1);
}

void Neighbors::say(LogLimit& limit, const std::string& whose, const std::string& why, std::uint64_t times) {
  const auto what = &limit == &refusals_ ? "incoming connection refused" : "routes not sent";
  if (limit.pass(whose, why, deps_.loop->now(), times))
    log::warn(what, {{"peer", whose}, {"why", why}, {"times", std::to_string(times)}});
  if (!say_again_.due()) say_again();
}

/// Arms the timer for what was kept back, having said what is due.
void Neighbors::say_again() {
  const auto now = deps_.loop->now();
  for (const auto& line : refusals_.take_due(now))
    log::warn("incoming connections refused",
              {{"peer", line.key}, {"times", std::to_string(line.times)}, {"last", line.text}});
  for (const auto& line : too_long_.take_due(now))
    log::warn("routes not sent", {{"peer", line.key}, {"times", std::to_string(line.times)}, {"why", line.text}});
  std::optional<Instant> next = refusals_.deadline();
  if (const auto other = too_long_.deadline(); other && (!next || *other < *next)) next = other;
  if (next && !ending_)
    say_again_.at(*next, [this] { say_again(); });
  else
    say_again_.cancel();
}

void Neighbors::tell_too_long() {
  for (auto& [id, neighbor] : neighbors_) {
    std::uint64_t all = 0;
    if (neighbor->up)
      for (const auto family : neighbor->up->families) all += deps_.rib->counts(id, family).too_long;
    if (all > neighbor->too_long_told)
      say(too_long_, neighbor->range ? neighbor->range->to_string() : neighbor->conf.name,
          "their attributes are too long for a message (RFC 4271 section 9.2)", all - neighbor->too_long_told);
    neighbor->too_long_told = all;
  }
}

/// When the last of what is left of a neighbour ends, where that is only long-lived stale routes (RFC 9494); nothing
/// for one in its restart time (RFC 4724), and for one on its way back.
std::optional<Instant> Neighbors::end_of_long_life(const Neighbor& neighbor) {
  if (neighbor.up || !neighbor.held.empty() || !neighbor.session) return std::nullopt;
  const auto status = neighbor.session->status();
  const bool only = !status.stale.empty() && std::ranges::all_of(status.stale, &PeerStatus::Stale::long_lived);
  if (!only || status.state >= PeerState::OpenSent) return std::nullopt;
  Instant end{};
  for (const auto& one : status.stale) end = std::max(end, one.until.value_or(end));
  return end;
}

/// Days of long-lived stale routes must not keep the living out of their range: who has nothing else takes no place …
std::uint32_t Neighbors::places_taken(const Prefix& range) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      neighbors_, [&](const auto& entry) { return entry.second->range == range && !end_of_long_life(*entry.second); }));
}

/// … and goes, of several the one whose time ends first, when somebody is Established in a range that is full by now.
/// Not before: a call alone, from whoever it is, takes no routes away.
void Neighbors::make_room(const Prefix& range) {
  const auto conf = std::ranges::find(conf_.dynamic_neighbors, range, &config::DynamicNeighborConf::range);
  const auto all = std::ranges::count_if(neighbors_, [&](const auto& entry) { return entry.second->range == range; });
  if (conf == conf_.dynamic_neighbors.end() || static_cast<std::uint32_t>(all) <= conf->limit) return;
  const Neighbor* least = nullptr;
  std::optional<Instant> its_end;
  for (const auto& [id, neighbor] : neighbors_) {
    const auto end = neighbor->range == range ? end_of_long_life(*neighbor) : std::nullopt;
    if (!end || (its_end && *its_end <= *end)) continue;
    least = neighbor.get();
    its_end = end;
  }
  if (!least) return;
  log::warn("range is full: long-lived stale routes make room",
            {{"range", range.to_string()}, {"of", least->conf.name}});
  remove(least->id, cease_with_text(cease::kPeerDeconfigured, ""));
}

void Neighbors::drop_dynamic_later(PeerId id) {
  deps_.loop->post([this, id] {
    const auto found = neighbors_.find(id);
    if (found == neighbors_.end() || found->second->up) return;
    if (!found->second->held.empty()) return;  // it rests (maxPrefixes); gone, it would be back at once
    remove(id, cease_with_text(cease::kPeerDeconfigured, ""));
  });
}

}  // namespace slash32::bgp
