// The prefixes of one family: a number for each, and its node. Keys stand in arrays of their own (5 bytes for IPv4, 17
// for IPv6), the hash holds numbers only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bgpd/rib/chunked.h"
#include "bgpd/rib/path.h"
#include "common/ip.h"

namespace slash32::bgp {

class PrefixTable {
 public:
  explicit PrefixTable(AddressFamily family) : family_(family) {}

  AddressFamily family() const { return family_; }
  /// kNoPrefix when it is not there. `prefix` must be of this family.
  PrefixId find(const Prefix& prefix) const;
  /// Finds or adds.
  PrefixId insert(const Prefix& prefix);
  /// Forgets a prefix; its id may be given to another one. The node must be empty and unheld.
  void erase(PrefixId id);

  /// Erases it when nothing is in it and nobody holds it.
  void forget_if_unused(PrefixId id) {
    const Node& n = nodes_[id];
    if (used(id) && n.paths.empty() && n.held == 0 && n.work == Node::Work::None && n.fib == 0) erase(id);
  }

  Prefix prefix(PrefixId id) const;
  std::uint8_t length(PrefixId id) const { return lengths_[id]; }
  Node& node(PrefixId id) { return nodes_[id]; }
  const Node& node(PrefixId id) const { return nodes_[id]; }
  bool used(PrefixId id) const { return lengths_[id] != kUnused; }
  /// Ids are below this; some of them may be unused.
  PrefixId end() const { return static_cast<PrefixId>(lengths_.size()); }
  std::size_t size() const { return size_; }

  // In a table that is larger than the processor's caches each of these saves one wait for memory, where somebody looks
  // a few prefixes ahead: before find(), before node() and prefix(), before erase().
  void expect_find(const Prefix& prefix) const;
  void expect_use(PrefixId id) const {
    __builtin_prefetch(&nodes_[id]);
    __builtin_prefetch(&lengths_[id]);
    __builtin_prefetch(family_ == AddressFamily::IPv4 ? static_cast<const void*>(&v4_[id])
                                                      : static_cast<const void*>(&v6_[id]));
  }
  void expect_erase(PrefixId id) const { __builtin_prefetch(&slots_[home_of(id)]); }

 private:
  static constexpr std::uint8_t kUnused = 0xff;
  bool equals(PrefixId id, const Prefix& prefix) const;
  std::size_t home_of(PrefixId id) const;
  void rehash(std::size_t slots);
  void place(PrefixId id);

  AddressFamily family_;
  ChunkedVector<std::uint32_t> v4_;
  ChunkedVector<std::array<std::uint8_t, 16>> v6_;
  ChunkedVector<std::uint8_t> lengths_;
  ChunkedVector<Node> nodes_;
  std::vector<PrefixId> slots_;  // kNoPrefix: empty
  std::vector<PrefixId> free_;
  std::size_t size_ = 0;
};

}  // namespace slash32::bgp
