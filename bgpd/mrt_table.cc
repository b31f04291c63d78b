#include "bgpd/mrt_table.h"

namespace slash32::bgp {

MrtTable::MrtTable(const Rib& rib, mrt::PeerEntry self, const std::vector<Peer>& peers, mrt::WallTime time)
    : rib_(rib), collector_(self.id), entries_{self}, time_(time) {
  for (const auto& peer : peers) {
    if (entries_.size() == mrt::kMostPeers) break;
    places_[peer.id] = {static_cast<std::uint16_t>(entries_.size()), peer.add_path};
    entries_.push_back(peer.entry);
  }
}

mrt::Bytes MrtTable::head() const { return mrt::encode_peer_index(time_, collector_, "", entries_); }

std::optional<mrt::Bytes> MrtTable::next(std::size_t count) {
  if (family_ == kFamilies) return std::nullopt;
  mrt::Bytes out;
  const bool more = rib_.visit_accepted(
      family_of(family_), cursor_, count,
      [&](const Prefix& prefix, const std::vector<AcceptedPath>& paths) { append(prefix, paths, out); });
  if (!more) {
    ++family_;
    cursor_ = 0;
  }
  return out;
}

void MrtTable::append(const Prefix& prefix, const std::vector<AcceptedPath>& paths, mrt::Bytes& out) {
  std::vector<mrt::RibEntry> entries;
  for (const auto& path : paths) {
    Place place;  // our own: the first entry
    if (path.peer) {
      const auto known = places_.find(*path.peer);
      if (known == places_.end()) continue;  // it came after the beginning was told
      place = known->second;
    }
    // A session that is lost has no capabilities any more; what it told with an identifier still has it.
    const bool with_id = place.add_path.at(family_) || path.path_id != 0;
    entries.push_back({place.index, with_id ? std::optional<PathId>(path.path_id) : std::nullopt, path.attributes});
  }
  left_out_ += mrt::append_rib(time_, sequence_, prefix, entries, out);
}

}  // namespace slash32::bgp
