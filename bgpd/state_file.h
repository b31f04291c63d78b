// What one life of the daemon leaves for the next in the same boot: which families had learned routes in the kernel,
// and which drains an operator ordered. With the first the R and F bits of graceful restart (RFC 4724 section 3) are
// set only when they are true.
//   {"bootId": "…", "learned": ["ipv4"]}, and "draining": true, "drained": ["10.0.1.254", "fe80::1%eth1"] where that
//   was ordered; of an unnumbered neighbour "::%eth1"
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ip.h"
#include "common/result.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

struct EarlierLife {
  std::vector<AddressFamily> learned;          // families with learned routes in the kernel when it was last written
  bool draining = false;                       // ordered, and not taken back
  std::vector<config::NeighborKey> drained{};  // the same of neighbours
  bool operator==(const EarlierLife&) const = default;
};

/// What a previous life of this boot left; nothing when there was none, or the file is of another boot or unreadable
/// (then a cold start is the truth that can be told).
std::optional<EarlierLife> read_state_file(const std::string& path, const std::string& boot_id);
Status write_state_file(const std::string& path, const std::string& boot_id, const EarlierLife& life);
/// Leaving for good: nothing is left behind.
void remove_state_file(const std::string& path);

/// The kernel's boot ID; empty when it cannot be read, and then no state is believed.
std::string read_boot_id();

/// Families whose forwarding state survived: what was there in the earlier life is still found in the kernel. A family
/// that had nothing to lose has lost nothing (pods' own routes are the kernel's and need no daemon).
std::vector<AddressFamily> preserved_families(const std::optional<EarlierLife>& earlier, bool found_v4, bool found_v6);

}  // namespace slash32::bgp
