// What sinks know: which prefixes there are at all (shared), and what each sink was last told of each. Counted as it
// comes, so that "everything is as it should be" is a comparison of two numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tests/bench/bgpbench/peers/workload.h"

namespace bench {

/// Prefix to number: an open hash table that is never changed.
class Index {
 public:
  explicit Index(std::span<const Key> keys);
  std::size_t slot(Key key) const { return Random{key}.next() & mask_; }
  void prefetch(std::size_t slot) const { __builtin_prefetch(&slots_[slot]); }
  /// The number of `key`, whose slot() is known; nothing for one that is not there.
  std::optional<std::uint32_t> find(Key key, std::size_t slot) const;

 private:
  struct Slot {
    Key key = 0;
    std::uint32_t number = kNone;
  };
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::size_t mask_ = 0;
  std::vector<Slot> slots_;
};

/// One sink's table.
class Table {
 public:
  /// Both must outlive it. `expected`: the hash that each prefix should have in the end; 0: it should not be there.
  Table(const Index& index, const std::vector<std::uint32_t>& expected);
  void announce(std::span<const Key> keys, std::uint32_t hash);
  void withdraw(std::span<const Key> keys);
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
  void set(Key key, std::size_t slot, std::uint32_t hash);

  const Index* index_;
  const std::vector<std::uint32_t>* expected_;
  std::vector<std::uint32_t> states_;  // 0: not there
  std::vector<std::size_t> slots_;     // of one message
  std::size_t present_ = 0;
  std::size_t right_ = 0;
  std::uint64_t announced_ = 0;
  std::uint64_t withdrawn_ = 0;
  std::uint64_t foreign_ = 0;
};

}  // namespace bench
