#include "bgpd/transport/neighbor_session.h"

#include <algorithm>
#include <random>
#include <utility>

#include "bgpd/peer/recorded.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kChunk = 64 << 10;    // of UPDATEs at a time: a keepalive waits for no more than this
constexpr std::size_t kMaxConnections = 4;  // of one neighbour at a time; RFC 4271 section 6.8 needs two
constexpr long kMaxSockets = 16;            // of one neighbour, with those that only wait for the other side's FIN
constexpr Seconds kConnectTimeout{5};       // far below TCP's own two minutes

double chance(void*) {
  static std::mt19937_64 engine{std::random_device{}()};  // timer jitter only (RFC 4271 section 10)
  return std::uniform_real_distribution<double>{0, 1}(engine);
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

NeighborSession::NeighborSession(Loop& loop, PeerSettings settings, Endpoint remote, SocketOptions options,
                                 SessionEvents events)
    : loop_(loop),
      peer_(std::move(settings), chance, nullptr),
      remote_(remote),
      options_(std::move(options)),
      events_(std::move(events)),
      timer_(loop),
      send_hold_(loop) {}

NeighborSession::~NeighborSession() = default;

void NeighborSession::start() { carry_out(peer_.start(loop_.now())); }
void NeighborSession::stop(Notification cease) { carry_out(peer_.stop(loop_.now(), std::move(cease))); }
void NeighborSession::close_for_restart() { carry_out(peer_.close_for_restart(loop_.now())); }

void NeighborSession::bfd_down(const std::string& why) { carry_out(peer_.on_bfd_down(why, loop_.now())); }

void NeighborSession::accept(UniqueFd fd) {
  const auto refused_for = [this](std::string_view reason, const std::string& why) {
    if (events_.call_refused) events_.call_refused(reason, why);
  };
  // Closed by the guard: a neighbour has no use for so many.
  if (connections_.size() >= kMaxConnections || sockets_.use_count() > kMaxSockets)
    return refused_for("tooMany", "it has " + std::to_string(connections_.size()) + " connections and " +
                                      std::to_string(sockets_.use_count() - 1) + " sockets already");
  if (const auto good = apply_options(fd.get(), remote_.address.family(), options_); !good) {
    return refused_for("socketOptions", good.error().message);
  }
  auto [id, actions] = peer_.on_accepted(loop_.now());
  const auto* refused = actions.empty() ? nullptr : std::get_if<act::Close>(&actions.front());
  if (refused && refused->id == id) {  // closed at once: no FIN is waited for
    refused_for("notNow", "");
    return carry_out(std::move(actions));
  }
  connections_.emplace(id, TcpConnection::adopt(loop_, std::move(fd), events_for(id)));
  keys_[id] = options_.keys;  // the listener's
  connected_.insert(id);
  carry_out(std::move(actions));
}

void NeighborSession::request_refresh(AddressFamily family) { carry_out(peer_.request_refresh(family, loop_.now())); }
void NeighborSession::note_end_of_rib(AddressFamily family) { peer_.note_end_of_rib(family); }
Status NeighborSession::set_keys(const TcpKeys& keys, const std::optional<Prefix>& range) {
  options_.keys = keys;
  Status all = ok();
  for (const auto& [id, connection] : connections_) {
    auto& known = keys_[id];
    if (connection.fd() < 0 || known == keys) continue;
    if (auto good = change_tcp_keys(connection.fd(), Prefix::host(remote_.address), known, keys, range); !good)
      all = std::move(good);
  }
  return all;
}
void NeighborSession::set_restarting(bool restarting, std::vector<AddressFamily> preserved) {
  peer_.set_restarting(restarting, std::move(preserved));
}

void NeighborSession::set_recording(bool on, bool sent) {
  peer_.set_recording(on);
  recording_sent_ = on && sent;
}

void NeighborSession::record_sent(std::span<const std::uint8_t> messages) {
  const auto session = peer_.status().session;
  if (!session || !events_.message_recorded) return;
  for (const auto& message : recorded_as_sent(*session, messages)) events_.message_recorded(message);
}

std::size_t NeighborSession::queued() const {
  const auto found = connections_.find(established_);
  return found == connections_.end() ? 0 : found->second.queued();
}

PeerTimers NeighborSession::timers() const {
  auto out = peer_.timers();
  out.send_hold = send_hold_.due();
  return out;
}

void NeighborSession::pull() {
  const auto found = connections_.find(established_);
  if (found == connections_.end() || found->second.queued() > 0) return;
  auto output = events_.output(kChunk);
  if (output.bytes.empty()) {
    send_hold_.cancel();
    return;
  }
  if (recording_sent_) record_sent(output.bytes);
  found->second.send(std::move(output.bytes));
  peer_.note_update_sent(loop_.now(), output.messages);
  arm();
  // RFC 9687: a peer that takes nothing while we have something to say is as good as gone.
  send_hold_.after(send_hold_time(), [this] { send_hold_expired(); });
}

Seconds NeighborSession::send_hold_time() const {
  return std::max(peer_.settings().send_hold_time, peer_.hold_time() * 2);
}

/// The session ends now. The NOTIFICATION stands behind all that was not taken: a peer that reads again at the last
/// moment still gets it; nothing of ours waits for that, and the end is a RST.
void NeighborSession::send_hold_expired() {
  if (const auto found = connections_.find(established_); found != connections_.end()) found->second.reset_at_end();
  carry_out(peer_.on_send_hold_expired(loop_.now()));
}

void NeighborSession::forget(ConnectionId id) {
  connections_.erase(id);
  connected_.erase(id);
  keys_.erase(id);
}

void NeighborSession::abandon(ConnectionId id, const std::string& why) {
  if (const auto found = connections_.find(id); found != connections_.end()) {
    found->second.abort();
    forget(id);
  }
  carry_out(peer_.on_closed(id, why, loop_.now()));
}

TcpConnection::Events NeighborSession::events_for(ConnectionId id) {
  return {
      .connected =
          [this, id] {
            connected_.insert(id);
            carry_out(peer_.on_connected(id, loop_.now()));
          },
      .bytes = [this, id](std::span<const std::uint8_t> bytes) { carry_out(peer_.on_bytes(id, bytes, loop_.now())); },
      .closed =
          [this, id](const std::string& why) {
            const auto found = connections_.find(id);
            const bool was_up = found != connections_.end() && connected_.contains(id);
            forget(id);
            carry_out(was_up ? peer_.on_closed(id, why, loop_.now()) : peer_.on_connect_failed(id, why, loop_.now()));
          },
      .drained =
          [this, id] {
            if (id == established_) pull();
          },
      .token = sockets_};
}

void NeighborSession::connect(ConnectionId id) {
  log::debug("connecting", {{"to", to_string(remote_)}});
  connections_.emplace(id, TcpConnection::connect(loop_, remote_, options_, kConnectTimeout, events_for(id)));
  keys_[id] = options_.keys;
}

void NeighborSession::session_up(const Session& session) {
  established_ = session.connection;
  const auto found = connections_.find(established_);
  if (found == connections_.end()) return;  // it went while this action waited; SessionDown is behind us
  const auto local = local_endpoint(found->second.fd());
  if (!local) return abandon(established_, local.error().message);
  // Behind RFC 9687's timer, which has something to say: to the kernel a window that stays shut is as bad as silence,
  // and it gives up without a word. A path that is dead is the hold timer's.
  if (const auto good = set_user_timeout(found->second.fd(), send_hold_time() * 5 / 4); !good)
    log::warn("session keeps the timeout of its connection attempt", {{"why", good.error().message}});
  events_.up(session, *local);
}

void NeighborSession::run_one(Action& action) {
  std::visit(Overloaded{
                 [&](act::Connect& a) { connect(a.id); },
                 [&](act::Send& a) {
                   if (const auto found = connections_.find(a.id); found != connections_.end())
                     found->second.send(std::move(a.bytes));
                 },
                 [&](act::Close& a) {
                   forget(a.id);  // flushes first
                 },
                 [&](act::SessionUp& a) { session_up(a.session); },
                 [&](act::SessionDown& a) {
                   established_ = 0;
                   send_hold_.cancel();
                   events_.down(a);
                 },
                 [&](act::StaleExpired& a) { events_.stale_expired(a.families); },
                 [&](act::LongLivedStale& a) { events_.long_lived_stale(a.families); },
                 [&](act::UpdateReceived& a) { events_.update(a.update); },
                 [&](act::RefreshReceived& a) { events_.refresh(a.refresh); },
                 [&](act::MessageRecorded& a) {
                   if (events_.message_recorded) events_.message_recorded(a);
                 },
                 [&](act::StateRecorded& a) {
                   if (events_.state_recorded) events_.state_recorded(a);
                 },
             },
             action);
}

/// Actions are carried out in the order they were given, also those that a callback provokes meanwhile.
void NeighborSession::carry_out(Actions actions) {
  if (carrying_out_) {
    std::ranges::move(actions, std::back_inserter(actions_));
    return;
  }
  carrying_out_ = true;
  for (Action& action : actions) run_one(action);
  while (!actions_.empty()) {
    Action next = std::move(actions_.front());
    actions_.pop_front();
    run_one(next);
  }
  carrying_out_ = false;
  arm();
  notice();
}

void NeighborSession::notice() {
  if (!events_.noticed || (peer_.state() == noticed_.state && peer_.last_errors() == noticed_.errors)) return;
  const auto before = std::exchange(noticed_, {peer_.state(), peer_.last_errors()});
  events_.noticed(before, noticed_);
}

void NeighborSession::arm() {
  const auto deadline = peer_.next_deadline();
  if (!deadline) return timer_.cancel();
  timer_.at(*deadline, [this] { carry_out(peer_.on_time(loop_.now())); });
}

}  // namespace slash32::bgp
