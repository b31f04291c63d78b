// Two Peers, the TCP connections between them and a clock turned by hand. Connections are pairs of queues; what is in
// them arrives in order, but which of several queues moves next is the schedule's choice, so that every interleaving of
// a simultaneous open can be played.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "bgpd/peer/peer.h"

namespace slash32::bgp::testing {

inline double half(void*) { return 0.5; }
/// Two speakers never throw the same dice; with the same jitter they would collide again at every attempt.
inline double little(void*) { return 0.1; }

inline PeerSettings settings_of(std::uint32_t as, std::uint32_t id, std::uint32_t remote_as) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.remote_as = Asn{remote_as};
  s.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  return s;
}

/// One speaker and what its Peer said.
struct Side {
  explicit Side(PeerSettings s, Random random = half) : peer(std::make_unique<Peer>(std::move(s), random, nullptr)) {}
  std::unique_ptr<Peer> peer;
  bool reachable = true;  // takes TCP connections
  std::vector<act::SessionUp> ups;
  std::vector<act::SessionDown> downs;
  std::vector<act::StaleExpired> expired;
  std::vector<act::LongLivedStale> long_lived;
  std::vector<act::UpdateReceived> updates;
  std::vector<act::RefreshReceived> refreshes;
  std::vector<Action> recorded;  // MessageRecorded and StateRecorded, in order
  int connects = 0;
};

class World {
 public:
  World(PeerSettings a, PeerSettings b) {
    sides.emplace_back(std::move(a));
    sides.emplace_back(std::move(b), little);
  }

  /// Which of `ready` queues moves next; the default is the first.
  std::function<std::size_t(std::size_t ready)> choose = [](std::size_t) { return std::size_t{0}; };

  Side& a() { return sides[0]; }
  Side& b() { return sides[1]; }

  void start() {
    perform(0, a().peer->start(now));
    perform(1, b().peer->start(now));
  }

  /// Does what a Peer of side `s` asked for.
  void perform(std::size_t s, const Actions& actions) {
    for (const Action& action : actions) std::visit([&](const auto& a) { on(s, a); }, action);
  }

  /// Moves everything that is under way, at this very instant.
  void settle() {
    for (int steps = 0; steps < 100000; ++steps) {
      std::vector<std::function<void()>> ready = movable();
      if (ready.empty()) return;
      ready[choose(ready.size()) % ready.size()]();
    }
    stuck = true;
  }

  /// Turns the clock, stopping at every deadline.
  void run_for(Duration d) {
    const Instant end = now + d;
    settle();
    for (int steps = 0; steps < 100000; ++steps) {
      std::optional<Instant> next;
      for (const Side& side : sides)
        if (const auto at = side.peer->next_deadline(); at && (!next || *at < *next)) next = at;
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (std::size_t s = 0; s < sides.size(); ++s) perform(s, sides[s].peer->on_time(now));
      settle();
    }
    now = end;
  }

  /// Every TCP connection breaks, noticed by side `s` only, or by both.
  void cut(std::optional<std::size_t> only = {}) {
    auto gone = std::exchange(links, {});
    for (Link& link : gone)
      for (std::size_t s = 0; s < 2; ++s)
        if (link.known[s] && (!only || *only == s))
          perform(s, sides[s].peer->on_closed(link.id[s], "reset by peer", now));
  }

  bool both_established() const {
    return sides[0].peer->status().state == PeerState::Established &&
           sides[1].peer->status().state == PeerState::Established;
  }
  /// The established sessions of both sides are the two ends of one connection, and it is the only one.
  bool one_shared_connection() const {
    if (!both_established() || links.size() != 1) return false;
    return links[0].id[0] == sides[0].peer->status().session->connection &&
           links[0].id[1] == sides[1].peer->status().session->connection;
  }

  struct Item {
    std::vector<std::uint8_t> bytes;
    bool close = false;
  };
  struct Link {
    std::size_t opener = 0;
    ConnectionId id[2] = {0, 0};
    bool known[2] = {false, false};  // the side has it and has not closed it
    bool refused = false;
    bool confirmed = false;     // the opener knows that it is there
    std::deque<Item> queue[2];  // towards side 0, side 1
  };

  std::vector<Side> sides;
  std::deque<Link> links;
  Instant now{Seconds{1000}};
  bool stuck = false;

 private:
  std::vector<std::function<void()>> movable() {
    std::erase_if(links, [](const Link& l) { return !l.known[0] && !l.known[1]; });
    std::vector<std::function<void()>> out;
    for (Link& l : links) {
      const std::size_t other = 1 - l.opener;
      if (l.id[other] == 0 && !l.refused) out.push_back([this, &l] { arrive(l); });
      if (!l.confirmed && l.known[l.opener] && (l.id[other] != 0 || l.refused))
        out.push_back([this, &l] { confirm(l); });
      for (std::size_t s = 0; s < 2; ++s)
        if (l.known[s] && !l.queue[s].empty() && (s != l.opener || l.confirmed))
          out.push_back([this, &l, s] { deliver(l, s); });
    }
    return out;
  }

  void arrive(Link& l) {
    const std::size_t other = 1 - l.opener;
    if (!sides[other].reachable) {
      l.refused = true;
      return;
    }
    auto [id, actions] = sides[other].peer->on_accepted(now);
    l.id[other] = id;
    l.known[other] = true;
    if (!l.known[l.opener]) l.queue[other].push_back({{}, true});
    perform(other, actions);
  }

  void confirm(Link& l) {
    l.confirmed = true;
    const std::size_t s = l.opener;
    if (l.refused) {
      l.known[s] = false;
      perform(s, sides[s].peer->on_connect_failed(l.id[s], "connection refused", now));
    } else {
      perform(s, sides[s].peer->on_connected(l.id[s], now));
    }
  }

  void deliver(Link& l, std::size_t s) {
    const Item item = l.queue[s].front();
    l.queue[s].pop_front();
    const ConnectionId id = l.id[s];
    if (item.close) {
      l.known[s] = false;
      perform(s, sides[s].peer->on_closed(id, "closed by peer", now));
    } else {
      perform(s, sides[s].peer->on_bytes(id, item.bytes, now));
    }
  }

  Link* link_of(std::size_t s, ConnectionId id) {
    for (Link& l : links)
      if (l.known[s] && l.id[s] == id) return &l;
    return nullptr;
  }

  void on(std::size_t s, const act::Connect& a) {
    ++sides[s].connects;
    Link l;
    l.opener = s;
    l.id[s] = a.id;
    l.known[s] = true;
    links.push_back(std::move(l));
  }
  void on(std::size_t s, const act::Send& a) {
    if (Link* l = link_of(s, a.id)) l->queue[1 - s].push_back({a.bytes, false});
  }
  void on(std::size_t s, const act::Close& a) {
    Link* l = link_of(s, a.id);
    if (l == nullptr) return;
    l->known[s] = false;
    l->queue[1 - s].push_back({{}, true});
    if (l->opener == s && l->id[1 - s] == 0) l->refused = true;  // never arrived anywhere
  }
  void on(std::size_t s, const act::SessionUp& a) { sides[s].ups.push_back(a); }
  void on(std::size_t s, const act::SessionDown& a) { sides[s].downs.push_back(a); }
  void on(std::size_t s, const act::StaleExpired& a) { sides[s].expired.push_back(a); }
  void on(std::size_t s, const act::MessageRecorded& a) { sides[s].recorded.emplace_back(a); }
  void on(std::size_t s, const act::StateRecorded& a) { sides[s].recorded.emplace_back(a); }
  void on(std::size_t s, const act::LongLivedStale& a) { sides[s].long_lived.push_back(a); }
  void on(std::size_t s, const act::UpdateReceived& a) { sides[s].updates.push_back(a); }
  void on(std::size_t s, const act::RefreshReceived& a) { sides[s].refreshes.push_back(a); }
};

}  // namespace slash32::bgp::testing
