// Drops what would be forwarded to addresses of some prefixes, in an nftables table of our own: a range of services is
// announced whole, and packets for an address in it that no service has would follow the default route back to the
// router that sent them. The chain sees them behind every translation (kube-proxy's is in prerouting) and behind
// others' filters of the usual priority, so that a refusal of theirs (a service without endpoints) is still answered. A
// discard route could do neither: it is looked up before both, and takes the node's own connections to the range as
// well.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/ip.h"
#include "common/netlink/nftables.h"
#include "common/strong.h"

namespace slash32::bgp {

/// Every one is a rule that each forwarded packet passes.
inline constexpr std::size_t kMaxForwardDrops = 256;

/// `slash32-unused`, or `slash32-unused-TABLE` beside another routing table than main (254): a second speaker has its
/// own.
netlink::Table forward_drop_table(TableId table, std::span<const Prefix> prefixes);

/// Of `prefixes`, those that no other one covers, in order.
std::vector<Prefix> without_covered(std::vector<Prefix> prefixes);

/// The worker's: calls block for as long as the kernel works, at most some seconds. Nothing is opened between two.
class ForwardDrop {
 public:
  explicit ForwardDrop(TableId table) : table_(table) {}

  /// The first time also takes away what an earlier life left.
  void want(std::vector<Prefix> prefixes);
  /// Looks whether the table is as wanted, and mends it: at once after want(), then every minute, since others flush
  /// tables that are not theirs.
  void on_time(Instant now);
  /// When on_time() is due; nothing: nothing is wanted and nothing is there.
  std::optional<Instant> deadline() const { return due_; }
  /// Takes the table away, for good.
  void remove();
  /// Empty, or what is not as wanted, and why.
  const std::string& trouble() const { return trouble_; }

 private:
  Status put_in_place();
  Status take_away();

  TableId table_;
  std::vector<Prefix> wanted_;
  std::size_t left_out_ = 0;
  bool ordered_ = false;      // want() was called
  bool ever_wanted_ = false;  // in this life
  std::optional<Instant> due_;
  std::string trouble_;
};

}  // namespace slash32::bgp
