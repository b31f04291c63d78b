// The table as MRT records (RFC 6396 section 4.3), a bounded piece at a time: who the peers are, then every prefix with
// the paths that import policy let in, and our own. Pure.
//
// A prefix is told as it stands at its turn. One that comes or goes meanwhile may be there or not, or, gone and back,
// be there twice. Nothing is copied or put in order beforehand: a dump needs no more memory than a piece of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "bgpd/mrt/record.h"
#include "bgpd/rib/path.h"
#include "bgpd/rib/rib.h"

namespace slash32::bgp {

class MrtTable {
 public:
  struct Peer {
    PeerId id = 0;
    mrt::PeerEntry entry;
    std::array<bool, kFamilies> add_path{};  // its routes of the family come with path identifiers
  };
  /// `rib` must outlive it. Paths of who is not among `peers` are left out.
  MrtTable(const Rib& rib, mrt::PeerEntry self, const std::vector<Peer>& peers, mrt::WallTime time);

  /// PEER_INDEX_TABLE: the beginning.
  mrt::Bytes head() const;
  /// The records of the next places of the table, `count` of them at most; maybe none. Nothing: that was all.
  std::optional<mrt::Bytes> next(std::size_t count);
  /// Paths that no record can hold.
  std::size_t left_out() const { return left_out_; }

 private:
  void append(const Prefix& prefix, const std::vector<AcceptedPath>& paths, mrt::Bytes& out);

  const Rib& rib_;
  RouterId collector_;
  std::vector<mrt::PeerEntry> entries_;
  struct Place {
    std::uint16_t index = 0;
    std::array<bool, kFamilies> add_path{};
  };
  std::map<PeerId, Place> places_;
  mrt::WallTime time_;
  std::size_t family_ = 0;
  std::size_t cursor_ = 0;
  std::uint32_t sequence_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace slash32::bgp
