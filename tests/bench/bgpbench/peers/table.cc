// A message's slots are asked of the memory ahead: one after another they would cost the tester most of its time.
#include "tests/bench/bgpbench/peers/table.h"

#include <algorithm>
#include <bit>

namespace bench {

Index::Index(std::span<const Key> keys) : mask_(std::bit_ceil(keys.size() * 2 + 1) - 1), slots_(mask_ + 1) {
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    std::size_t at = slot(keys[i]);
    while (slots_[at].number != kForeign) at = (at + 1) & mask_;
    slots_[at] = {keys[i], i};
  }
}

std::uint32_t Index::find(Key key, std::size_t slot) const {
  for (std::size_t at = slot; slots_[at].number != kForeign; at = (at + 1) & mask_)
    if (slots_[at].key == key) return slots_[at].number;
  return kForeign;
}

void Index::resolve(std::span<const Key> keys, std::vector<std::uint32_t>& numbers) const {
  constexpr std::size_t kAhead = 16;
  numbers.clear();
  for (std::size_t i = 0; i < keys.size() + kAhead; ++i) {
    if (i < keys.size()) __builtin_prefetch(&slots_[slot(keys[i])]);
    if (i >= kAhead) numbers.push_back(find(keys[i - kAhead]));
  }
}

Table::Table(const std::vector<std::uint32_t>& expected) : expected_(&expected), states_(expected.size()) { recount(); }

void Table::clear() {
  std::ranges::fill(states_, 0);
  recount();
}

void Table::recount() {
  present_ = states_.size() - static_cast<std::size_t>(std::ranges::count(states_, 0U));
  right_ = 0;
  for (std::size_t i = 0; i < states_.size(); ++i) right_ += states_[i] == (*expected_)[i] ? 1 : 0;
}

void Table::set(std::uint32_t number, std::uint32_t hash) {
  if (number == kForeign) {
    ++foreign_;
    return;
  }
  std::uint32_t& state = states_[number];
  const std::uint32_t want = (*expected_)[number];
  present_ = present_ + (hash != 0 ? 1 : 0) - (state != 0 ? 1 : 0);
  right_ = right_ + (hash == want ? 1 : 0) - (state == want ? 1 : 0);
  state = hash;
}

void Table::apply(std::span<const std::uint32_t> numbers, std::uint32_t hash) {
  for (const std::uint32_t number : numbers) set(number, hash);
  (hash != 0 ? announced_ : withdrawn_) += numbers.size();
}

}  // namespace bench
