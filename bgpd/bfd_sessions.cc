#include "bgpd/bfd_sessions.h"

#include <csignal>
#include <future>
#include <map>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>

#include "bgpd/bfd/udp.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kLook{1};     // at what changes without an event: intervals, interfaces; and tries again
constexpr Seconds kGoodbye{1};  // a thread that cannot send for so long would not be heard either

std::chrono::sys_seconds wall_clock() { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); }

}  // namespace

/// Lives on both threads: the daemon's makes it and ends it, all between happens on its own.
struct BfdSessions::Worker {
  struct Entry {
    BfdOrder order;
    std::optional<bfd::Discriminator> session;
    IfIndex interface;  // the session's; its socket is bound to this very one
    std::optional<BfdState> told;
  };

  Worker(Loop& to, Told what) : daemon(&to), told(std::move(what)), look_timer(loop) {
    transport.emplace(
        loop.context(), [this] { return static_cast<std::uint32_t>(chance()); },
        [this](bfd::Discriminator session, const bfd::StateChange& change) { changed(session, change); });
  }

  Loop* daemon;
  Told told;
  std::thread thread;

  // ------------------------------------------------------------ its own thread's
  Loop loop;
  std::mt19937 chance{std::random_device{}()};
  std::optional<bfd::Transport> transport;
  LoopTimer look_timer;
  std::map<PeerId, Entry> entries;
  std::unordered_map<bfd::Discriminator, PeerId> peers;
  std::weak_ptr<Worker> self;

  void tell(PeerId peer, Entry& entry, BfdState state, bool failed) {
    if (entry.told) state.since = entry.told->since;
    if (!entry.told || entry.told->state != state.state) state.since = wall_clock();
    if (!failed && entry.told == state) return;
    entry.told = state;
    daemon->post([weak = self, peer, state = std::move(state), failed] {
      if (const auto worker = weak.lock(); worker) worker->told(peer, state, failed);
    });
  }

  static BfdState seen(const bfd::Session& session) {
    return {.state = session.state(),
            .remote_state = session.remote().state,
            .diagnostic = session.diagnostic(),
            .remote_diagnostic = session.remote().diagnostic,
            .transmit_interval = session.transmit_interval(),
            .detection_time = session.detection_time(),
            .since = {},
            .trouble = {}};
  }

  void changed(bfd::Discriminator session, const bfd::StateChange& change) {
    const auto found = peers.find(session);
    if (found == peers.end()) return;  // it is being retired
    auto& entry = entries.at(found->second);
    const auto* now = transport->engine().find(session);
    auto state = now != nullptr ? seen(*now) : BfdState{};
    state.state = change.to;
    state.diagnostic = change.diagnostic;
    state.remote_state = change.remote.state;
    state.remote_diagnostic = change.remote.diagnostic;
    tell(found->second, entry, std::move(state), bfd::is_failure(change));
  }

  void complain(PeerId peer, Entry& entry, const std::string& why) {
    auto state = entry.told.value_or(BfdState{});
    state.trouble = why;
    tell(peer, entry, std::move(state), false);
  }

  void begin(PeerId peer, Entry& entry) {
    const auto added = transport->add(entry.order.target, entry.order.settings);
    if (!added) return complain(peer, entry, added.error().message);
    entry.session = *added;
    entry.interface = interface_now(entry).value_or(IfIndex{});
    peers[*added] = peer;
    tell(peer, entry, seen(*transport->engine().find(*added)), false);
  }

  static Result<IfIndex> interface_now(const Entry& entry) {
    if (entry.order.target.interface.empty()) return IfIndex{};
    return bfd::interface_index(entry.order.target.interface);
  }

  void end(PeerId peer) {
    const auto found = entries.find(peer);
    if (found == entries.end()) return;
    if (found->second.session) {
      peers.erase(*found->second.session);
      transport->retire(*found->second.session);
    }
    entries.erase(found);
  }

  void take(PeerId peer, const std::optional<BfdOrder>& wanted) {
    const auto found = entries.find(peer);
    if (!wanted || (found != entries.end() && found->second.order.target != wanted->target)) end(peer);
    if (!wanted) return;
    auto& entry = entries[peer];
    if (std::exchange(entry.order, *wanted) == *wanted) return;
    if (!entry.session) return begin(peer, entry);
    const auto good = transport->configure(*entry.session, wanted->settings);
    if (!good) complain(peer, entry, good.error().message);
  }

  /// An interface that was made anew has another index; the old socket's packets lead nowhere.
  void look() {
    for (auto& [peer, entry] : entries) {
      if (entry.session) {
        const auto index = interface_now(entry);
        if (index && *index != entry.interface) {
          peers.erase(*entry.session);
          transport->remove(*entry.session);
          entry.session.reset();
        }
      }
      if (!entry.session) {
        begin(peer, entry);
      } else if (const auto* session = transport->engine().find(*entry.session)) {
        tell(peer, entry, seen(*session), false);
      }
    }
    look_timer.after(kLook, [this] { look(); });
  }

  void start() {
    look_timer.after(kLook, [this] { look(); });
    sigset_t all, before;
    ::sigfillset(&all);  // signals are the main thread's
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this] { loop.run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void stop() {
    loop.post([this] {
      look_timer.cancel();
      transport.reset();  // the last that could happen: run() returns
    });
    thread.join();
  }
};

BfdSessions::BfdSessions(Loop& loop, Told told) : worker_(std::make_shared<Worker>(loop, std::move(told))) {
  worker_->self = worker_;
  worker_->start();
}

BfdSessions::~BfdSessions() { worker_->stop(); }

void BfdSessions::order(PeerId peer, const std::optional<BfdOrder>& wanted) {
  worker_->loop.post([worker = worker_.get(), peer, wanted] { worker->take(peer, wanted); });
}

void BfdSessions::say_admin_down() {
  auto said = std::make_shared<std::promise<void>>();
  auto done = said->get_future();
  worker_->loop.post([worker = worker_.get(), said] {
    while (!worker->entries.empty()) worker->end(worker->entries.begin()->first);
    said->set_value();
  });
  (void)done.wait_for(kGoodbye);  // either way the end goes on
}

}  // namespace slash32::bgp
