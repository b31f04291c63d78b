// BFD for the daemon: a bfd::Transport on a thread of its own, so that no long turn of the daemon's loop makes a
// neighbour miss our packets. The door between the two threads: orders go in, copies of the sessions' state come out,
// both as messages; nothing is shared. Everything here is called from the daemon's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bgpd/bfd/transport.h"
#include "bgpd/rib/rib.h"
#include "bgpd/settings.h"
#include "bgpd/transport/loop.h"

namespace slash32::bgp {

/// A session as it was when it was last looked at, for show.
struct BfdState {
  bfd::State state = bfd::State::Down;
  bfd::State remote_state = bfd::State::Down;
  bfd::Diagnostic diagnostic = bfd::Diagnostic::None;
  bfd::Diagnostic remote_diagnostic = bfd::Diagnostic::None;
  std::chrono::microseconds transmit_interval{0};  // negotiated
  std::chrono::microseconds detection_time{0};
  std::chrono::sys_seconds since{};  // when `state` began
  std::string trouble;               // why there is no session, though one was asked for; tried again every second
  bool operator==(const BfdState&) const = default;
};

class BfdSessions {
 public:
  /// Told, on the daemon's loop, of every change in order: `failed` as bfd::is_failure.
  using Told = std::function<void(PeerId peer, const BfdState& state, bool failed)>;

  /// Starts the thread. `loop`, the daemon's, must outlive it.
  BfdSessions(Loop& loop, Told told);
  /// Ends the thread; what it had to tell is not told any more. Neighbours hear nothing, unless by say_admin_down().
  ~BfdSessions();
  BfdSessions(const BfdSessions&) = delete;
  BfdSessions& operator=(const BfdSessions&) = delete;

  /// Begins a session, or changes one; nothing: ends it, with AdminDown. Another target is another session.
  void order(PeerId peer, const std::optional<BfdOrder>& wanted);
  /// Ends every session with AdminDown, which no neighbour takes for a failure (RFC 5882 section 4.2). Returns when the
  /// packets have been sent, after a second at most.
  void say_admin_down();

 private:
  struct Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace slash32::bgp
