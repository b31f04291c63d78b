// The orders, and what is timed: from the first octet that the source sends until the last sink's table is as it must
// be.
#include "tests/bench/bgpbench/peers/peers.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>

namespace bench {
namespace {

constexpr std::uint32_t kSourceAsn = 65001;
constexpr std::uint32_t kSinkAsn = 65002;
constexpr std::uint32_t kFartherAsn = 65003;
constexpr double kSettle = 0.5;  // seconds in which End-of-RIB should come; not everybody sends one for an empty table

/// The paths of the source that loses: one AS more.
void lengthen(Workload& workload) {
  for (AttributeSet& set : workload.sets) set.path.push_back(kFartherAsn);
}

}  // namespace

Peers::Peers(const Options& options)
    : workload_(make_workload(options)),
      index_(workload_.prefixes),
      expected_(workload_.prefixes.size()),
      ipv6_(workload_.ipv6),
      raw_(options.number("raw", 0) != 0),
      direct_(options.text("speaker") == "direct"),
      hold_(static_cast<std::uint16_t>(options.number("hold", 90))),
      port_(static_cast<std::uint16_t>(options.number("port", 179))),
      base_(parse_address(options.text("base"))) {
  raw_ = raw_ || direct_;
  if (!direct_) speaker_ = parse_address(options.text("speaker"));
  speaker_asn_ = raw_ ? 0 : static_cast<std::uint32_t>(options.number("speaker_asn"));
  if (options.number("longer", 0) != 0) lengthen(workload_);
  const Address source = plus(base_, 1);
  announce_ = announcements(workload_, 0, workload_.prefixes.size(), kSourceAsn, source);
  withdraw_ = withdrawals(workload_, 0, workload_.prefixes.size());
  make_sessions(options);
}

Session::Settings Peers::settings_of(std::uint32_t number, std::uint32_t asn) const {
  return {.local = plus(base_, number),
          .remote = speaker_,
          .asn = asn,
          .router_id = 0x0a090100 + number,
          .ipv6 = ipv6_,
          .raw = raw_,
          .hold = hold_};
}

void Peers::make_sessions(const Options& options) {
  const auto sinks = static_cast<std::uint32_t>(options.number("sinks"));
  const Expectation expected{.speaker_asn = speaker_asn_, .next_hop = raw_ ? plus(base_, 1) : speaker_};
  reader_ = std::make_unique<Reader>(index_, ipv6_, expected, sinks > 1);
  for (std::uint32_t i = 0; i < (direct_ ? sinks : 1); ++i)
    sources_.push_back(std::make_unique<Session>(settings_of(1, kSourceAsn), nullptr, nullptr));
  for (std::uint32_t i = 0; i < sinks; ++i) {
    tables_.push_back(std::make_unique<Table>(expected_));
    sinks_.push_back(std::make_unique<Session>(settings_of(2 + i, kSinkAsn), tables_.back().get(), reader_.get()));
  }
  for (const auto& session : sources_) loop_.add(*session);
  for (const auto& session : sinks_) loop_.add(*session);
}

void Peers::serve() {
  std::printf("{\"ready\": true, \"first\": \"%s\", \"last\": \"%s\"}\n",
              text_of(workload_.prefixes.front(), ipv6_).c_str(), text_of(workload_.prefixes.back(), ipv6_).c_str());
  std::fflush(stdout);
  loop_.serve([this](const std::string& line) { order(line); });
}

void Peers::order(const std::string& line) {
  std::istringstream words{line};
  std::string verb;
  double timeout = 0;
  words >> verb;
  if (verb == "latency") return latency(words);
  if (verb == "extra") {  // the speaker's policy adds this community from now on
    std::uint32_t community = 0;
    if (!(words >> community)) die("extra needs a community");
    extra_ = {community};
    expect(true);
    std::printf("{\"done\": true}\n");
    return;
  }
  if (!(words >> timeout)) die("what is '" + line + "'?");
  if (verb == "connect") return connect(timeout);
  if (verb == "listen") return listen(timeout);
  if (verb == "idle") return print(measure([] {}, [] { return false; }, timeout));
  if (verb == "announce") return tell(announce_, true, timeout);
  if (verb == "withdraw") return tell(withdraw_, false, timeout);
  if (verb == "await") return print(measure([] {}, [this] { return all_right(); }, timeout));
  if (verb == "reset") return lose_source(false, timeout);
  if (verb == "replace") return lose_source(true, timeout);
  if (verb == "refresh") return refresh(timeout);
  die("what is '" + line + "'?");
}

// ---------------------------------------------------------------- sessions

void Peers::connect_directly() {
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    const slash32::UniqueFd listener = tcp_socket(sinks_[i]->settings().local, 0);
    if (::listen(listener.get(), 1) != 0) die("listen", errno);
    slash32::UniqueFd fd = tcp_socket(sources_[i]->settings().local, 0);
    if (!connect_to(fd.get(), sinks_[i]->settings().local, port_of(listener.get()))) die("connect to a sink", errno);
    sources_[i]->adopt(std::move(fd));
    sinks_[i]->adopt(accept_one(listener.get()));
  }
}

/// Everyone that has no session gets one; a refused connection is tried again until the time is over.
void Peers::connect(double timeout) {
  const auto each = [this](auto&& f) { return std::ranges::all_of(sources_, f) && std::ranges::all_of(sinks_, f); };
  const auto settled = [&] { return each([](const auto& s) { return s->state() != State::Greeting; }); };
  const auto up = [&] { return each([](const auto& s) { return s->state() == State::Established; }); };
  const double start = now();
  std::string last;
  while (!up() && now() < start + timeout) {
    if (direct_) connect_directly();
    for (const auto* group : {&sources_, &sinks_})
      for (const auto& session : *group)
        if (session->state() == State::Closed && session->connect(port_))  // one by one: accept queues are short
          (void)loop_.run([&] { return session->state() != State::Greeting; }, now() + 0.05);
    (void)loop_.run([&] { return settled(); }, std::min(now() + 5, start + timeout));
    if (up()) break;
    last = trouble();
    (void)loop_.run([] { return false; }, now() + 0.1);
  }
  const double connected = now() - start;
  const bool is_up = up();
  // RFC 4724 section 2
  if (is_up && !raw_)
    (void)loop_.run([&] { return std::ranges::all_of(sinks_, [](const auto& s) { return s->has_end_of_rib(); }); },
                    now() + kSettle);
  std::printf("{\"done\": %s, \"seconds\": %.3f, \"trouble\": \"%s\"}\n", is_up ? "true" : "false", connected,
              is_up ? "" : (last + " " + trouble()).c_str());
}

/// Of the first session that has some.
std::string Peers::trouble() const {
  for (const auto* group : {&sources_, &sinks_})
    for (const auto& session : *group)
      if (session->state() != State::Established)
        return session->trouble().empty() ? "no connection" : session->trouble();
  return "";
}

// ---------------------------------------------------------------- what is measured

void Peers::expect(bool there) {
  std::vector<std::uint32_t> hashes;
  for (const AttributeSet& set : workload_.sets) {
    std::vector<std::uint32_t> communities = set.communities;
    communities.insert(communities.end(), extra_.begin(), extra_.end());
    hashes.push_back(hash_of(set.path, communities));
  }
  for (std::size_t i = 0; i < expected_.size(); ++i) expected_[i] = there ? hashes[workload_.set_of[i]] : 0;
  for (const auto& table : tables_) table->recount();
}

bool Peers::all_right() const {
  return std::ranges::all_of(tables_, [](const auto& table) { return table->right() == table->size(); });
}

Peers::Outcome Peers::measure(const std::function<void()>& deed, const Done& done, double timeout) {
  const auto handed_over = [this] {
    return std::ranges::none_of(sources_, [](const auto& s) { return s->wants_to_write(); });
  };
  Outcome out;
  const double cpu = cpu_seconds();
  out.start = now();
  deed();
  if (loop_.run(handed_over, out.start + timeout)) {
    out.sent = now() - out.start;
    out.done = loop_.run(done, out.start + timeout);
  }
  out.seconds = now() - out.start;
  out.cpu = cpu_seconds() - cpu;
  return out;
}

/// The worst sink's numbers, and the sums over all.
void Peers::print(const Outcome& outcome) const {
  std::size_t right = expected_.size(), present = expected_.size();
  std::uint64_t announced = 0, withdrawn = 0, foreign = 0;
  for (const auto& table : tables_) {
    right = std::min(right, table->right());
    present = std::min(present, table->present());
    announced += table->announced();
    withdrawn += table->withdrawn();
    foreign += table->foreign();
  }
  std::printf(
      "{\"done\": %s, \"start\": %.6f, \"sent\": %.6f, \"seconds\": %.6f, \"cpu\": %.6f, \"right\": %zu, "
      "\"present\": %zu, \"announced\": %" PRIu64 ", \"withdrawn\": %" PRIu64 ", \"foreign\": %" PRIu64
      ", \"trouble\": \"%s\"}\n",
      outcome.done ? "true" : "false", outcome.start, outcome.sent, outcome.seconds, outcome.cpu, right, present,
      announced, withdrawn, foreign, trouble().c_str());
}

void Peers::tell(const Stream& stream, bool there, double timeout) {
  expect(there);
  const auto deed = [&] {
    for (const auto& source : sources_) source->send(stream);
  };
  print(measure(deed, [this] { return all_right(); }, timeout));
}

/// The source's connection closes: everything must go, or stay `there` as a source with longer paths has it.
void Peers::lose_source(bool there, double timeout) {
  if (there) lengthen(workload_);
  expect(there);
  const auto deed = [this] {
    for (const auto& source : sources_) source->close();
  };
  print(measure(deed, [this] { return all_right(); }, timeout));
}

/// The first sink asks for everything again: done when as many routes as there are have come once more.
void Peers::refresh(double timeout) {
  if (tables_.empty()) die("refresh needs a sink");
  const std::uint64_t before = tables_.front()->announced();
  const auto deed = [this] { sinks_.front()->send_now(refresh_message(ipv6_)); };
  const auto done = [&] { return tables_.front()->announced() - before >= expected_.size() && all_right(); };
  print(measure(deed, done, timeout));
}

/// Seconds from the source's write until every sink knows; negative: not in time.
double Peers::one_change(std::size_t number, bool there, double timeout) {
  const std::uint32_t want = there ? hash_of(workload_.sets[workload_.set_of[number]].path,
                                             workload_.sets[workload_.set_of[number]].communities)
                                   : 0;
  const Stream message = there ? announcements(workload_, number, number + 1, kSourceAsn, plus(base_, 1))
                               : withdrawals(workload_, number, number + 1);
  const double start = now();
  for (const auto& source : sources_) source->send_now(message);
  const auto done = [&] {
    return std::ranges::all_of(tables_, [&](const auto& table) { return table->state(number) == want; });
  };
  return loop_.run(done, start + timeout) ? now() - start : -1;
}

/// How long the speaker was silent towards the source at most, and how long this process itself was kept from running:
/// it does nothing but wake up.
void Peers::listen(double seconds) {
  constexpr double kTick = 0.005;
  Session& source = *sources_.front();
  source.begin_listening();
  double stall = 0;
  for (const double end = now() + seconds; now() < end;) {
    const double tick = now() + kTick;
    (void)loop_.run([] { return false; }, tick);
    stall = std::max(stall, now() - tick);
  }
  std::printf("{\"done\": %s, \"silence\": %.6f, \"stall\": %.6f, \"trouble\": \"%s\"}\n",
              source.state() == State::Established ? "true" : "false", source.silence(), stall, trouble().c_str());
}

/// latency SAMPLES TIMEOUT: each announces one prefix and withdraws it again, with a pause of 1 to 3 ms before each.
void Peers::latency(std::istringstream& words) {
  std::size_t samples = 0;
  double timeout = 0;
  if (!(words >> samples >> timeout)) die("latency SAMPLES TIMEOUT");
  Random random{samples};
  std::string lists[2];
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t number = random.below(expected_.size());
    for (const bool there : {true, false}) {
      (void)loop_.run([] { return false; }, now() + 1e-3 * static_cast<double>(1 + random.below(3)));
      std::string& list = lists[there ? 0 : 1];
      list += (list.empty() ? "" : ", ") + std::to_string(one_change(number, there, timeout) * 1e6);
    }
  }
  std::printf("{\"done\": true, \"announce_us\": [%s], \"withdraw_us\": [%s]}\n", lists[0].c_str(), lists[1].c_str());
}

}  // namespace bench
