// What is timed begins with the order. Nothing is asked of the speaker's own state: a step is over when every peer's
// table is what it must be, its own prefixes left out of account.
#include "tests/bench/bgpbench/peers/mesh.h"

#include <algorithm>
#include <cinttypes>

namespace bench {
namespace {

constexpr std::uint16_t kPort = 179;
constexpr double kAgain = 0.02;  // seconds until a refused connection is tried again

Shares shares_of(const Options& options) {
  return {.peers = options.number("peers"),
          .each = options.number("each"),
          .paths = options.number("paths", 1),
          .local_pref = options.number("reflect", 0) != 0 ? 100U : 0U};
}

Stream end_of_rib(bool ipv6) {
  Stream out(16, 0xff);
  if (ipv6)  // RFC 4724 section 2
    out.insert(out.end(), {0, 29, static_cast<std::uint8_t>(Type::Update), 0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1});
  else
    out.insert(out.end(), {0, 23, static_cast<std::uint8_t>(Type::Update), 0, 0, 0, 0});
  return out;
}

}  // namespace

Mesh::Mesh(const Options& options)
    : each_(options.number("each")),
      reflect_(options.number("reflect", 0) != 0),
      paths_(options.number("paths", 1)),
      workload_(make_shared_workload(options, shares_of(options))),
      index_(workload_.prefixes),
      base_(parse_address(options.text("base"))),
      speaker_(parse_address(options.text("speaker"))) {
  for (const std::uint32_t set : workload_.set_of)
    expected_.push_back(hash_of(workload_.sets[set].path, workload_.sets[set].communities));
  make_peers(options);
}

void Mesh::make_peers(const Options& options) {
  const auto asn = static_cast<std::uint32_t>(options.number("speaker_asn"));
  const auto first_asn = static_cast<std::uint32_t>(options.number("first_asn"));
  // A reflector changes neither path nor next hop (RFC 4456 section 10).
  const Expectation expected{
      .speaker_asn = reflect_ ? 0 : asn, .next_hop = reflect_ ? Address{} : speaker_, .add_path = paths_ > 1};
  reader_ = std::make_unique<Reader>(index_, workload_.ipv6, expected, false);
  peers_.resize(options.number("peers"));
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto number = static_cast<std::uint32_t>(i + 1);
    const Session::Settings settings{.local = plus(base_, number),
                                     .remote = speaker_,
                                     .asn = reflect_ ? asn : first_asn + number - 1,
                                     .router_id = 0x0a090100 + number,
                                     .ipv6 = workload_.ipv6,
                                     .add_path = paths_ > 1};
    Peer& peer = peers_[i];
    peer.table = std::make_unique<Table>(expected_);
    peer.session = std::make_unique<Session>(settings, peer.table.get(), reader_.get());
    // To reflect, a path must begin with somebody's AS: the first one of a set is left out of what is compared.
    peer.first = announcements(workload_, i * each_, (i + 1) * each_, first_asn + number - 1, settings.local);
    const Stream end = end_of_rib(workload_.ipv6);
    peer.first.insert(peer.first.end(), end.begin(), end.end());
    peer.session->say_first(peer.first);
    loop_.add(*peer.session);
  }
}

void Mesh::serve() {
  std::printf("{\"ready\": true}\n");
  std::fflush(stdout);
  loop_.serve([this](const std::string& line) { order(line); });
}

void Mesh::order(const std::string& line) {
  std::istringstream words{line};
  std::string verb;
  std::size_t window = 0;
  double timeout = 0;
  words >> verb;
  if (verb == "up" && words >> timeout) return up(timeout);
  if (verb == "idle" && words >> timeout) {
    (void)run([] { return false; }, now() + timeout);
    std::printf("{\"seconds\": %.3f}\n", timeout);
    return;
  }
  if (verb == "roll" && words >> window >> timeout && window > 0 && window < peers_.size())
    return roll(window, timeout);
  die("what is '" + line + "'?");
}

/// Whoever has no connection begins one.
void Mesh::reconnect() {
  for (const Peer& peer : peers_)
    if (peer.session->state() == State::Closed) peer.session->begin(kPort);
}

bool Mesh::run(const Done& done, double deadline) { return loop_.run(done, deadline); }

/// A speaker that tells a peer its own routes again does no harm, and no good.
std::size_t Mesh::right_of_others(std::size_t number) const {
  const Table& table = *peers_[number].table;
  std::size_t right = table.right();
  for (std::size_t i = number * each_; i < (number + 1) * each_; ++i) right -= table.state(i) == expected_[i] ? 1 : 0;
  return right;
}

/// Whether every peer but those from `from` up to `to` has so many of others' routes, and nothing else. Looks first at
/// the one that lacked something the last time: it is called after every wake-up.
bool Mesh::all_have(std::size_t from, std::size_t to, std::size_t count) {
  const auto has = [&](std::size_t i) {
    const Table& table = *peers_[i].table;
    return (i >= from && i < to) || (table.right() >= count && table.right() == table.present() &&
                                     table.right() <= count + each_ && right_of_others(i) == count);
  };
  if (!has(behind_)) return false;
  for (std::size_t i = 0; i < peers_.size(); ++i)
    if (!has(i)) {
      behind_ = i;
      return false;
    }
  return true;
}

std::string Mesh::trouble() const {
  for (const Peer& peer : peers_)
    if (peer.session->state() != State::Established)
      return peer.session->trouble().empty() ? "no connection" : peer.session->trouble();
  return "";
}

void Mesh::up(double timeout) {
  const double start = now(), cpu = cpu_seconds();
  const auto is_up = [this] {
    return std::ranges::all_of(peers_, [](const Peer& p) { return p.session->state() == State::Established; });
  };
  bool done = false;
  while (!done && now() < start + timeout) {
    reconnect();
    done = run(is_up, std::min(now() + kAgain, start + timeout));
  }
  const double established = now() - start;
  done = done && run([this] { return all_have(0, 0, workload_.prefixes.size() - each_); }, start + timeout);
  std::size_t least = workload_.prefixes.size();
  std::uint64_t foreign = 0, announced = 0;
  for (const Peer& peer : peers_) {
    least = std::min(least, peer.table->right());
    foreign += peer.table->foreign();
    announced += peer.table->announced();
  }
  std::printf(
      "{\"done\": %s, \"start\": %.6f, \"established\": %.6f, \"seconds\": %.6f, \"cpu\": %.6f, \"least\": %zu, "
      "\"announced\": %" PRIu64 ", \"foreign\": %" PRIu64 ", \"trouble\": \"%s\"}\n",
      done ? "true" : "false", start, established, now() - start, cpu_seconds() - cpu, least, announced, foreign,
      trouble().c_str());
}

void Mesh::roll(std::size_t window, double timeout) {
  const double start = now(), cpu = cpu_seconds();
  const std::size_t all = workload_.prefixes.size();
  bool done = true;
  for (std::size_t from = 0; done && from < peers_.size(); from += window) {
    const std::size_t to = std::min(from + window, peers_.size());
    for (std::size_t i = from; i < to; ++i) peers_[i].session->close();
    done = run([&] { return all_have(from, to, all - each_ - (to - from) * each_); }, start + timeout);
    if (!done) break;
    const auto back = [&] { return all_have(0, 0, all - each_); };
    do {
      reconnect();
      done = run(back, std::min(now() + kAgain, start + timeout));
    } while (!done && now() < start + timeout);
  }
  std::printf("{\"done\": %s, \"start\": %.6f, \"seconds\": %.6f, \"cpu\": %.6f, \"trouble\": \"%s\"}\n",
              done ? "true" : "false", start, now() - start, cpu_seconds() - cpu, trouble().c_str());
}

}  // namespace bench
