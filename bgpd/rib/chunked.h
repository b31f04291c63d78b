// Containers of the RIB that stay small at a million prefixes: an array that grows without moving or doubling, and a
// coarse index of which parts of it something occurs in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace slash32::bgp {

/// An array in chunks: growing never copies, so the peak is what is used. Elements are value-initialised and stay.
template <class T>
class ChunkedVector {
 public:
  static constexpr std::size_t kBits = 10;
  static constexpr std::size_t kChunk = std::size_t{1} << kBits;

  T& operator[](std::size_t i) { return chunks_[i >> kBits][i & (kChunk - 1)]; }
  const T& operator[](std::size_t i) const { return chunks_[i >> kBits][i & (kChunk - 1)]; }
  std::size_t size() const { return size_; }
  void grow_to(std::size_t size) {
    while (chunks_.size() * kChunk < size) chunks_.push_back(std::make_unique<T[]>(kChunk));
    if (size > size_) size_ = size;
  }
  T& push() {
    grow_to(size_ + 1);
    return (*this)[size_ - 1];
  }

 private:
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

/// Which blocks of 64 consecutive ids *may* hold something: a bit a block, set when it is added, cleared only when a
/// walk finds the block without it. Finds the routes of a peer or a next hop without visiting the whole table, for
/// two kilobytes at a million prefixes.
class BlockIndex {
 public:
  static constexpr std::uint32_t kBlock = 64;

  void add(std::uint32_t id) {
    const std::size_t block = id / kBlock;
    if (block / 64 >= words_.size()) words_.resize(block / 64 + 1);
    words_[block / 64] |= std::uint64_t{1} << (block % 64);
  }
  /// Calls `visit(id)` for every id below `end` in marked blocks; a block where each call returned false is unmarked.
  template <class Visit>
  void walk(std::size_t end, Visit visit) {
    for (std::size_t word = 0; word < words_.size(); ++word)
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::size_t>(__builtin_ctzll(bits));
        if (!walk_block(static_cast<std::uint32_t>((word * 64 + bit) * kBlock), end, visit))
          words_[word] &= ~(std::uint64_t{1} << bit);
      }
  }
  void clear() { words_.clear(); }

 private:
  template <class Visit>
  bool walk_block(std::uint32_t first, std::size_t end, Visit& visit) {
    bool any = false;
    for (std::uint32_t id = first; id < first + kBlock && id < end; ++id)
      if (visit(id)) any = true;
    return any;
  }
  std::vector<std::uint64_t> words_;
};

}  // namespace slash32::bgp
