// The peer's enhanced route refreshes (RFC 7313 section 4), as who receives them: which families it is saying again,
// and how long the end of that is waited for.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "bgpd/fsm/session.h"
#include "bgpd/wire/message.h"
#include "common/clock.h"

namespace slash32::bgp {

class Refreshes {
 public:
  /// How long routes that were not said again wait for the end of the refresh (section 4 allows such a bound).
  static constexpr Seconds kPatience{360};

  void on_up(const Session& session) {
    on_down();
    enhanced_ = session.enhanced_refresh;
    // Section 4: from a peer with RFC 4724's capability nothing begins before End-of-RIB.
    if (session.remote.capabilities.graceful_restart) initial_ = session.families;
  }
  void on_down() {
    enhanced_ = false;
    initial_.clear();
    ends_ = {};
  }
  void on_end_of_rib(AddressFamily family) { std::erase(initial_, family); }

  /// Whether a Begin or an End is to be heeded; if not, why.
  std::optional<std::string_view> refuses(const RouteRefresh& refresh) const {
    if (!enhanced_) return "enhanced route refresh was not negotiated";
    if (refresh.kind == RefreshKind::Begin && std::ranges::find(initial_, refresh.family) != initial_.end())
      return "its End-of-RIB has not come yet";
    if (refresh.kind == RefreshKind::End && !end(refresh.family)) return "nothing had begun";
    return std::nullopt;
  }
  void heed(const RouteRefresh& refresh, Instant now) {
    if (refresh.kind == RefreshKind::Begin)
      end(refresh.family) = now + kPatience;
    else
      end(refresh.family).reset();
  }

  std::optional<Instant> deadline() const {
    if (!ends_[0] || !ends_[1]) return ends_[0] ? ends_[0] : ends_[1];
    return std::min(*ends_[0], *ends_[1]);
  }
  /// The families whose time is up; their refresh is over.
  std::vector<AddressFamily> expire(Instant now) {
    std::vector<AddressFamily> out;
    for (const AddressFamily family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
      if (!end(family) || *end(family) > now) continue;
      end(family).reset();
      out.push_back(family);
    }
    return out;
  }

 private:
  static std::size_t index(AddressFamily family) { return family == AddressFamily::IPv4 ? 0 : 1; }
  std::optional<Instant>& end(AddressFamily family) { return ends_.at(index(family)); }
  const std::optional<Instant>& end(AddressFamily family) const { return ends_.at(index(family)); }

  bool enhanced_ = false;
  std::vector<AddressFamily> initial_;            // whose End-of-RIB is still to come
  std::array<std::optional<Instant>, 2> ends_{};  // of what has begun, when it must have ended
};

}  // namespace slash32::bgp
