// What sinks make of UPDATEs. Speakers tell many sinks the same octets: what one sink has read in its n-th UPDATE is
// kept, and whoever finds the very same octets in his n-th takes the result. With 200 sinks that is most of the
// tester's time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/bench/bgpbench/peers/message.h"
#include "tests/bench/bgpbench/peers/table.h"

namespace bench {

/// An UPDATE by the numbers of its prefixes.
struct Read {
  std::vector<std::uint32_t> withdrawn;
  std::vector<std::uint32_t> announced;
  std::uint32_t hash = 0;
  bool end_of_rib = false;
};

class Reader {
 public:
  /// `index` must outlive it. `remember`: worth it with more than one sink.
  Reader(const Index& index, bool ipv6, Expectation expected, bool remember)
      : index_(&index), ipv6_(ipv6), expected_(std::move(expected)), remember_(remember) {}

  /// Reads a sink's UPDATE number `position`, and counts it there unless it is so short that it may be End-of-RIB,
  /// which comes where it likes. The result is good until the next call; nothing: not well-formed.
  const Read* read(std::span<const std::uint8_t> message, std::size_t& position);

 private:
  struct Known {
    Stream message;
    Read read;
  };
  bool decode(std::span<const std::uint8_t> message, Read& out);

  const Index* index_;
  bool ipv6_;
  Expectation expected_;
  bool remember_;
  Routes routes_;
  Read once_;
  std::vector<Known> known_;
  std::size_t bytes_ = 0;  // of what is known
};

}  // namespace bench
