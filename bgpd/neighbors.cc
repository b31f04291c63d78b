#include "bgpd/neighbors.h"

#include <algorithm>
#include <utility>

#include "bgpd/conf_changes.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/fd.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kKeyRetry{5};  // a missing password file is looked for again

/// The key in a file: its first line, without the line end. `what` is the setting that names the file.
Result<std::string> read_key(const std::string& what, const std::string& path) {
  auto text = read_file(path);
  if (!text) return fail(in(what, std::move(text).error()));
  auto key = text->substr(0, text->find_first_of("\r\n"));
  if (key.empty()) return fail(7, what + ": " + path + " is empty");
  if (key.size() > kMaxTcpKey)
    return fail(7, what + ": " + path + ": a key has at most " + std::to_string(kMaxTcpKey) + " octets");
  return key;
}

/// What the neighbour's connections are signed with. Error: the kernel has no TCP-AO, or a key cannot be had.
Result<TcpKeys> read_keys(const config::NeighborConf& conf) {
  TcpKeys out;
  if (conf.password_file) out.md5 = TRY(read_key("passwordFile", *conf.password_file));
  if (!conf.tcp_ao.empty()) TRY(tcp_ao_is_there());
  for (const auto& one : conf.tcp_ao)
    out.ao.push_back({one.send_id, one.receive_id, one.algorithm, TRY(read_key("tcpAo", one.key_file))});
  return out;
}

}  // namespace

Neighbors::Neighbors(Deps deps, std::optional<std::vector<AddressFamily>> preserved)
    : deps_(std::move(deps)), preserved_(std::move(preserved)), range_retry_(*deps_.loop), say_again_(*deps_.loop) {}
Neighbors::~Neighbors() = default;

// ---------------------------------------------------------------- configuration as a difference

void Neighbors::configure(const config::BgpdConf& conf, RouterId id) {
  const auto old_conf = std::exchange(conf_, conf);
  const auto old_id = std::exchange(id_, id);
  auto wishes = conf.neighbors;
  std::vector<PeerId> gone, off, reset;
  std::set<config::NeighborKey> kept;
  for (auto& [peer, neighbor] : neighbors_) {
    if (neighbor->range) continue;
    auto wanted = std::ranges::find(wishes, config::key_of(neighbor->conf), config::key_of);
    if (wanted != wishes.end()) wanted->address = neighbor->conf.address;  // an unnumbered one keeps what it found
    if (wanted == wishes.end()) {
      gone.push_back(peer);
    } else if (neighbor->conf.enabled && !wanted->enabled) {
      off.push_back(peer);
    } else if (!reset_keys(old_conf, old_id, neighbor->conf, conf, id, *wanted).empty()) {
      reset.push_back(peer);
    } else {
      kept.insert(config::key_of(*wanted));
      apply_live(*neighbor, *wanted);
    }
  }
  for (const auto peer : gone) remove(peer, cease_with_text(cease::kPeerDeconfigured, ""));
  for (const auto peer : off) remove(peer, cease_with_text(cease::kAdministrativeShutdown, "disabled"));
  for (const auto peer : reset) remove(peer, cease_with_text(cease::kOtherConfigurationChange, ""));
  configure_ranges(old_conf, old_id);
  forget_drained();
  for (const auto& wanted : conf.neighbors)
    if (!kept.contains(config::key_of(wanted))) start(add(wanted));
  expect_end_of_rib();
  discover();
}

ListenKeys Neighbors::listen_keys(const config::BgpdConf& conf) const {
  ListenKeys out;
  const auto add = [&](const Prefix& peer, const config::NeighborConf& wanted, const TcpKeys& in_use) {
    const auto keys = read_keys(wanted);
    if (keys || !in_use.empty()) out[peer] = keys.value_or(in_use);
  };
  for (const auto& wanted : conf.neighbors) {
    if (!has_keys(wanted)) continue;
    const auto known = std::ranges::find_if(neighbors_, [&](const auto& entry) {
      return !entry.second->range && config::key_of(entry.second->conf) == config::key_of(wanted);
    });
    const auto& address = known == neighbors_.end() ? wanted.address : known->second->conf.address;
    if (address.is_unspecified()) continue;  // not found yet: nobody is accepted from there
    add(Prefix::host(address), wanted, known == neighbors_.end() ? TcpKeys{} : known->second->keys);
  }
  for (const auto& dynamic : conf.dynamic_neighbors) {
    if (!has_keys(dynamic.settings)) continue;
    const auto known = range_keys_.find(dynamic.range);
    add(dynamic.range, dynamic.settings, known == range_keys_.end() ? TcpKeys{} : known->second);
  }
  return out;
}

/// Dynamic neighbours follow their range as a configured one follows its settings.
void Neighbors::configure_ranges(const config::BgpdConf& old_conf, RouterId old_id) {
  std::vector<PeerId> gone, off, free;
  for (const auto& [peer, neighbor] : neighbors_) {
    if (!neighbor->range) continue;
    const auto same_range = [&range = *neighbor->range](const auto& dynamic) { return dynamic.range == range; };
    const auto before = std::ranges::find_if(old_conf.dynamic_neighbors, same_range);
    const auto now = std::ranges::find_if(conf_.dynamic_neighbors, same_range);
    if (now != conf_.dynamic_neighbors.end() && !now->settings.enabled) {
      off.push_back(peer);
    } else if (now == conf_.dynamic_neighbors.end() || before == old_conf.dynamic_neighbors.end() ||
               !range_reset_keys(old_conf, old_id, *before, conf_, id_, *now).empty()) {
      gone.push_back(peer);
    } else if (neighbor->over_limit && neighbor->conf.max_prefixes != now->settings.max_prefixes) {
      free.push_back(peer);
    } else {
      const auto& address = neighbor->conf.address;
      const bool of_link = address.is_v6() && address.is_link_local();
      apply_live(*neighbor, neighbor_of(*now, address, of_link ? neighbor->conf.bind_interface.value_or("") : ""));
    }
  }
  for (const auto peer : off) remove(peer, cease_with_text(cease::kAdministrativeShutdown, "disabled"));
  for (const auto peer : free) remove(peer, cease_with_text(cease::kPeerDeconfigured, ""));  // it may call again
  for (const auto peer : gone) remove(peer, cease_with_text(cease::kOtherConfigurationChange, ""));
  const auto keyed = [&](const Prefix& range) {
    return std::ranges::any_of(conf_.dynamic_neighbors, [&](const auto& dynamic) {
      return dynamic.range == range && has_keys(dynamic.settings);
    });
  };
  std::erase_if(range_keys_, [&](const auto& entry) {
    if (keyed(entry.first)) return false;
    const auto removed = deps_.set_listen_keys(entry.first, {});
    if (!removed) log::error("key of a range not removed", {{"why", removed.error().message}});
    return true;
  });
  std::erase_if(held_ranges_, [&](const auto& entry) { return !keyed(entry.first); });
  key_ranges();
}

/// Gives the listeners the key of each range. Without it anybody could call from there (RFC 2385 protects only who has
/// a key), so the range is held: nobody new is accepted, and the key is looked for again.
void Neighbors::key_ranges() {
  range_retry_.cancel();
  if (ending_) return;
  for (const auto& dynamic : conf_.dynamic_neighbors) {
    if (!has_keys(dynamic.settings)) continue;
    const auto good = key_range(dynamic);
    const auto held = held_ranges_.find(dynamic.range);
    if (good) {
      if (held == held_ranges_.end()) continue;
      log::info("range no longer held", {{"range", dynamic.range.to_string()}});
      held_ranges_.erase(held);
    } else if (held == held_ranges_.end() || held->second != good.error().message) {
      log::error("range held", {{"range", dynamic.range.to_string()}, {"why", good.error().message}});
      held_ranges_[dynamic.range] = good.error().message;
    }
  }
  if (!held_ranges_.empty()) range_retry_.after(kKeyRetry, [this] { key_ranges(); });
}

Status Neighbors::key_range(const config::DynamicNeighborConf& dynamic) {
  const auto keys = TRY(read_keys(dynamic.settings));
  range_keys_[dynamic.range] = keys;  // noted first: a listener may have it even where another refuses it
  TRY(deps_.set_listen_keys(dynamic.range, keys));
  for (const auto& [id, neighbor] : neighbors_)
    if (neighbor->range == dynamic.range && neighbor->session)
      if (const auto good = neighbor->session->set_keys(keys, dynamic.range); !good)
        log::error("keys are not as configured", {{"peer", neighbor->conf.name}, {"why", good.error().message}});
  return ok();
}

void Neighbors::apply_live(Neighbor& neighbor, const config::NeighborConf& conf) {
  const bool changed = neighbor.conf != conf;
  const bool other_limit = neighbor.conf.max_prefixes != conf.max_prefixes;
  neighbor.conf = conf;
  look_for(neighbor);
  order_bfd(neighbor);
  if (neighbor.over_limit && other_limit) start(neighbor);
  if (has_keys(conf) && !neighbor.range) rotate_key(neighbor);  // a range's: key_range()
  if (!changed || !neighbor.up) return;
  deps_.rib->peer_changed(neighbor.id, rib_peer_of(neighbor));
  deps_.work();
}

/// New keys, or new ones in the same files: the listener and what is connected take them over; nobody else notices.
void Neighbors::rotate_key(Neighbor& neighbor) {
  if (!neighbor.session) {
    start(neighbor);
    return;
  }
  const auto before = neighbor.keys;
  auto good = take_key(neighbor);
  if (!good) {
    neighbor.keys = before;
    // A listener that is new must not be without it: anybody could call there in the neighbour's name.
    if (const auto set = deps_.set_listen_keys(Prefix::host(neighbor.conf.address), before); !set) {
      neighbor.session->stop(cease_with_text(cease::kOtherConfigurationChange, ""));
      return hold(neighbor, set.error().message, kKeyRetry);
    }
  } else {
    if (neighbor.keys != before) log::info("keys changed", {{"peer", neighbor.conf.name}});
    good = neighbor.session->set_keys(neighbor.keys);
  }
  note_keys(neighbor, good ? "" : good.error().message);
}

/// The session that is up goes on, and what is configured is tried again until it is taken.
void Neighbors::note_keys(Neighbor& neighbor, std::string trouble) {
  if (!trouble.empty() && trouble != neighbor.key_trouble)
    log::error("keys are not as configured", {{"peer", neighbor.conf.name}, {"why", trouble}});
  neighbor.key_trouble = std::move(trouble);
  if (neighbor.key_trouble.empty()) return neighbor.key_retry.cancel();
  neighbor.key_retry.after(kKeyRetry, [this, id = neighbor.id] {
    const auto found = neighbors_.find(id);
    if (found != neighbors_.end() && found->second->session && !ending_) rotate_key(*found->second);
  });
}

Neighbor& Neighbors::add(config::NeighborConf conf) {
  auto neighbor = std::make_unique<Neighbor>(*deps_.loop);
  neighbor->id = next_id_++;
  neighbor->conf = std::move(conf);
  auto& out = *neighbor;
  neighbors_.emplace(out.id, std::move(neighbor));
  return out;
}

void Neighbors::remove(PeerId id, const Notification& cease) {
  const auto found = neighbors_.find(id);
  if (found == neighbors_.end()) return;
  auto& neighbor = *found->second;
  if (neighbor.session) neighbor.session->stop(cease);
  // Who comes back with a key keeps the one there is until then: no moment without.
  const auto comes_back = std::ranges::any_of(conf_.neighbors, [&](const config::NeighborConf& wanted) {
    return config::key_of(wanted) == config::key_of(neighbor.conf) && has_keys(wanted);
  });
  const bool leaves_key = has_keys(neighbor.conf) && !neighbor.range && !comes_back;
  const auto address = neighbor.conf.address;
  if (neighbor.bfd_order) deps_.order_bfd(id, std::nullopt);
  deps_.rib->peer_removed(id);
  deps_.clocks->session_down(id);
  neighbors_.erase(found);
  if (leaves_key) drop_key(address);
  deps_.work();
}

/// Takes the key of `address` off the listeners, unless another neighbour has that address on a link of its own.
void Neighbors::drop_key(const IpAddress& address) {
  const auto has_key = [&](const config::NeighborConf& one) { return one.address == address && has_keys(one); };
  const bool stays =
      std::ranges::any_of(conf_.neighbors, has_key) || std::ranges::any_of(neighbors_, [&](const auto& entry) {
        return !entry.second->range && has_key(entry.second->conf);
      });
  if (!stays)
    (void)deps_.set_listen_keys(Prefix::host(address), {});  // one that stays there is told by the next reload
}

// ---------------------------------------------------------------- starting and holding

Status Neighbors::take_key(Neighbor& neighbor) {
  if (!has_keys(neighbor.conf)) return ok();
  if (neighbor.range) {  // they stand on the listener, and the kernel gave them to the connection that was accepted
    const auto known = range_keys_.find(*neighbor.range);
    if (known != range_keys_.end()) neighbor.keys = known->second;
    return ok();
  }
  neighbor.keys = TRY(read_keys(neighbor.conf));
  // The kernel keeps one key an address, whatever link a link-local one is on.
  for (const auto& [id, other] : neighbors_)
    if (other.get() != &neighbor && !other->range && other->conf.address == neighbor.conf.address &&
        !other->keys.empty() && other->keys != neighbor.keys &&
        (other->conf.password_file != neighbor.conf.password_file || other->conf.tcp_ao != neighbor.conf.tcp_ao))
      return fail(7, (neighbor.conf.password_file ? "passwordFile: " : "tcpAo: ") + other->conf.name +
                         " has the same address and another key");
  return deps_.set_listen_keys(Prefix::host(neighbor.conf.address), neighbor.keys);
}

void Neighbors::hold(Neighbor& neighbor, std::string why, std::optional<Seconds> retry_after) {
  if (neighbor.held != why) log::warn("session held down", {{"peer", neighbor.conf.name}, {"why", why}});
  neighbor.held = std::move(why);
  if (!retry_after) return;
  neighbor.retry.after(*retry_after, [this, id = neighbor.id] {
    const auto found = neighbors_.find(id);
    if (found == neighbors_.end() || ending_) return;
    if (found->second->range) return remove(id, cease_with_text(cease::kPeerDeconfigured, ""));  // it may call again
    start(*found->second);
  });
}

void Neighbors::start(Neighbor& neighbor) {
  neighbor.retry.cancel();
  const auto found = find_router(neighbor);
  const auto connected = check_connected(neighbor.conf);
  const auto off = disabled_.find(config::key_of(neighbor.conf));
  neighbor.off_link = found && neighbor.conf.enabled && off == disabled_.end() && !connected;
  order_bfd(neighbor);
  if (!neighbor.conf.enabled) return hold(neighbor, "disabled by configuration", std::nullopt);
  if (off != disabled_.end()) return hold(neighbor, off->second, std::nullopt);
  if (!found) return hold(neighbor, found.error().message, std::nullopt);
  if (!connected) return hold(neighbor, connected.error().message, std::nullopt);
  if (const auto good = take_key(neighbor); !good) return hold(neighbor, good.error().message, kKeyRetry);
  note_keys(neighbor, "");
  neighbor.held.clear();
  neighbor.over_limit = false;
  if (!neighbor.session) {
    neighbor.session = std::make_unique<NeighborSession>(
        *deps_.loop, peer_settings(conf_, neighbor.conf, id_), Endpoint{neighbor.conf.address, neighbor.conf.port},
        socket_options(conf_, neighbor.conf, neighbor.keys), events_for(neighbor.id));
    // RFC 4724 section 3. The first session of this life says whether we restarted and what survived; later ones come
    // from a daemon that never stopped, whose forwarding state is intact.
    if (preserved_)
      neighbor.session->set_restarting(true, *preserved_);
    else
      neighbor.session->set_restarting(false, {});
    neighbor.session->set_recording(recording_, recording_sent_);
  }
  neighbor.session->start();
}

void Neighbors::expect_end_of_rib() {
  std::set<PeerId> expected;
  for (const auto& [id, neighbor] : neighbors_)
    if (!neighbor->range && neighbor->conf.enabled && neighbor->conf.graceful_restart.enabled) expected.insert(id);
  deps_.clocks->expect(std::move(expected));
}

void Neighbors::restart_over() {
  preserved_.reset();
  for (auto& [id, neighbor] : neighbors_)
    if (neighbor->session && !neighbor->was_up) neighbor->session->set_restarting(false, {});
}

// ---------------------------------------------------------------- ending

void Neighbors::close_for_restart() {
  ending_ = true;
  say_again_.cancel();
  for (auto& [id, neighbor] : neighbors_) {
    if (!neighbor->session) continue;
    if (neighbor->up && neighbor->up->graceful_restart)
      neighbor->session->close_for_restart();
    else
      neighbor->session->stop(cease_with_text(cease::kAdministrativeReset, "restarting"));
  }
}

void Neighbors::leave(const std::string& text) {
  ending_ = true;
  say_again_.cancel();
  for (auto& [id, neighbor] : neighbors_)
    if (neighbor->session) neighbor->session->stop(cease_with_text(cease::kAdministrativeShutdown, text));
}

const Neighbor* Neighbors::find(const std::string& name) const {
  for (const auto& [id, neighbor] : neighbors_)
    if (neighbor->conf.name == name) return neighbor.get();
  return nullptr;
}

std::string Neighbors::name_of(PeerId id) const {
  const auto found = neighbors_.find(id);
  return found == neighbors_.end() ? std::string{} : found->second->conf.name;
}

}  // namespace slash32::bgp
