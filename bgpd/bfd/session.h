// One BFD session (RFC 5880 section 6): packets, time and changes of settings in; packets to send, the next deadline
// and changes of state out. Pure: no clock, socket or log, and no allocation. It knows no address family and no path.
//
// What we are: asynchronous mode, always in the Active role (RFC 5881 section 3). We never ask for Demand mode; a
// neighbor that does so is obeyed (section 6.6: we fall silent while both ends are Up, but for Polls). We take no echo
// packets (Required Min Echo RX is 0), do not authenticate, and set C to 0, for this runs in the process that may die.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "bgpd/bfd/packet.h"
#include "common/clock.h"
#include "common/result.h"

namespace slash32::bfd {

/// Every 32-bit number with the same chance. Jitter and discriminators come from here; tests seed it.
using Random = std::function<std::uint32_t()>;

inline constexpr Microseconds kMinInterval{10'000};
inline constexpr Microseconds kMaxInterval{60'000'000};
inline constexpr Microseconds kSlowInterval{1'000'000};  // RFC 5880 section 6.8.3: while not Up

struct Settings {
  Microseconds desired_min_tx{300'000};
  Microseconds required_min_rx{300'000};
  std::uint8_t detect_multiplier = 3;
  bool enabled = true;  // false: AdminDown
  bool operator==(const Settings&) const = default;
};

/// An error names the setting, its value and the limits: intervals from 10 ms to 60 s, a multiplier above 0.
Status check(const Settings& settings);

/// What the neighbor said last; the initial values of RFC 5880 section 6.8.1 when it has not, or not for a Detection
/// Time.
struct Remote {
  std::uint32_t discriminator = 0;  // 0: not known
  State state = State::Down;
  Diagnostic diagnostic = Diagnostic::None;
  bool control_plane_independent = false;
  bool demand = false;
  std::uint8_t detect_multiplier = 0;
  Microseconds desired_min_tx{0};
  Microseconds required_min_rx{1};
};

struct StateChange {
  State from = State::Down;
  State to = State::Down;
  Diagnostic diagnostic = Diagnostic::None;  // ours: why
  Remote remote;                             // as last heard, before a Detection Time made it forgotten
};

/// Whether the path or the neighbor has failed: a session that was Up and went down other than by anybody's will.
/// AdminDown of either end is never a failure (RFC 5882 section 4.2 and RFC 5880 section 6.8.16).
bool is_failure(const StateChange& change);

/// What an event brings about, to be sent in this order.
struct Step {
  std::optional<Packet> answer;  // F set: the answer to a Poll
  std::optional<Packet> packet;
  std::optional<StateChange> change;
};

class Session {
 public:
  /// `discriminator` is not 0 and nobody else's; `settings` have passed check(). The first packet is due at once. The
  /// session is Down (AdminDown when not enabled) without a change being told.
  Session(std::uint32_t discriminator, const Settings& settings, Instant now);

  /// A packet that passed decode() and belongs to this session.
  Step receive(const Packet& packet, Instant now, const Random& random);
  /// New settings that have passed check(). While Up, one change of intervals at a time: a further one waits until the
  /// neighbor has confirmed the first (RFC 5880 section 6.8.3).
  Step configure(const Settings& settings, Instant now, const Random& random);
  /// Does what is due at `now`. To be called at deadline(); earlier is harmless, and does nothing.
  Step advance(Instant now, const Random& random);
  /// When advance() has something to do.
  std::optional<Instant> deadline() const;

  std::uint32_t discriminator() const { return discriminator_; }
  State state() const { return state_; }
  Diagnostic diagnostic() const { return diagnostic_; }
  Instant changed_at() const { return changed_at_; }
  const Remote& remote() const { return remote_; }
  const Settings& settings() const { return settings_; }
  bool polling() const { return polling_; }
  /// The negotiated interval between our packets, before jitter; 0 when the neighbor wants none (section 6.8.2).
  Microseconds transmit_interval() const;
  /// The neighbor's silence that ends the session (section 6.8.4); 0 when nothing is known of it.
  Microseconds detection_time() const;
  /// The silence of ours after which the neighbor must notice, by what it and we said last.
  Microseconds remote_detection_time() const;

 private:
  State next_state(State received) const;
  StateChange enter(State to, Diagnostic why, Instant now);
  bool adopt_intervals(bool state_changed);
  void end_poll();
  bool transmits() const;
  bool demand_is_active() const;
  std::optional<Instant> detection_deadline() const;
  Packet make(bool final) const;
  Packet send_now(Instant now);
  void reschedule(Instant now, const Random& random);

  std::uint32_t discriminator_;
  Settings settings_;
  State state_;
  Diagnostic diagnostic_ = Diagnostic::None;
  Instant changed_at_;
  Remote remote_;
  Instant heard_{};  // the last packet; meant only while remote_.discriminator is not 0

  // bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval: what our packets say …
  Microseconds said_tx_;
  Microseconds said_rx_;
  // … and what our timers go by, which may lag behind until the neighbor has confirmed (section 6.8.3).
  Microseconds used_tx_;
  Microseconds used_rx_;
  bool polling_ = false;
  bool await_clear_ = false;  // after a Poll Sequence no other before a packet without F: else its F would be ambiguous

  std::optional<Instant> last_sent_;
  Microseconds scheduled_interval_{0};  // which next_send_ was drawn for
  std::optional<Instant> next_send_;
};

}  // namespace slash32::bfd
