// A map from prefixes to small values, for tables of a million routes: open addressing in one array a family, no
// allocation an entry. Pure. Pointers and references to values live until the next insertion or erasure.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "common/ip.h"

namespace slash32::bgp {

template <class Value>
class PrefixMap {
 public:
  /// `seed`: where prefixes come from others, a number they cannot know, so that they cannot choose ones that collide.
  explicit PrefixMap(std::uint64_t seed = 0) : v4_(seed), v6_(seed) {}

  Value* find(const Prefix& prefix) {
    return prefix.family() == AddressFamily::IPv4 ? v4_.find(prefix) : v6_.find(prefix);
  }
  const Value* find(const Prefix& prefix) const { return const_cast<PrefixMap*>(this)->find(prefix); }
  bool contains(const Prefix& prefix) const { return find(prefix) != nullptr; }
  /// The value of a prefix, made when there is none.
  Value& operator[](const Prefix& prefix) {
    return prefix.family() == AddressFamily::IPv4 ? v4_.insert(prefix) : v6_.insert(prefix);
  }
  void erase(const Prefix& prefix) { prefix.family() == AddressFamily::IPv4 ? v4_.erase(prefix) : v6_.erase(prefix); }
  std::size_t size() const { return v4_.size() + v6_.size(); }

  /// Calls `each(prefix, value)` for all, in no order; `each` must neither insert nor erase.
  template <class Each>
  void for_each(Each each) {
    v4_.for_each(each);
    v6_.for_each(each);
  }
  template <class Each>
  void for_each(Each each) const {
    const_cast<PrefixMap*>(this)->for_each([&](const Prefix& p, Value& v) { each(p, std::as_const(v)); });
  }
  /// Erases every entry for which `condition(prefix, value)` holds; asked once of each.
  template <class Condition>
  void erase_if(Condition condition) {
    std::vector<Prefix> gone;  // erasing moves others: not while walking
    for_each([&](const Prefix& p, Value& v) {
      if (condition(p, v)) gone.push_back(p);
    });
    for (const Prefix& p : gone) erase(p);
  }

 private:
  /// One family: linear probing, and erasing by shifting back, so that no tombstones gather.
  template <std::size_t kBytes>
  class Table {
   public:
    explicit Table(std::uint64_t seed) : seed_(seed) {}
    std::size_t size() const { return size_; }

    Value* find(const Prefix& prefix) {
      if (slots_.empty()) return nullptr;
      const Key key = key_of(prefix);
      for (std::size_t at = home(key);; at = next(at)) {
        if (slots_[at].key == key) return &slots_[at].value;
        if (slots_[at].key.empty()) return nullptr;
      }
    }
    Value& insert(const Prefix& prefix) {
      if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? 16 : slots_.size() * 2);
      const Key key = key_of(prefix);
      std::size_t at = home(key);
      while (!slots_[at].key.empty() && slots_[at].key != key) at = next(at);
      if (slots_[at].key.empty()) {
        slots_[at] = {key, Value{}};
        ++size_;
      }
      return slots_[at].value;
    }
    void erase(const Prefix& prefix) {
      if (slots_.empty()) return;
      const Key key = key_of(prefix);
      std::size_t hole = home(key);
      while (slots_[hole].key != key) {
        if (slots_[hole].key.empty()) return;
        hole = next(hole);
      }
      // Whoever stands behind the hole and was pushed past it moves into it.
      for (std::size_t at = next(hole); !slots_[at].key.empty(); at = next(at)) {
        const std::size_t wanted = home(slots_[at].key);
        if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
        slots_[hole] = slots_[at];
        hole = at;
      }
      slots_[hole] = {};
      --size_;
      if (slots_.size() > 1024 && size_ * 8 < slots_.size()) resize(slots_.size() / 4);
    }
    template <class Each>
    void for_each(Each& each) {
      for (Slot& slot : slots_)
        if (!slot.key.empty()) each(prefix_of(slot.key), slot.value);
    }

   private:
    struct Key {
      std::array<std::uint8_t, kBytes> address{};
      std::uint8_t length_and_one = 0;  // 0: nobody is here
      bool empty() const { return length_and_one == 0; }
      bool operator==(const Key&) const = default;
    };
    struct Slot {
      Key key;
      Value value{};
    };

    static Key key_of(const Prefix& prefix) {
      Key key;
      std::memcpy(key.address.data(), prefix.address().bytes().data(), kBytes);
      key.length_and_one = static_cast<std::uint8_t>(prefix.length() + 1);
      return key;
    }
    static Prefix prefix_of(const Key& key) {
      const auto& a = key.address;
      const auto length = static_cast<std::uint8_t>(key.length_and_one - 1);
      if constexpr (kBytes == 4)
        return {IpAddress::v4(std::uint32_t{a[0]} << 24 | std::uint32_t{a[1]} << 16 | std::uint32_t{a[2]} << 8 | a[3]),
                length};
      else
        return {IpAddress::v6(a), length};
    }
    /// Fibonacci hashing of the address's words; neighbours in address space end far apart.
    std::size_t home(const Key& key) const {
      constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
      std::uint64_t h = seed_ ^ key.length_and_one;
      for (std::size_t i = 0; i < kBytes; i += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, key.address.data() + i, sizeof word);
        h = (h ^ word) * kGolden;
        h ^= h >> 32;
      }
      return (h * kGolden) >> shift_;
    }
    std::size_t mask() const { return slots_.size() - 1; }
    std::size_t next(std::size_t at) const { return (at + 1) & mask(); }

    void resize(std::size_t capacity) {  // a power of two
      std::vector<Slot> old(capacity);
      std::swap(old, slots_);
      shift_ = 64 - static_cast<unsigned>(std::countr_zero(capacity));
      for (const Slot& slot : old) {
        if (slot.key.empty()) continue;
        std::size_t at = home(slot.key);
        while (!slots_[at].key.empty()) at = next(at);
        slots_[at] = slot;
      }
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
    std::uint64_t seed_ = 0;
    unsigned shift_ = 64;
  };

  Table<4> v4_;
  Table<16> v6_;
};

}  // namespace slash32::bgp
