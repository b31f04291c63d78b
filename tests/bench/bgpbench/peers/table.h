// What sinks know: which prefixes there are at all (shared), and what each sink was last told of each. Counted as it
// comes, so that "everything is as it should be" is a comparison of two numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/bench/bgpbench/peers/workload.h"

namespace bench {

inline constexpr std::uint32_t kForeign = 0xffffffff;  // the number of a prefix that is none of ours

/// Prefix to number: an open hash table that is never changed.
class Index {
 public:
  explicit Index(std::span<const Key> keys);
  /// The number of each key, in their order.
  void resolve(std::span<const Key> keys, std::vector<std::uint32_t>& numbers) const;
  std::uint32_t find(Key key) const { return find(key, slot(key)); }

 private:
  struct Slot {
    Key key = 0;
    std::uint32_t number = kForeign;  // until it is taken
  };
  std::size_t slot(Key key) const { return Random{key}.next() & mask_; }
  std::uint32_t find(Key key, std::size_t slot) const;

  std::size_t mask_ = 0;
  std::vector<Slot> slots_;
};

/// One sink's table.
class Table {
 public:
  /// `expected` must outlive it: the hash that each prefix should have in the end; 0: it should not be there.
  explicit Table(const std::vector<std::uint32_t>& expected);
  /// `hash` 0: withdrawn.
  void apply(std::span<const std::uint32_t> numbers, std::uint32_t hash);
  /// Everything as after a lost session.
  void clear();
  /// After a change of what is expected.
  void recount();

  std::uint32_t state(std::size_t number) const { return states_[number]; }
  std::size_t size() const { return states_.size(); }
  std::size_t present() const { return present_; }
  /// How many are as they should be, those included that should not be there and are not.
  std::size_t right() const { return right_; }
  std::uint64_t announced() const { return announced_; }  // NLRI, again and again
  std::uint64_t withdrawn() const { return withdrawn_; }
  std::uint64_t foreign() const { return foreign_; }  // not one of ours

 private:
  void set(std::uint32_t number, std::uint32_t hash);

  const std::vector<std::uint32_t>* expected_;
  std::vector<std::uint32_t> states_;  // 0: not there
  std::size_t present_ = 0;
  std::size_t right_ = 0;
  std::uint64_t announced_ = 0;
  std::uint64_t withdrawn_ = 0;
  std::uint64_t foreign_ = 0;
};

}  // namespace bench
