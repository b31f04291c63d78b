// The prefixes of both families that are to be decided again: what was withdrawn, lost its next hop or is our own goes
// ahead of what was announced, and what a neighbour announces who says little goes ahead of others' tables. A prefix
// stands in it once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bgpd/rib/id_map.h"
#include "bgpd/rib/prefix_table.h"

namespace slash32::bgp {

class WorkQueue {
 public:
  explicit WorkQueue(std::array<PrefixTable, kFamilies>& tables) : tables_(&tables) {}

  void push(std::size_t family, PrefixId id, bool urgent) {
    Node& node = (*tables_)[family].node(id);
    const Node::Work wanted = urgent ? Node::Work::Urgent : Node::Work::Ordinary;
    if (node.work >= wanted) return;
    node.work = wanted;
    line(family, urgent ? Line::Urgent : Line::Ordinary).push(id);
  }
  /// Ahead of what is in the ordinary line; what is in it already stays where it is.
  void push_ahead(std::size_t family, PrefixId id) {
    Node& node = (*tables_)[family].node(id);
    if (node.work != Node::Work::None) return;
    node.work = Node::Work::Ordinary;
    line(family, Line::Ahead).push(id);
  }

  struct Item {
    std::size_t family = 0;
    PrefixId id = kNoPrefix;
    PrefixId soon = kNoPrefix;  // of the same family: will be popped a little later
  };
  /// The next prefix, its mark taken off.
  std::optional<Item> pop() {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::size_t family = i % kFamilies;
      while (!lines_[i].empty()) {
        const PrefixId id = lines_[i].pop();
        // It may have been served by a line before this one, and even forgotten since.
        Node& node = (*tables_)[family].node(id);
        if (!(*tables_)[family].used(id) || node.work == Node::Work::None) continue;
        node.work = Node::Work::None;
        const PrefixId soon = lines_[i].size() > kAhead ? lines_[i].peek(kAhead) : kNoPrefix;
        return Item{family, id, soon};
      }
    }
    return std::nullopt;
  }
  bool empty() const {
    for (const IdFifo& line : lines_)
      if (!line.empty()) return false;
    return true;
  }

  std::size_t size() const {
    std::size_t out = 0;
    for (const IdFifo& line : lines_) out += line.size();
    return out;
  }

  /// "Everything queued until now."
  using Mark = std::array<std::uint64_t, 3 * kFamilies>;
  Mark mark() const {
    Mark mark{};
    for (std::size_t i = 0; i < lines_.size(); ++i) mark[i] = lines_[i].pushed();
    return mark;
  }
  bool passed(const Mark& mark) const {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (lines_[i].popped() < mark[i]) return false;
    return true;
  }

 private:
  static constexpr std::size_t kAhead = 8;
  enum class Line : std::uint8_t { Urgent, Ahead, Ordinary };
  IdFifo& line(std::size_t family, Line which) { return lines_[static_cast<std::size_t>(which) * kFamilies + family]; }
  std::array<PrefixTable, kFamilies>* tables_;
  std::array<IdFifo, 3 * kFamilies> lines_;  // in the order of Line
};

}  // namespace slash32::bgp
