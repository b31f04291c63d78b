// A hash map from 32-bit ids to small values: open addressing, no node per entry. For what is pending, which is little
// in the steady state and may be a whole table for a slow peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace slash32::bgp {

inline std::uint32_t mix32(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

template <class Value>
class IdMap {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  Value* find(std::uint32_t id) {
    if (size_ == 0) return nullptr;
    for (std::size_t i = home(id);; i = next(i)) {
      if (slots_[i].id == kEmpty) return nullptr;
      if (slots_[i].id == id) return &slots_[i].value;
    }
  }
  const Value* find(std::uint32_t id) const { return const_cast<IdMap*>(this)->find(id); }

  /// The value of `id`, made if it was not there; the second is true when it was made.
  std::pair<Value*, bool> insert(std::uint32_t id) {
    if ((size_ + 1) * 4 > slots_.size() * 3) rehash(slots_.empty() ? 16 : slots_.size() * 2);
    std::size_t i = home(id);
    while (slots_[i].id != kEmpty && slots_[i].id != id) i = next(i);
    const bool made = slots_[i].id == kEmpty;
    if (made) {
      slots_[i] = {id, Value{}};
      ++size_;
    }
    return {&slots_[i].value, made};
  }

  void erase(std::uint32_t id) {
    if (Value* const value = find(id)) erase(value);
  }
  /// The same of a value that find() or insert() gave.
  void erase(Value* value) {
    std::size_t hole = slot_of(value);
    for (std::size_t i = next(hole); slots_[i].id != kEmpty;
         i = next(i)) {  // close the gap, so that no tombstone stays
      const std::size_t want = home(slots_[i].id);
      if (((i - want) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole].id = kEmpty;
    if (--size_ == 0 && slots_.size() > kKeep) slots_ = {};
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.id != kEmpty) visit(slot.id, slot.value);
  }
  void clear() {
    slots_ = {};
    size_ = 0;
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xffffffffU;
  static constexpr std::size_t kKeep = 2048;  // slots kept when the map runs empty: a turn's prefixes fit in
  struct Slot {
    std::uint32_t id = kEmpty;
    Value value{};
  };
  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t slot_of(const Value* value) const {
    const auto offset = reinterpret_cast<const std::byte*>(value) - reinterpret_cast<const std::byte*>(slots_.data());
    return static_cast<std::size_t>(offset) / sizeof(Slot);
  }
  std::size_t home(std::uint32_t id) const { return mix32(id) & mask(); }
  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  void rehash(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id == kEmpty) continue;
      std::size_t i = home(slot.id);
      while (slots_[i].id != kEmpty) i = next(i);
      slots_[i] = slot;
    }
  }
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

/// A queue of ids that counts what went through it, so that "everything queued until now" is a number to wait for.
class IdFifo {
 public:
  void push(std::uint32_t id) {
    ids_.push_back(id);
    ++pushed_;
  }
  std::uint32_t pop() {
    const std::uint32_t id = ids_[head_++];
    if (head_ == ids_.size()) {
      if (ids_.capacity() > kKeep) ids_ = {};
      ids_.clear();
      head_ = 0;
    } else if (head_ >= kKeep && head_ * 2 >= ids_.size()) {
      ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return id;
  }
  /// Drops every id for which `wanted` is false, and repeated ones.
  template <class Wanted>
  void retain(Wanted wanted) {
    std::vector<std::uint32_t> kept;
    IdMap<bool> seen;
    for (std::size_t i = head_; i < ids_.size(); ++i)
      if (wanted(ids_[i]) && seen.insert(ids_[i]).second) kept.push_back(ids_[i]);
    ids_ = std::move(kept);
    head_ = 0;
  }
  bool empty() const { return head_ == ids_.size(); }
  std::size_t size() const { return ids_.size() - head_; }
  /// The one `places` behind the next; `places` must be less than size().
  std::uint32_t peek(std::size_t places) const { return ids_[head_ + places]; }
  std::uint64_t pushed() const { return pushed_; }
  std::uint64_t popped() const { return pushed_ - size(); }

 private:
  static constexpr std::size_t kKeep = 4096;
  std::vector<std::uint32_t> ids_;
  std::size_t head_ = 0;
  std::uint64_t pushed_ = 0;
};

}  // namespace slash32::bgp
