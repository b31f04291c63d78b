#include "bgpd/rib/interner.h"

#include <algorithm>
#include <cstring>

#include "common/bytes.h"

namespace slash32::bgp {
namespace {

std::uint32_t fold(std::uint64_t h) { return static_cast<std::uint32_t>(h ^ (h >> 32)); }

std::uint32_t hash_bytes(std::span<const std::uint8_t> bytes) {
  std::uint64_t h = 0x9e3779b97f4a7c15ULL + bytes.size();
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min<std::size_t>(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), n);
    h = (h ^ word) * 0xff51afd7ed558ccdULL;
    h ^= h >> 29;
    bytes = bytes.subspan(n);
  }
  return fold(h * 0xc4ceb9fe1a85ec53ULL);
}

}  // namespace

SetId AttributeSets::intern(AttributesPtr attributes) {
  // hash_value may keep its entropy in few bits: spread it, for the slots use the low ones.
  const std::uint32_t hash =
      fold((static_cast<std::uint64_t>(hash_value(*attributes)) ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL);
  const auto hash_of = [this](SetId id) { return entries_[id].hash; };
  const SetId found = index_.find(hash, hash_of, [&](SetId id) { return *entries_[id].attributes == *attributes; });
  if (found != 0) {
    if (entries_[found].references == 0) --resting_;
    return add_reference(found);
  }
  SetId id = 0;
  if (free_.empty()) {
    id = static_cast<SetId>(entries_.size());
    entries_.push();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = {std::move(attributes), 1, hash, ++serial_, 0};
  index_.insert(id, hash_of);
  return id;
}

void AttributeSets::release(SetId id) {
  if (id == 0 || --entries_[id].references != 0) return;
  entries_[id].tag = 0;
  SetId& place = at_rest_.at(entries_[id].serial % at_rest_.size());
  if (place != 0 && place != id && entries_[place].references == 0) forget(place);
  place = id;
  ++resting_;
}

void AttributeSets::forget(SetId id) {
  --resting_;
  index_.erase(id, [this](SetId i) { return entries_[i].hash; });
  entries_[id] = {};
  free_.push_back(id);
}

SetId EncodedSets::intern(const AttributeBlock& block) {
  scratch_.clear();
  scratch_.push_back(static_cast<std::uint8_t>(block.family));
  scratch_.push_back(static_cast<std::uint8_t>(block.mp_next_hop.size()));
  scratch_.insert(scratch_.end(), block.mp_next_hop.begin(), block.mp_next_hop.end());
  scratch_.insert(scratch_.end(), block.bytes.begin(), block.bytes.end());
  const std::uint32_t hash = hash_bytes(scratch_);
  const auto hash_of = [this](SetId id) { return entries_[id].hash; };
  const SetId found = index_.find(hash, hash_of, [&](SetId id) { return std::ranges::equal(bytes(id), scratch_); });
  if (found != 0) return add_reference(found);
  SetId id = 0;
  if (free_.empty()) {
    id = static_cast<SetId>(entries_.size());
    entries_.push();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[id];
  entry.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(scratch_.size());
  std::ranges::copy(scratch_, entry.bytes.get());
  entry.size = static_cast<std::uint32_t>(scratch_.size());
  entry.references = 1;
  entry.hash = hash;
  index_.insert(id, hash_of);
  return id;
}

void EncodedSets::release(SetId id) {
  if (id == 0 || --entries_[id].references != 0) return;
  index_.erase(id, [this](SetId i) { return entries_[i].hash; });
  entries_[id] = {};
  free_.push_back(id);
}

AttributeView EncodedSets::view(SetId id) const {
  ByteReader in{bytes(id)};
  const auto family = static_cast<AddressFamily>(in.u8());
  const auto next_hop = in.bytes(in.u8());
  return {.family = family, .bytes = in.rest(), .mp_next_hop = next_hop};
}

IpAddress EncodedSets::next_hop(SetId id) const {
  ByteReader in{bytes(id)};
  in.u8();
  const auto mp = in.bytes(in.u8());
  if (!mp.empty()) return IpAddress::from_bytes(mp.size() > 16 ? mp.first(16) : mp).value_or(IpAddress{});
  // IPv4: NEXT_HOP (type 3) among the first attributes, which are ordered by type.
  while (!in.empty()) {
    const std::uint8_t flags = in.u8();
    const std::uint8_t type = in.u8();
    const std::size_t length = (flags & 0x10) != 0 ? in.u16() : in.u8();
    const auto value = in.bytes(length);
    if (type == 3) return IpAddress::from_bytes(value).value_or(IpAddress{});
    if (type > 3) break;
  }
  return {};
}

}  // namespace slash32::bgp
