// What a new configuration changes: the one difference that a reload applies, tells afterwards, and can be asked for
// beforehand. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/strong.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// What becomes of a neighbour's session, or of those of a range.
enum class Effect : std::uint8_t {
  Live,     // it goes on
  Refresh,  // it goes on, and its routes are evaluated again; what comes out the same is not sent again
  Reset,    // it is closed with a Cease, and opened again unless it is disabled
  Added,
  Removed,  // it is closed for good
};
std::string_view to_string(Effect effect);  // "live", "refresh", "reset", "added", "removed"

struct NeighborChange {
  std::string name;
  std::string place;  // the address, an unnumbered one's interface, or the range
  bool range = false;
  Effect effect = Effect::Live;
  std::vector<std::string> keys;      // that changed: "holdTime", "bfd.minTx"; "/localAs" for one of the top level
  std::vector<std::string> reset_by;  // of these, or beside them, those that ask for a reset
  /// A session that is there ends by it.
  bool ends_sessions = false;
};

struct ConfChanges {
  std::vector<std::string> sections;  // "/policies"
  std::vector<NeighborChange> neighbors;
};

/// `old_id`, `new_id`: the router IDs in use.
ConfChanges compare_confs(const config::BgpdConf& old_conf, RouterId old_id, const config::BgpdConf& new_conf,
                          RouterId new_id);
/// One line a change, empty when there is none: "/policies changed", "neighbor tor1 (10.0.1.254) added", "neighbor tor1
/// (10.0.1.254) changed (holdTime); its session is reset".
std::vector<std::string> describe(const ConfChanges& changes);
/// Both.
std::vector<std::string> conf_changes(const config::BgpdConf& old_conf, RouterId old_id,
                                      const config::BgpdConf& new_conf, RouterId new_id);

/// The address, or an unnumbered neighbour's interface.
std::string place_of(const config::NeighborConf& neighbor);

/// Whoever calls from a range, as a neighbour. `link`: that a link-local address came from, else empty.
config::NeighborConf neighbor_of(const config::DynamicNeighborConf& range, const IpAddress& address,
                                 const std::string& link);

/// The keys for which the sessions that a range has must end, as reset_keys() of those who came from it; none: they go
/// on.
std::vector<std::string> range_reset_keys(const config::BgpdConf& old_conf, RouterId old_id,
                                          const config::DynamicNeighborConf& was, const config::BgpdConf& new_conf,
                                          RouterId new_id, const config::DynamicNeighborConf& is);

}  // namespace slash32::bgp
