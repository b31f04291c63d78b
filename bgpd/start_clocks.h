// The clocks of a start (RFC 4724 section 4.1, and the design's "At start"), pure. Local prefixes are announced at once
// and never wait here. Selection of learned routes waits, after a restart that left routes in the kernel, for
// End-of-RIB from every restarting-aware peer that is up and does not restart itself (the two would wait for each
// other), at most 5 s after the first session. Routes of the earlier life that nobody confirmed are swept when every
// configured graceful-restart neighbour has sent End-of-RIB, or at the restart time; never merely because nobody is
// connected.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "bgpd/rib/rib.h"
#include "common/clock.h"
#include "common/ip.h"

namespace slash32::bgp {

class StartClocks {
 public:
  static constexpr Seconds kDeferralLimit{5};

  /// `warm`: an earlier life's learned routes are in the kernel. Otherwise there is nothing to defer or sweep.
  StartClocks(bool warm, Seconds restart_time, Instant now);

  /// The configured neighbours from which End-of-RIB is expected (enabled, with graceful restart).
  void expect(std::set<PeerId> neighbors);
  /// `restarting`: the peer's OPEN has R.
  void session_up(PeerId id, bool graceful_restart, const std::vector<AddressFamily>& families, Instant now,
                  bool restarting = false);
  void end_of_rib(PeerId id, AddressFamily family);
  void session_down(PeerId id);

  /// Selection of learned routes still waits.
  bool deferring(Instant now);
  /// The sweep is due: true once.
  bool take_sweep(Instant now);
  /// Neither is pending any more.
  bool finished() const { return !deferring_ && !sweeping_; }
  /// When to ask again, should nothing happen before.
  std::optional<Instant> next_deadline() const;

 private:
  bool everyone_up_is_done() const;
  bool everyone_expected_is_done() const;

  bool deferring_;
  bool sweeping_;
  Instant sweep_at_;
  std::optional<Instant> defer_until_;
  std::set<PeerId> expected_;
  std::map<PeerId, std::set<AddressFamily>> waiting_;  // up and restarting-aware: families without End-of-RIB yet
  std::set<PeerId> restarting_;                        // of these: selection does not wait for them
  std::set<PeerId> done_;                              // has sent every End-of-RIB, in this session or one before
};

}  // namespace slash32::bgp
