// Interned attribute sets, counted by reference. Two kinds: sets as values (Adj-RIB-In and what import policy made of
// them), and sets as bytes, ready to be sent (Adj-RIB-Out). Equal sets have equal ids, so that comparing is comparing
// numbers and packing is grouping by number.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bgpd/rib/chunked.h"
#include "bgpd/rib/path.h"
#include "bgpd/wire/attributes.h"
#include "bgpd/wire/update.h"
#include "bgpd/wire/update_encode.h"

namespace slash32::bgp {

/// Hash slots for entries that live elsewhere: ids with open addressing. `hash_of(id)` must not change while it is in.
class IdSet {
 public:
  /// The id with this hash for which `equals(id)`, or 0.
  template <class HashOf, class Equals>
  std::uint32_t find(std::uint32_t hash, HashOf hash_of, Equals equals) const {
    if (size_ == 0) return 0;
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i] == 0) return 0;
      if (hash_of(slots_[i]) == hash && equals(slots_[i])) return slots_[i];
    }
  }
  template <class HashOf>
  void insert(std::uint32_t id, HashOf hash_of) {
    if ((size_ + 1) * 4 > slots_.size() * 3) rehash(slots_.empty() ? 64 : slots_.size() * 2, hash_of);
    place(id, hash_of(id));
    ++size_;
  }
  template <class HashOf>
  void erase(std::uint32_t id, HashOf hash_of) {
    std::size_t hole = hash_of(id) & mask();
    while (slots_[hole] != id) hole = (hole + 1) & mask();
    for (std::size_t i = (hole + 1) & mask(); slots_[i] != 0; i = (i + 1) & mask()) {
      const std::size_t want = hash_of(slots_[i]) & mask();
      if (((i - want) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = 0;
    --size_;
  }
  std::size_t size() const { return size_; }

 private:
  std::size_t mask() const { return slots_.size() - 1; }
  void place(std::uint32_t id, std::uint32_t hash) {
    std::size_t i = hash & mask();
    while (slots_[i] != 0) i = (i + 1) & mask();
    slots_[i] = id;
  }
  template <class HashOf>
  void rehash(std::size_t slots, HashOf hash_of) {
    std::vector<std::uint32_t> old(slots);
    old.swap(slots_);
    for (const std::uint32_t id : old)
      if (id != 0) place(id, hash_of(id));
  }
  std::vector<std::uint32_t> slots_;
  std::size_t size_ = 0;
};

/// Attribute sets as values. An id is given with one reference; whoever keeps a copy takes another. The last sets to
/// lose all references stay for a while: what is withdrawn often comes again as it was, and what was made of it (its
/// export to others) is still known by its serial.
class AttributeSets {
 public:
  AttributeSets() { entries_.push(); }  // id 0: none

  /// The id of an equal set, with one more reference; `attributes` is kept only when it is new.
  SetId intern(AttributesPtr attributes);
  SetId add_reference(SetId id) {
    if (id != 0) ++entries_[id].references;
    return id;
  }
  void release(SetId id);

  const PathAttributes& get(SetId id) const { return *entries_[id].attributes; }
  const AttributesPtr& pointer(SetId id) const { return entries_[id].attributes; }
  /// It will be asked for in a moment (PrefixTable::expect_use).
  void expect_use(SetId id) const { __builtin_prefetch(&entries_[id]); }
  /// Differs between two lives of the same id: for caches that hold no reference.
  std::uint32_t serial(SetId id) const { return entries_[id].serial; }
  /// Those that somebody refers to.
  std::size_t size() const { return index_.size() - resting_; }

  /// A number the owner keeps with a set, 0 at first and after its last reference: its next hop (next_hops.h).
  std::uint32_t tag(SetId id) const { return entries_[id].tag; }
  void set_tag(SetId id, std::uint32_t tag) { entries_[id].tag = tag; }
  bool is_last_reference(SetId id) const { return entries_[id].references == 1; }

 private:
  struct Entry {
    AttributesPtr attributes;
    std::uint32_t references = 0;
    std::uint32_t hash = 0;
    std::uint32_t serial = 0;
    std::uint32_t tag = 0;
  };
  void forget(SetId id);

  ChunkedVector<Entry> entries_;
  std::vector<SetId> free_;
  IdSet index_;
  std::uint32_t serial_ = 0;
  std::array<SetId, 64> at_rest_{};  // by serial: every set without references is in its place, others may be
  std::size_t resting_ = 0;
};

/// Attribute sets as encoded blocks: one allocation each, family and MP next hop in front.
class EncodedSets {
 public:
  EncodedSets() { entries_.push(); }  // id 0: none

  SetId intern(const AttributeBlock& block);
  SetId add_reference(SetId id) {
    if (id != 0) ++entries_[id].references;
    return id;
  }
  void release(SetId id);
  std::uint32_t references(SetId id) const { return entries_[id].references; }
  /// Valid until the set is released.
  AttributeView view(SetId id) const;
  /// Octets of a block, for sizing.
  std::size_t size_of(SetId id) const { return entries_[id].size; }
  /// The next hop that peers are told, for RFC 4271 section 5.1.3's "not an address of that peer".
  IpAddress next_hop(SetId id) const;
  std::size_t size() const { return index_.size(); }

 private:
  struct Entry {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::uint32_t size = 0;
    std::uint32_t references = 0;
    std::uint32_t hash = 0;
  };
  std::span<const std::uint8_t> bytes(SetId id) const { return {entries_[id].bytes.get(), entries_[id].size}; }
  ChunkedVector<Entry> entries_;
  std::vector<SetId> free_;
  IdSet index_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace slash32::bgp
