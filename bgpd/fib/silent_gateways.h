// Gateways that answer no more: the kernel's neighbour entry (ARP, ND) failed. From the events of such entries and the
// time it says which gateways are silent, which of them the kernel must be made to ask for again, since nobody sends to
// them any more, and when one that answers may be used again. Pure: no socket, no clock.
//
//  - Failed alone counts. No entry, an old one and one that is being asked for are no news; of a silent gateway an
//    answer alone is.
//  - An entry that somebody removes by hand fails first and is gone a moment later: a failure counts after kConfirm.
//  - After a first failure an answer is enough. After more of them within kMemory it must go on answering for a while
//    that doubles each time, so that a gateway that comes and goes does not move every route each time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "bgpd/fib/delta.h"
#include "common/clock.h"
#include "common/netlink/monitor.h"

namespace slash32::bgp {

class SilentGateways {
 public:
  static constexpr Milliseconds kConfirm{50};
  static constexpr Seconds kProbe{1}, kMostProbe{8};  // between two provocations of a silent gateway, doubling
  static constexpr Seconds kHold{2}, kMostHold{64};   // before a second failure's gateway is used again, doubling
  static constexpr Seconds kMemory{300};              // from an answer on: then a failure is the first again

  /// Only of gateways in use. `event` is of an entry, or of its removal.
  void on_neighbor(const netlink::NeighborEvent& event, Instant now);
  /// Of a gateway in use whose entry had failed before anybody listened: silent, and asked for at once.
  void found_failed(const FibNextHop& gateway, Instant now);

  struct Orders {
    std::vector<FibNextHop> lost;   // silent from now on
    std::vector<FibNextHop> found;  // to be used again
    std::vector<FibNextHop> probe;  // make the kernel ask
    /// Of `lost`, where no other is silent: what several have in common may be all that a group has.
    std::optional<FibNextHop> only;
  };
  /// What is due. Who is not in use any more, or whose link is no way now, is forgotten: it begins anew as usable.
  Orders due(Instant now, const std::function<bool(const FibNextHop&)>& in_use);
  std::optional<Instant> next_deadline() const;

  bool is_silent(const FibNextHop& gateway) const;
  std::vector<FibNextHop> silent() const;
  /// Nobody's answer is waited for: events of failures are enough.
  bool needs_failures_only() const;
  void clear() { gateways_.clear(); }

 private:
  enum class State : std::uint8_t {
    Failing,  // for less than kConfirm
    Silent,
    Proving,  // it answers; used again when it goes on
    Used,     // again, or still: a failure was taken back
  };
  struct Gateway {
    State state = State::Used;
    unsigned failures = 0;
    Instant until;               // the end of Failing, Proving, or of the memory
    Instant probe_at;            // Silent, Proving
    Seconds probe_wait{kProbe};  // the next one
  };
  void failed(Gateway& gateway, Instant now);
  void answered(Gateway& gateway, Instant now);
  void pass_time(const FibNextHop& hop, Gateway& gateway, Instant now, Orders& out);
  static void become_silent(Gateway& gateway, Instant now);

  std::map<FibNextHop, Gateway> gateways_;
};

}  // namespace slash32::bgp
