// A message's slots are asked of the memory together: one after another they would cost the tester most of its time.
#include "tests/bench/bgpbench/peers/table.h"

#include <algorithm>
#include <bit>

namespace bench {

Index::Index(std::span<const Key> keys) : mask_(std::bit_ceil(keys.size() * 2 + 1) - 1), slots_(mask_ + 1) {
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    std::size_t at = slot(keys[i]);
    while (slots_[at].number != kNone) at = (at + 1) & mask_;
    slots_[at] = {keys[i], i};
  }
}

std::optional<std::uint32_t> Index::find(Key key, std::size_t slot) const {
  for (std::size_t at = slot; slots_[at].number != kNone; at = (at + 1) & mask_)
    if (slots_[at].key == key) return slots_[at].number;
  return std::nullopt;
}

Table::Table(const Index& index, const std::vector<std::uint32_t>& expected)
    : index_(&index), expected_(&expected), states_(expected.size()) {
  recount();
}

void Table::clear() {
  std::ranges::fill(states_, 0);
  recount();
}

void Table::recount() {
  present_ = states_.size() - static_cast<std::size_t>(std::ranges::count(states_, 0U));
  right_ = 0;
  for (std::size_t i = 0; i < states_.size(); ++i) right_ += states_[i] == (*expected_)[i] ? 1 : 0;
}

void Table::set(Key key, std::size_t slot, std::uint32_t hash) {
  const auto number = index_->find(key, slot);
  if (!number) {
    ++foreign_;
    return;
  }
  std::uint32_t& state = states_[*number];
  const std::uint32_t want = (*expected_)[*number];
  present_ = present_ + (hash != 0 ? 1 : 0) - (state != 0 ? 1 : 0);
  right_ = right_ + (hash == want ? 1 : 0) - (state == want ? 1 : 0);
  state = hash;
}

void Table::announce(std::span<const Key> keys, std::uint32_t hash) {
  slots_.clear();
  for (const Key key : keys) {
    slots_.push_back(index_->slot(key));
    index_->prefetch(slots_.back());
  }
  for (std::size_t i = 0; i < keys.size(); ++i) set(keys[i], slots_[i], hash);
  (hash != 0 ? announced_ : withdrawn_) += keys.size();
}

void Table::withdraw(std::span<const Key> keys) { announce(keys, 0); }

}  // namespace bench
