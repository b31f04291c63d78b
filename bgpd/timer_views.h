// What the control interface shows of a neighbour's timers, as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "bgpd/peer/peer.h"

namespace slash32::bgp {

/// What of a neighbour's timers is looked at.
struct ShownTimers {
  const PeerSettings& settings;
  const Session* session = nullptr;  // while Established
  PeerTimers running;
  const std::vector<PeerStatus::Stale>& stale;
  std::optional<Instant> held;  // when what holds the neighbour down is looked at again
};

/// {"configured", "negotiated": null while not Established, "remaining": of what runs}, all in seconds.
nlohmann::ordered_json timers_view(const ShownTimers& timers, Instant now);

}  // namespace slash32::bgp
