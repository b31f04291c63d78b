#include "bgpd/rib/prefix_table.h"

#include <algorithm>
#include <cstring>

#include "bgpd/rib/id_map.h"

namespace slash32::bgp {
namespace {

std::uint32_t hash_v4(std::uint32_t address, std::uint8_t length) { return mix32(address + length * 0x9e3779b9U); }

std::uint32_t hash_v6(const std::uint8_t* address, std::uint8_t length) {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address, 16);
  std::uint64_t h = (words[0] ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
  h ^= h >> 32;
  h = (h ^ words[1] ^ length) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<std::uint32_t>(h >> 32) ^ static_cast<std::uint32_t>(h);
}

std::uint32_t hash_of(const Prefix& prefix) {
  return prefix.family() == AddressFamily::IPv4 ? hash_v4(prefix.address().v4_value(), prefix.length())
                                                : hash_v6(prefix.address().bytes().data(), prefix.length());
}

}  // namespace

bool PrefixTable::equals(PrefixId id, const Prefix& prefix) const {
  if (lengths_[id] != prefix.length()) return false;
  if (family_ == AddressFamily::IPv4) return v4_[id] == prefix.address().v4_value();
  return std::memcmp(v6_[id].data(), prefix.address().bytes().data(), 16) == 0;
}

PrefixId PrefixTable::find(const Prefix& prefix) const {
  if (size_ == 0) return kNoPrefix;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash_of(prefix) & mask;; i = (i + 1) & mask) {
    if (slots_[i] == kNoPrefix) return kNoPrefix;
    if (equals(slots_[i], prefix)) return slots_[i];
  }
}

void PrefixTable::expect_find(const Prefix& prefix) const {
  if (size_ > 0) __builtin_prefetch(&slots_[hash_of(prefix) & (slots_.size() - 1)]);
}

PrefixId PrefixTable::insert(const Prefix& prefix) {
  if (const PrefixId found = find(prefix); found != kNoPrefix) return found;
  if ((size_ + 1) * 4 > slots_.size() * 3) rehash(slots_.empty() ? 64 : slots_.size() * 2);
  PrefixId id = 0;
  if (free_.empty()) {
    id = end();
    lengths_.push();
    nodes_.grow_to(id + 1);
    if (family_ == AddressFamily::IPv4)
      v4_.grow_to(id + 1);
    else
      v6_.grow_to(id + 1);
  } else {
    id = free_.back();
    free_.pop_back();
  }
  lengths_[id] = prefix.length();
  if (family_ == AddressFamily::IPv4)
    v4_[id] = prefix.address().v4_value();
  else
    std::ranges::copy(prefix.address().bytes(), v6_[id].begin());
  ++size_;
  place(id);
  return id;
}

void PrefixTable::erase(PrefixId id) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = home_of(id);
  while (slots_[hole] != id) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; slots_[i] != kNoPrefix; i = (i + 1) & mask) {
    const std::size_t want = home_of(slots_[i]);
    if (((i - want) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = kNoPrefix;
  lengths_[id] = kUnused;
  free_.push_back(id);
  --size_;
}

Prefix PrefixTable::prefix(PrefixId id) const {
  if (family_ == AddressFamily::IPv4) return {IpAddress::v4(v4_[id]), lengths_[id]};
  return {IpAddress::v6(v6_[id]), lengths_[id]};
}

std::size_t PrefixTable::home_of(PrefixId id) const {
  const std::uint32_t hash =
      family_ == AddressFamily::IPv4 ? hash_v4(v4_[id], lengths_[id]) : hash_v6(v6_[id].data(), lengths_[id]);
  return hash & (slots_.size() - 1);
}

void PrefixTable::place(PrefixId id) {
  std::size_t i = home_of(id);
  while (slots_[i] != kNoPrefix) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = id;
}

void PrefixTable::rehash(std::size_t slots) {
  slots_.assign(slots, kNoPrefix);
  for (PrefixId id = 0; id < end(); ++id)
    if (used(id)) place(id);
}

}  // namespace slash32::bgp
