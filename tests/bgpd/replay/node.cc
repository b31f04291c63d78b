#include "tests/bgpd/replay/node.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "bgpd/wire/header.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/update.h"
#include "common/bytes.h"

namespace slash32::bgp::replay {
namespace {

double always_half(void*) { return 0.5; }

std::string names(const std::vector<AddressFamily>& families) {
  std::string out;
  for (const AddressFamily f : families) out += (out.empty() ? "" : ",") + std::string(to_string(f));
  return out.empty() ? "nothing" : out;
}

std::string text_of(const Open& open) {
  std::string out = "OPEN";
  if (const auto& gr = open.capabilities.graceful_restart) {
    std::vector<AddressFamily> preserved;
    for (const auto& f : gr->families)
      if (f.forwarding_preserved) preserved.push_back(f.family);
    out += gr->restarting ? ", restarting" : "";
    out += ", preserved " + names(preserved);
  }
  for (const AddPathFamily& f : open.capabilities.add_path)
    out += ", " + std::string(to_string(f.family)) + " paths" + (f.receive ? " in" : "") + (f.send ? " out" : "");
  return out;
}

std::string path_text(const AsPath& path) {
  std::string out;
  for (const auto& segment : path.segments)
    for (const Asn asn : segment.asns) out += (out.empty() ? "" : " ") + std::to_string(asn.value);
  return out;
}

std::string id_text(const std::vector<PathId>& ids, std::size_t at) {
  return ids.empty() ? "" : " #" + std::to_string(ids.at(at));
}

std::vector<std::string> lines_of(const Update& update) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < update.withdrawn.size(); ++i)
    out.push_back("withdraws " + update.withdrawn[i].to_string() + id_text(update.withdrawn_path_ids, i));
  for (const auto& reach : update.announced)
    for (std::size_t i = 0; i < reach.prefixes.size(); ++i)
      out.push_back("announces " + reach.prefixes[i].to_string() + id_text(reach.path_ids, i) + " path " +
                    path_text(reach.attributes->as_path));
  if (update.end_of_rib) out.push_back("says End-of-RIB of " + std::string(to_string(*update.end_of_rib)));
  return out;
}

/// What a neighbour reads in messages of ours.
std::vector<std::string> lines_of(std::span<const std::uint8_t> bytes, const DecodeContext& context) {
  std::vector<std::string> out;
  while (bytes.size() >= kHeaderSize) {
    const auto header = decode_header(bytes.first<kHeaderSize>());
    if (!header) return {"sends a broken header"};
    const auto body = bytes.subspan(kHeaderSize, header->size - kHeaderSize);
    if (header->type == MessageType::Open) {
      const auto open = decode_open(body);
      out.push_back("sends " + (open ? text_of(*open) : std::string{"a broken OPEN"}));
    } else if (header->type == MessageType::Update) {
      const auto update = decode_update(body, context);
      std::ranges::move(update ? lines_of(*update) : std::vector<std::string>{"sends a broken UPDATE"},
                        std::back_inserter(out));
    } else if (header->type == MessageType::Notification) {
      out.push_back("sends " + describe(decode_notification(body)));
    } else {
      out.emplace_back(header->type == MessageType::Keepalive ? "sends KEEPALIVE" : "sends ROUTE-REFRESH");
    }
    bytes = bytes.subspan(header->size);
  }
  return out;
}

/// The node's own ends: 10.9.0.1 and fd09::1 on the link to everybody.
const LocalAddresses kLocal{.v4 = IpAddress::v4(0x0a090001), .v6 = *IpAddress::parse("fd09::1"), .link_local = {}};

std::vector<AddressFamily> all_families() { return {AddressFamily::IPv4, AddressFamily::IPv6}; }

}  // namespace

struct Node::Neighbor {
  PeerId id = 0;
  config::NeighborConf conf;
  Peer peer;
  std::optional<Session> up;
  ConnectionId newest = 0;
};

Node::Node(config::BgpdConf conf, const std::map<std::string, std::string>& kernel)
    : conf_(std::move(conf)),
      rib_(rib_settings(conf_, *conf_.router_id, false),
           [](const NextHop&) { return NextHopState{.resolved = true, .oif = IfIndex{2}, .igp_cost = 0}; }),
      clocks_(!kernel.empty(), Seconds{120}, now_),
      deferring_(!kernel.empty()) {
  for (const auto& [prefix, via] : kernel) kernel_[prefix] = {via, true};
  std::set<PeerId> expected;
  for (const auto& one : conf_.neighbors) {
    const auto id = static_cast<PeerId>(neighbors_.size() + 1);
    Peer peer{peer_settings(conf_, one, *conf_.router_id), always_half, nullptr};
    peer.set_restarting(!kernel.empty(), kernel.empty() ? std::vector<AddressFamily>{} : all_families());
    neighbors_.emplace(id, std::make_unique<Neighbor>(Neighbor{id, one, std::move(peer), {}, 0}));
    if (one.graceful_restart.enabled) expected.insert(id);
  }
  clocks_.expect(std::move(expected));
}

Node::~Node() = default;

Node::Neighbor& Node::find(const std::string& name) {
  const auto at = std::ranges::find_if(neighbors_, [&](const auto& n) { return n.second->conf.name == name; });
  if (at == neighbors_.end()) std::abort();  // a mistake in the scenario
  return *at->second;
}

void Node::note(const std::string& who, std::string what) { done_.push_back({now_, who, std::move(what)}); }
std::vector<Done> Node::take_done() { return std::exchange(done_, {}); }

std::optional<Instant> Node::next_deadline() const {
  auto first = clocks_.next_deadline();
  for (const auto& [id, n] : neighbors_)
    if (const auto at = n->peer.next_deadline(); at && (!first || *at < *first)) first = at;
  return first;
}

void Node::turn_to(Instant at) {
  for (auto next = next_deadline(); next && *next <= at; next = next_deadline()) {
    now_ = std::max(now_, *next);
    for (auto& [id, n] : neighbors_) perform(*n, n->peer.on_time(now_));
    work();
  }
  now_ = at;
}

void Node::start() {
  std::vector<LocalRoute> own;
  for (const auto& one : conf_.originate.prefixes)
    own.push_back({.prefix = one.prefix, .communities = {}, .local_pref = {}, .med = {}});
  rib_.set_local_routes(own);
  rib_.set_deferral(deferring_);
  for (auto& [id, n] : neighbors_) perform(*n, n->peer.start(now_));
  work();
}

void Node::close_for_restart() {
  ending_ = true;
  for (auto& [id, n] : neighbors_) perform(*n, n->peer.close_for_restart(now_));
}

void Node::connected(const std::string& name) {
  Neighbor& n = find(name);
  perform(n, n.peer.on_connected(n.newest, now_));
  work();
}

void Node::refused(const std::string& name) {
  Neighbor& n = find(name);
  perform(n, n.peer.on_connect_failed(n.newest, "refused", now_));
  work();
}

void Node::calls(const std::string& name) {
  Neighbor& n = find(name);
  auto [id, actions] = n.peer.on_accepted(now_);
  n.newest = id;
  perform(n, actions);
  work();
}

void Node::says(const std::string& name, const std::vector<std::uint8_t>& bytes, std::optional<ConnectionId> on) {
  Neighbor& n = find(name);
  perform(n, n.peer.on_bytes(on.value_or(n.newest), bytes, now_));
  work();
}

void Node::hangs_up(const std::string& name, std::optional<ConnectionId> on) {
  Neighbor& n = find(name);
  perform(n, n.peer.on_closed(on.value_or(n.newest), "closed by the other side", now_));
  work();
}

void Node::stop_neighbor(const std::string& name, const Notification& cease) {
  Neighbor& n = find(name);
  perform(n, n.peer.stop(now_, cease));
  work();
}

void Node::start_neighbor(const std::string& name) {
  Neighbor& n = find(name);
  perform(n, n.peer.start(now_));
  work();
}

void Node::refresh_out(const std::string& name) {
  rib_.refresh(find(name).id, AddressFamily::IPv4);
  rib_.refresh(find(name).id, AddressFamily::IPv6);
  work();
}

// ---------------------------------------------------------------- what a Peer asks for

void Node::perform(Neighbor& n, const Actions& actions) {
  for (const Action& action : actions) std::visit([&](const auto& a) { on(n, a); }, action);
}

void Node::on(Neighbor& n, const act::Connect& a) {
  n.newest = a.id;
  note(n.conf.name, "is called, connection " + std::to_string(a.id));
}

void Node::on(Neighbor& n, const act::Send& a) {
  for (auto& line : lines_of(a.bytes, {})) note(n.conf.name, line + " on connection " + std::to_string(a.id));
}

void Node::on(Neighbor& n, const act::Close& a) { note(n.conf.name, "is closed, connection " + std::to_string(a.id)); }

void Node::on(Neighbor& n, const act::SessionUp& a) {
  n.up = a.session;
  n.newest = a.session.connection;
  note(n.conf.name, "is up on connection " + std::to_string(a.session.connection));
  n.peer.set_restarting(false, a.session.families);
  const auto& restart = a.session.remote.capabilities.graceful_restart;
  clocks_.session_up(n.id, a.session.graceful_restart, a.session.families, now_, restart && restart->restarting);
  rib_.peer_up(n.id, rib_peer(conf_, n.conf, a.session, n.conf.address, kLocal), a.session.preserved);
}

void Node::on(Neighbor& n, const act::SessionDown& a) {
  n.up.reset();
  note(n.conf.name, "is down, " + a.reason + ", retaining " + names(a.retain));
  clocks_.session_down(n.id);
  if (!ending_) rib_.peer_down(n.id, a.retain, a.keep_stale ? StaleBefore::Kept : StaleBefore::Deleted);
}

void Node::on(Neighbor& n, const act::StaleExpired& a) {
  note(n.conf.name, "has stale routes no more, of " + names(a.families));
  rib_.stale_expired(n.id, a.families);
}

void Node::on(Neighbor& n, const act::LongLivedStale& a) {
  note(n.conf.name, "has long-lived stale routes, of " + names(a.families));
  rib_.long_lived_stale(n.id, a.families);
}

void Node::on(Neighbor& n, const act::UpdateReceived& a) {
  const auto limit = rib_.update(n.id, a.update);
  if (a.update.end_of_rib) {
    n.peer.note_end_of_rib(*a.update.end_of_rib);
    clocks_.end_of_rib(n.id, *a.update.end_of_rib);
  }
  if (!limit) return;
  note(n.conf.name, "sent more than " + std::to_string(limit->limit) + " of " + std::string(to_string(limit->family)));
  perform(n, n.peer.stop(now_, notification(ErrorCode::Cease, cease::kMaximumPrefixes)));
}

void Node::on(Neighbor& n, const act::RefreshReceived& a) {
  if (a.refresh.kind == RefreshKind::Request)
    rib_.refresh(n.id, a.refresh.family);
  else
    rib_.peer_refreshes(n.id, a.refresh);
}

// ---------------------------------------------------------------- turns, as Daemon::turn has them

void Node::work() {
  check_clocks(false);
  while (rib_.run(100)) {
  }
  kernel_takes();
  for (auto& [id, n] : neighbors_)
    if (n->up) pull(*n);
  check_clocks(true);
}

void Node::check_clocks(bool rib_is_idle) {
  if (deferring_ && !clocks_.deferring(now_)) {
    deferring_ = false;
    rib_.set_deferral(false);
    note("node", "selects learned routes");
    if (rib_is_idle) return work();
  }
  if (!rib_is_idle || !clocks_.take_sweep(now_)) return;
  note("node", "sweeps what nobody confirmed");
  std::erase_if(kernel_, [&](const auto& entry) {
    if (entry.second.stale) note("kernel", "loses " + entry.first);
    return entry.second.stale;
  });
  for (auto& [id, n] : neighbors_)
    if (!n->up) n->peer.set_restarting(false, {});
}

void Node::kernel_takes() {
  for (const FibDelta& delta : rib_.take_fib_deltas()) {
    const auto prefix = delta.prefix.to_string();
    if (delta.is_removal()) {
      if (kernel_.erase(prefix) > 0) note("kernel", "loses " + prefix);
      continue;
    }
    std::string via = "via";
    for (const FibNextHop& hop : delta.next_hops) via += " " + hop.gateway.to_string();
    const auto [at, is_new] = kernel_.try_emplace(prefix);
    if (is_new || at->second.via != via)
      note("kernel", (is_new ? "gets " : "changes ") + prefix + " " + via);
    else if (at->second.stale)
      note("kernel", "keeps " + prefix + " " + via);
    at->second = {via, false};
  }
}

void Node::pull(Neighbor& n) {
  const DecodeContext context{.four_octet_as = n.up->four_octet_as,
                              .external = n.up->external,
                              .families = n.up->families,
                              .extended_next_hop = false,
                              .first_as = {},
                              .add_path = n.up->add_path_out};
  while (rib_.has_output(n.id)) {
    auto output = rib_.take_output(n.id, 65536);
    for (auto& line : lines_of(output.bytes, context)) note(n.conf.name, "hears: " + std::move(line));
    n.peer.note_update_sent(now_, output.messages);
  }
}

}  // namespace slash32::bgp::replay
